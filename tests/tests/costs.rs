//! What methods say of their cost before they start, and keep while they run: progress, and the memory budget.

use std::ops::ControlFlow;

use inseq_core::SequenceAttribution;
use inseq_methods::engine::{Engine, TextSteps};
use inseq_methods::{AttributionModel, AttributionRequest, Bounds, Error, LoadOptions, Plan, Progress, list_methods};
use inseq_models::model::Wanted;
use inseq_tests::{assert_close, fixture};
use serde_json::{Value, json};

const TEXTS: [(&str, &str, &str); 2] =
    [("marian", "a dog ran", "to the big house ."), ("gpt2", "a dog ran", "a dog ran to the big house .")];

fn model(name: &str, memory_budget: usize) -> AttributionModel {
    let folder = fixture("architectures").join(name);
    let options = LoadOptions::default().memory_budget(memory_budget);
    AttributionModel::load_with(folder.to_str().unwrap(), &options).unwrap()
}

/// Arguments with which a method is quick.
fn quick(method: &str) -> Value {
    match method {
        "reagent" => json!({ "max_probe_steps": 7, "num_probes": 2, "replacements": "uniform" }),
        "lime" | "kernel_shap" => json!({ "n_samples": 9 }),
        "shapley_value_sampling" => json!({ "n_samples": 2 }),
        "partition_shap" => json!({ "max_evals": 12 }),
        "gradient_shap" | "smoothgrad" => json!({ "n_samples": 3 }),
        method if method.ends_with("integrated_gradients") => json!({ "n_steps": 4 }),
        _ => json!({}),
    }
}

fn request(method: &str, source: &str, target: &str) -> AttributionRequest {
    let mut request = AttributionRequest::new([source]).generated_texts([target]).method(method).attribute_target(true);
    request.attribution_args = quick(method).as_object().cloned().unwrap();
    request
}

/// Forwards, and pullbacks of all steps, that a method needs by its definition; of ReAGent, forwards of one iteration.
fn expected(method: &str, plan: &Plan, decoder_only: bool) -> (usize, usize) {
    let (source, target, steps) = (plan.source, plan.target - 1, plan.steps);
    let tokens = source + target;
    // The decoder's start and the source's end are equal to their baselines.
    let changing = if decoder_only { tokens } else { tokens - 2 };
    match method {
        "saliency" | "input_x_gradient" | "layer_gradient_x_activation" => (1, steps),
        "lrp" | "gim" | "relp" | "libragrad" | "propagation" => (1, steps),
        // Neither model has a rectifier.
        "deeplift" | "layer_deeplift" => (1, steps),
        "gradient_shap" | "smoothgrad" => (3, 3 * steps),
        "integrated_gradients" | "layer_integrated_gradients" | "discretized_integrated_gradients" => (4, 4 * steps),
        "sequential_integrated_gradients" => (4 * changing, 4 * changing * steps),
        "attention" | "attention_rollout" | "attention_flow" | "dummy" => (1, 0),
        "value_zeroing" | "occlusion" => (1 + tokens, 0),
        "lime" | "kernel_shap" => (9, 0),
        "shapley_value_sampling" => (2 * (changing + 1), 0),
        "partition_shap" => (12, 0),
        "reagent" => (2 * (1 + steps), 0),
        other => panic!("the cost of {other} is not known"),
    }
}

#[test]
fn every_method_says_what_it_will_cost() {
    for (name, source, target) in TEXTS {
        let model = model(name, 1 << 30);
        for method in list_methods() {
            let plan = model.plan(&request(method.name, source, target)).unwrap().swap_remove(0);
            let (least, pullbacks) = expected(method.name, &plan, name == "gpt2");
            // Each step may take all iterations that are allowed.
            let most = if method.name == "reagent" { 7 * least } else { least };
            let found = (plan.forwards, plan.pullbacks);
            assert_eq!(found, (Bounds { least, most }, pullbacks), "{name} {}", method.name);
            assert!(0.0 < plan.seconds.least && plan.seconds.least <= plan.seconds.most, "{name} {}", method.name);
            assert!(plan.bytes > 0 && plan.bytes < 1 << 24, "{name} {}: {} bytes", method.name, plan.bytes);
        }
    }
}

/// A span is one step, however many tokens it has.
#[test]
fn spans_cost_a_pullback_each() {
    for (name, source, target) in TEXTS {
        let model = model(name, 1 << 30);
        for method in list_methods() {
            let request = request(method.name, source, target);
            let tokens = model.plan(&request).unwrap().swap_remove(0);
            for (spans, steps) in [("whole", 1), ("tokens 4..6, 6..7", 2)] {
                let request = request.clone().target_spans(spans.parse().unwrap());
                let plan = model.plan(&request).unwrap().swap_remove(0);
                assert_eq!(plan.steps, steps, "{name} {spans}");
                // The targets of the two end alike.
                if spans == "whole" {
                    let plan_of_tokens = Plan { steps, ..tokens.clone() };
                    let (least, pullbacks) = expected(method.name, &plan_of_tokens, name == "gpt2");
                    assert_eq!(
                        (plan.forwards.least, plan.pullbacks),
                        (least, pullbacks),
                        "{name} {} {spans}",
                        method.name
                    );
                }
                let mut seen = (0, 0);
                let each = &mut |progress| {
                    if let Progress::Attributing { done, total, .. } = progress {
                        seen = (done, total);
                    }
                    ControlFlow::Continue(())
                };
                let sequence = model.attribute_with_progress(&request, each).unwrap().sequences.swap_remove(0);
                assert_eq!(sequence.steps(), steps, "{name} {} {spans}", method.name);
                assert_eq!(seen.0, seen.1, "{name} {}", method.name);
                // Its choice of parts depends on the other tokens, too.
                if method.name != "partition_shap" {
                    assert_eq!(seen.1, plan.forwards.most * steps, "{name} {}", method.name);
                }
            }
        }
    }
}

/// DeepLIFT runs the baseline where something is rescaled, and where its score is asked for; and its progress comes to the end
/// that it said.
#[test]
fn deeplift_counts_the_baseline_where_it_needs_it() {
    let cases = [
        ("gpt2", json!({}), 1),
        ("gpt2", json!({ "rule": "full" }), 2),
        ("gpt2", json!({ "return_convergence_delta": true }), 2),
        ("opt", json!({}), 2),
    ];
    for (name, arguments, forwards) in cases {
        let model = model(name, 1 << 30);
        let last = model.model().decoder.blocks.len() - 1;
        // Above the last block there is nothing to rescale but, by the full rule, the norm and the function.
        let above = if arguments == json!({}) { 1 } else { forwards };
        for (method, layer, forwards) in
            [("deeplift", None, forwards), ("layer_deeplift", Some(format!("decoder.{last}")), above)]
        {
            let mut request = request(method, "a dog ran", "a dog ran to the big house .");
            request.attribution_args = arguments.as_object().cloned().unwrap();
            if let Some(layer) = layer {
                request.attribution_args.insert("target_layer".into(), layer.into());
            }
            let plan = model.plan(&request).unwrap().swap_remove(0);
            assert_eq!(plan.forwards, Bounds { least: forwards, most: forwards }, "{name} {method} {arguments}");
            let mut seen = None;
            let each = &mut |progress| {
                if let Progress::Attributing { done, total, .. } = progress {
                    seen = Some((done, total));
                }
                ControlFlow::Continue(())
            };
            model.attribute_with_progress(&request, each).unwrap();
            assert_eq!(seen, Some((forwards * plan.steps, forwards * plan.steps)), "{name} {method} {arguments}");
        }
    }
}

#[test]
fn progress_comes_to_its_end_and_can_be_stopped() {
    for (name, source, target) in TEXTS {
        let model = model(name, 1 << 30);
        for method in list_methods() {
            let request = request(method.name, source, target);
            let mut seen = Vec::new();
            let result = model.attribute_with_progress(&request, &mut |progress| {
                if let Progress::Attributing { done, total, .. } = progress {
                    seen.push((done, total));
                }
                ControlFlow::Continue(())
            });
            let what = format!("{name} {}", method.name);
            result.unwrap_or_else(|error| panic!("{what}: {error}"));
            assert!(seen.is_sorted_by_key(|(done, _)| *done), "{what}: {seen:?}");
            assert!(seen.first().is_some_and(|(done, _)| *done == 0), "{what}: {seen:?}");
            assert!(seen.last().is_some_and(|(done, total)| done == total), "{what}: {seen:?}");
            // The end is the most that was announced.
            let plan = model.plan(&request).unwrap().swap_remove(0);
            assert!(seen.iter().all(|(_, total)| *total == plan.forwards.most * plan.steps), "{what}: {seen:?}");

            let mut calls = 0;
            let stopped = model.attribute_with_progress(&request, &mut |_| {
                calls += 1;
                if calls > 1 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            assert!(matches!(stopped, Err(Error::Cancelled)), "{what} goes on when it is stopped");
            assert_eq!(calls, 2, "{what}");
        }
    }
}

/// ReAGent's least is one iteration, in which every probe finds at once that its tokens suffice; its most is all iterations, in
/// which none ever does.
#[test]
fn reagent_comes_to_its_bounds() {
    let model = model("marian", 1 << 30);
    let (_, source, target) = TEXTS[0];
    let run = |arguments: Value| {
        let mut request = request("reagent", source, target);
        request.attribution_args.extend(arguments.as_object().cloned().unwrap());
        let plan = model.plan(&request).unwrap().swap_remove(0);
        let mut seen = Vec::new();
        let each = &mut |progress| {
            if let Progress::Attributing { done, .. } = progress {
                seen.push(done);
            }
            ControlFlow::Continue(())
        };
        model.attribute_with_progress(&request, each).unwrap();
        (plan, seen)
    };
    // Any token is among the likeliest of all.
    let (plan, seen) = run(json!({ "stopping_condition_top_k": 1_000_000 }));
    assert_eq!(seen, [0, plan.forwards.most * plan.steps], "one iteration is left, and the rest is not needed");
    // Nothing of the text is kept.
    let (plan, seen) = run(json!({ "stopping_condition_top_k": 1, "keep_top_n": 999, "invert_keep": true }));
    assert!(seen.len() > 2 && seen.is_sorted(), "{seen:?}");
    assert_eq!(seen[1..].len(), 7, "{seen:?} of {plan:?}: no step ends early");
    let iteration = plan.forwards.least * plan.steps;
    assert!(seen.windows(2).all(|pair| pair[1] - pair[0] >= iteration), "{seen:?} {iteration}");
}

/// A text of few tokens is divided down to each of them, by two forwards for each part that is divided.
#[test]
fn partition_shap_counts_the_parts_that_it_divides() {
    let model = model("marian", 1 << 30);
    // Of 1, 2 and 3 tokens that are not their own baseline: both ends; one division; one, and two of the pair.
    for (source, forwards) in [("cat", 2), ("cat dog", 4), ("cat dog house", 2 + 2 + 4)] {
        let mut request = request("partition_shap", source, "the dog").attribute_target(false);
        request.attribution_args.insert("max_evals".into(), 500.into());
        let plan = model.plan(&request).unwrap().swap_remove(0);
        assert_eq!(plan.forwards, Bounds { least: forwards, most: forwards }, "{source}: {plan:?}");
        request.attribution_args.insert("max_evals".into(), 5.into());
        let plan = model.plan(&request).unwrap().swap_remove(0);
        assert_eq!(plan.forwards.most, forwards.min(4), "{source}: {plan:?}");
    }
}

#[test]
fn a_small_memory_budget_changes_nothing_but_the_time() {
    for (name, source, target) in TEXTS {
        let [plenty, little] = [1 << 30, 1].map(|budget| model(name, budget));
        for method in list_methods() {
            let request = request(method.name, source, target);
            let run = |model: &AttributionModel| model.attribute(&request).unwrap().sequences.swap_remove(0);
            let [a, b]: [SequenceAttribution; 2] = [&plenty, &little].map(run);
            let pairs =
                [(a.source_attributions, b.source_attributions), (a.target_attributions, b.target_attributions)];
            for (a, b) in pairs {
                let values = |array: Option<ndarray::ArrayD<f32>>| array.into_iter().flatten().collect::<Vec<_>>();
                assert_close(&format!("{name} {}", method.name), &values(b), &values(a), 1e-4);
            }
            let [more, less] = [&plenty, &little].map(|model| model.plan(&request).unwrap()[0].bytes);
            assert!(less <= more, "{name} {}: {less} bytes of a small budget, {more} of a large one", method.name);
        }
    }
}

/// At a layer of the decoder, a target that is not attributed keeps its states, which the caller has: no forward finds them again.
#[test]
fn baselines_take_the_states_of_a_target_that_stays() {
    let model = model("marian", 1 << 30);
    let whole = model.model();
    let layer = whole.layer_named("decoder.1").unwrap().unwrap();
    let above = whole.above(layer, None).unwrap();
    let engine = Engine { model: &above, memory_budget: 1 << 30, layer: Some((whole, layer)) };
    let text = TextSteps {
        index: 0,
        source: vec![5, 6, 0],
        source_baseline: vec![1, 1, 0],
        target: vec![2, 7, 8],
        target_baseline: vec![2, 1, 1],
        source_features: vec![0..1, 1..2, 2..3],
        target_features: vec![0..1, 1..2, 2..3],
        first: 1,
        steps: (1..3).into(),
    };
    let mut inputs = engine.inputs(&[&text]).unwrap();
    inputs.target = inputs.target.clone() * 0.0 + 3.0;
    let values = |wanted| engine.baselines(&inputs, wanted).unwrap().target.try_into_vec_as::<f32>().unwrap();
    assert!(values(Wanted { source: true, target: false, first: &[0] }).iter().all(|value| *value == 3.0));
    assert!(values(Wanted { source: true, target: true, first: &[0] }).iter().any(|value| *value != 3.0));
}
