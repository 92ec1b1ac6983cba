//! What the methods promise of their scores, on every small checkpoint: sums, symmetries, and agreement where two methods
//! answer the same question.

use std::collections::BTreeSet;

use inseq_core::SequenceAttribution;
use inseq_methods::{AttributionModel, AttributionRequest};
use inseq_models::layers::Feed;
use inseq_tests::fixture;
use ndarray::{ArrayD, Axis};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Golden {
    prompts: Vec<String>,
    generated: Vec<String>,
}

fn names() -> BTreeSet<String> {
    let entries = std::fs::read_dir(fixture("architectures")).expect("the fixtures are there");
    entries.map(|entry| entry.expect("a folder").file_name().to_string_lossy().into_owned()).collect()
}

/// A model with one of its texts.
struct Case {
    name: String,
    model: AttributionModel,
    prompt: String,
    generated: String,
}

impl Case {
    fn load(name: &str) -> Self {
        let folder = fixture("architectures").join(name);
        let golden: Golden = serde_json::from_slice(&std::fs::read(folder.join("golden.json")).unwrap()).unwrap();
        let model = AttributionModel::load(folder.to_str().unwrap()).unwrap();
        let Golden { mut prompts, mut generated } = golden;
        Case { name: name.to_owned(), model, prompt: prompts.swap_remove(0), generated: generated.swap_remove(0) }
    }

    /// Whether scores change without jumps, as they do not where a position chooses other experts than the one beside it.
    fn is_continuous(&self) -> bool {
        self.model.model().decoder.blocks.iter().all(|block| matches!(block.feed_forward.inner, Feed::Dense(_)))
    }

    /// Whether every layer has attention weights.
    fn attends_everywhere(&self) -> bool {
        self.model.model().decoder.blocks.iter().all(|block| block.mixer.inner.heads() > 0)
    }

    fn is_encoder_decoder(&self) -> bool {
        self.model.model().encoder.is_some()
    }

    fn attribute(&self, method: &str, arguments: Value) -> SequenceAttribution {
        let mut request = AttributionRequest::new([self.prompt.as_str()])
            .generated_texts([self.generated.as_str()])
            .method(method)
            .attribute_target(self.is_encoder_decoder())
            .step_scores(["probability"]);
        request.attribution_args = arguments.as_object().cloned().unwrap_or_default();
        let result = self.model.attribute(&request);
        result.unwrap_or_else(|e| panic!("{} {method}: {e}", self.name)).sequences.swap_remove(0)
    }
}

/// The sum of every step's scores that are not NaN, and their largest absolute value.
fn sums(sequence: &SequenceAttribution) -> Vec<(f64, f64)> {
    let mut sums = vec![(0.0, 0.0f64); sequence.attr_pos_end - sequence.attr_pos_start];
    for array in [&sequence.source_attributions, &sequence.target_attributions].into_iter().flatten() {
        for (step, sum) in sums.iter_mut().enumerate() {
            for value in array.index_axis(Axis(1), step).iter().filter(|v| !v.is_nan()) {
                sum.0 += f64::from(*value);
                sum.1 = sum.1.max(f64::from(value.abs()));
            }
        }
    }
    sums
}

/// One score a token: the sum of its features.
fn of_tokens(array: &ArrayD<f32>) -> ArrayD<f32> {
    let mut array = array.clone();
    while array.ndim() > 2 {
        array = array.sum_axis(Axis(array.ndim() - 1));
    }
    array
}

fn both(sequence: &SequenceAttribution) -> Vec<ArrayD<f32>> {
    [&sequence.source_attributions, &sequence.target_attributions].into_iter().flatten().map(of_tokens).collect()
}

fn assert_close(name: &str, a: &[ArrayD<f32>], b: &[ArrayD<f32>], tolerance: f32) {
    assert_eq!(a.len(), b.len(), "{name}");
    let values = |arrays: &[ArrayD<f32>]| arrays.iter().flat_map(|a| a.iter().copied()).collect::<Vec<_>>();
    let (a, b) = (values(a), values(b));
    assert_eq!(a.len(), b.len(), "{name}");
    let scale = b.iter().filter(|v| !v.is_nan()).fold(1e-12f32, |m, v| m.max(v.abs()));
    for (i, (x, y)) in a.iter().zip(&b).enumerate() {
        assert_eq!(x.is_nan(), y.is_nan(), "{name}: value {i} is {x}, expected {y}");
        assert!(x.is_nan() || (x - y).abs() <= tolerance * scale, "{name}: value {i} is {x}, expected {y} of {scale}");
    }
}

/// Differences that completeness leaves, relative to the largest difference or score.
fn assert_complete(case: &Case, sequence: &SequenceAttribution, tolerance: f64, what: &str) {
    let deltas = &sequence.step_scores["deltas"];
    for (step, ((sum, largest), delta)) in sums(sequence).iter().zip(deltas).enumerate() {
        let scale = sum.abs().max(*largest).max(1e-6);
        let name = &case.name;
        assert!(f64::from(delta.abs()) <= tolerance * scale, "{name} {what} step {step}: {delta} of {sum} ({largest})");
    }
}

#[test]
fn deep_lift_by_the_full_rule_is_complete() {
    for case in names().iter().map(|name| Case::load(name)).filter(Case::is_continuous) {
        let arguments = json!({ "rule": "full", "return_convergence_delta": true });
        assert_complete(&case, &case.attribute("deeplift", arguments.clone()), 1e-3, "deeplift");
        let mut inner = arguments;
        inner["target_layer"] = json!("decoder.0");
        assert_complete(&case, &case.attribute("layer_deeplift", inner), 1e-3, "layer_deeplift");
    }
}

#[test]
fn deep_lift_refuses_differences_that_experts_make() {
    let case = Case::load("mixtral");
    assert!(!case.is_continuous());
    let request = |method: &str, layer: Option<&str>| {
        let mut request = AttributionRequest::new([case.prompt.as_str()]).method(method);
        request.attribution_args = json!({ "rule": "full" }).as_object().cloned().unwrap();
        request.attribution_args.extend(layer.map(|layer| ("target_layer".to_owned(), json!(layer))));
        case.model.attribute(&request.generated_texts([case.generated.as_str()])).unwrap_err().to_string()
    };
    let message = request("deeplift", None);
    assert!(message.contains("the baseline may choose other experts than the text"), "{message}");
    assert!(message.contains("use `integrated_gradients`, or the rule `captum`"), "{message}");
    // Above a layer's output its own experts do not matter.
    let message = request("layer_deeplift", Some("decoder.0"));
    assert!(message.contains("other experts"), "{message}");
}

/// Points that the quadrature needs. The little T5's unknown token lies next to zero, where its norm's slope is steep.
fn points(name: &str) -> usize {
    if name.starts_with("t5") { 6000 } else { 400 }
}

#[test]
fn integrated_gradients_are_complete() {
    for case in names().iter().map(|name| Case::load(name)).filter(Case::is_continuous) {
        let arguments = json!({ "n_steps": points(&case.name), "return_convergence_delta": true });
        // A rectifier's kinks leave a quadrature of this many points so much.
        assert_complete(&case, &case.attribute("integrated_gradients", arguments.clone()), 2e-2, "ig");
        let mut inner = arguments;
        inner["target_layer"] = json!("decoder.0");
        assert_complete(&case, &case.attribute("layer_integrated_gradients", inner), 2e-2, "layer_ig");
    }
}

#[test]
fn a_token_by_itself_makes_the_same_difference_in_sequential_gradients_and_occlusion() {
    for name in ["marian", "t5", "gpt2", "bloom", "gemma2", "llama"] {
        let case = Case::load(name);
        let sequential = case.attribute("sequential_integrated_gradients", json!({ "n_steps": points(name) }));
        let occluded = case.attribute("occlusion", json!({}));
        let absolute: Vec<_> = both(&sequential).iter().map(|a| a.mapv(f32::abs)).collect();
        assert_close(name, &absolute, &both(&occluded), 2e-2);
    }
}

#[test]
fn shapley_values_are_complete_and_two_ways_to_them_agree() {
    for name in ["marian", "t5_gated", "gpt2", "opt", "bloom", "gpt_neox"] {
        let case = Case::load(name);
        let sampled = case.attribute("shapley_value_sampling", json!({ "n_samples": 400 }));
        let regressed = case.attribute("kernel_shap", json!({ "n_samples": 40_000 }));
        let tree = case.attribute("partition_shap", json!({ "max_evals": 300 }));
        let expected = sums(&regressed);
        for other in [&sampled, &tree] {
            for ((sum, largest), (expected, _)) in sums(other).iter().zip(&expected) {
                assert!((sum - expected).abs() <= 1e-4 * largest.max(expected.abs()), "{name}: {sum} {expected}");
            }
        }
        assert_close(name, &both(&sampled), &both(&regressed), 0.15);
    }
}

/// The difference of the attributed function between the text and its baseline, by step.
fn differences(case: &Case) -> Vec<f64> {
    let ends = case.attribute("integrated_gradients", json!({ "n_steps": 1, "return_convergence_delta": true }));
    let deltas = &ends.step_scores["deltas"];
    sums(&ends).iter().zip(deltas).map(|((sum, _), delta)| sum - f64::from(*delta)).collect()
}

#[test]
fn scores_that_share_a_difference_sum_to_it() {
    for name in names() {
        let case = Case::load(&name);
        let expected = differences(&case);
        for (method, arguments) in [
            ("kernel_shap", json!({ "n_samples": 40 })),
            ("shapley_value_sampling", json!({ "n_samples": 3 })),
            ("partition_shap", json!({ "max_evals": 30 })),
        ] {
            for ((sum, largest), expected) in sums(&case.attribute(method, arguments.clone())).iter().zip(&expected) {
                let scale = largest.max(expected.abs()).max(1e-4);
                assert!((sum - expected).abs() <= 1e-3 * scale, "{name} {method}: {sum} {expected} ({largest})");
            }
        }
    }
}

/// A token that no query sees has no influence: nor any score.
#[test]
fn what_a_step_cannot_see_gets_nothing() {
    for name in ["marian", "bloom", "mistral", "gemma2"] {
        let case = Case::load(name);
        for info in inseq_methods::list_methods().iter().filter(|info| info.name != "dummy") {
            let arguments = match info.name {
                "reagent" => json!({ "max_probe_steps": 2, "num_probes": 2 }),
                name if name.ends_with("integrated_gradients") => json!({ "n_steps": 3 }),
                _ => json!({}),
            };
            let sequence = case.attribute(info.name, arguments);
            let target = sequence.target_attributions.as_ref().expect("the target is attributed");
            for (step, column) in target.axis_iter(Axis(1)).enumerate() {
                for (row, scores) in column.axis_iter(Axis(0)).enumerate() {
                    let seen = row < sequence.attr_pos_start + step;
                    assert!(
                        scores.iter().all(|v| v.is_nan() != seen),
                        "{name} {}: row {row} of step {step} is {scores}",
                        info.name
                    );
                }
            }
        }
    }
}

#[test]
fn what_is_equal_to_its_baseline_gets_nothing() {
    for name in ["marian", "bart", "gpt2"] {
        let case = Case::load(name);
        for method in ["occlusion", "lime", "kernel_shap", "shapley_value_sampling", "partition_shap"] {
            let sequence = case.attribute(method, json!({}));
            // The decoder's start and the source's end stay as they are in the baseline.
            if let (true, Some(target)) = (case.is_encoder_decoder(), &sequence.target_attributions) {
                assert!(target.index_axis(Axis(0), 0).iter().all(|v| *v == 0.0), "{name} {method}: {target}");
            }
            if let Some(source) = &sequence.source_attributions {
                let last = source.shape()[0] - 1;
                assert!(source.index_axis(Axis(0), last).iter().all(|v| *v == 0.0), "{name} {method}: {source}");
            }
        }
    }
}

#[test]
fn shares_sum_to_one() {
    for name in names() {
        let case = Case::load(&name);
        let of_attention = if case.attends_everywhere() { &["attention_rollout"][..] } else { &[] };
        for &method in of_attention.iter().chain(&["reagent"]) {
            let arguments =
                if method == "reagent" { json!({ "max_probe_steps": 3, "num_probes": 2 }) } else { json!({}) };
            for (sum, _) in sums(&case.attribute(method, arguments)) {
                assert!((sum - 1.0).abs() < 1e-4, "{name} {method}: {sum}");
            }
        }
        if !case.attends_everywhere() {
            continue;
        }
        for method in ["attention", "value_zeroing"] {
            let sequence = case.attribute(method, json!({}));
            for array in [&sequence.source_attributions, &sequence.target_attributions].into_iter().flatten() {
                let seen = array.mapv(|v| if v.is_nan() { 0.0 } else { v });
                for sum in seen.sum_axis(Axis(0)) {
                    let nothing = method == "value_zeroing" && sum == 0.0;
                    assert!(nothing || (sum - 1.0).abs() < 1e-4, "{name} {method}: {sum}");
                }
            }
        }
    }
}

/// LFM2's layers 0 and 2 are convolutions.
#[test]
fn methods_of_attention_name_the_layers_that_have_none() {
    let case = Case::load("lfm2");
    let message = |method: &str, arguments: Value| {
        let mut request = AttributionRequest::new([case.prompt.as_str()]).method(method);
        request.attribution_args = arguments.as_object().cloned().unwrap();
        case.model.attribute(&request.generated_texts([case.generated.as_str()])).unwrap_err().to_string()
    };
    for method in ["attention", "attention_rollout", "attention_flow", "value_zeroing"] {
        let message = message(method, json!({}));
        let layers = "layers 0, 2 of the decoder's 3 have no attention weights but a convolution";
        assert!(message.contains(layers), "{method}: {message}");
    }
    assert!(message("attention", json!({})).contains("use a method of gradients or of changed texts, say `saliency`"));
    let by_layer = r#"give `decoder_zeroed_units_indices` by layer, say {"1": [0, 1, 2, 3]}"#;
    assert!(message("value_zeroing", json!({})).contains(by_layer));
    let some = message("value_zeroing", json!({ "decoder_zeroed_units_indices": [0] }));
    assert!(some.contains(by_layer), "{some}");
    let no_heads = message("value_zeroing", json!({ "decoder_zeroed_units_indices": { "2": [0] } }));
    assert!(no_heads.contains("layer 2 has no heads to zero"), "{no_heads}");
    // What the message says works: only the layer with attention has scores.
    let scores = case.attribute("value_zeroing", json!({ "decoder_zeroed_units_indices": { "1": [0, 1, 2, 3] } }));
    let scores = scores.target_attributions.unwrap().mapv(|v| if v.is_nan() { 0.0 } else { v }).sum_axis(Axis(0));
    for (index, &sum) in scores.indexed_iter() {
        let expected = if index[1] == 1 { 1.0 } else { 0.0 };
        assert!((sum - expected).abs() < 1e-4, "step {}, layer {}: {sum}", index[0], index[1]);
    }
}

#[test]
fn a_flow_is_at_least_what_rollout_mixes_in() {
    for name in ["marian", "t5", "gpt2", "bloom", "llama"] {
        let case = Case::load(name);
        let flow = both(&case.attribute("attention_flow", json!({})));
        let rollout = both(&case.attribute("attention_rollout", json!({})));
        for (flow, rollout) in flow.iter().zip(&rollout) {
            for (flow, rollout) in flow.iter().zip(rollout).filter(|(flow, _)| !flow.is_nan()) {
                assert!(*flow <= 1.0 + 1e-4 && flow + 1e-4 >= *rollout, "{name}: {flow} {rollout}");
            }
        }
    }
}

#[test]
fn methods_at_the_embeddings_are_those_without_a_layer() {
    for name in ["marian", "t5", "gpt2"] {
        let case = Case::load(name);
        for (layered, plain) in [
            ("layer_integrated_gradients", "integrated_gradients"),
            ("layer_gradient_x_activation", "input_x_gradient"),
            ("layer_deeplift", "deeplift"),
        ] {
            assert_close(
                name,
                &both(&case.attribute(layered, json!({}))),
                &both(&case.attribute(plain, json!({}))),
                0.0,
            );
        }
    }
}

#[test]
fn seeds_decide() {
    let case = Case::load("marian");
    for method in ["gradient_shap", "smoothgrad", "lime", "kernel_shap", "shapley_value_sampling", "reagent"] {
        let run = |seed: u64| {
            let mut arguments = json!({ "seed": seed });
            match method {
                "reagent" => arguments["max_probe_steps"] = json!(2),
                // Fewer than there are choices of kept tokens.
                "kernel_shap" => arguments["n_samples"] = json!(12),
                _ => {}
            }
            both(&case.attribute(method, arguments))
        };
        assert_close(method, &run(3), &run(3), 0.0);
        let same = run(3).iter().flatten().zip(run(4).iter().flatten()).all(|(a, b)| a.to_bits() == b.to_bits());
        assert!(!same, "{method} does not look at its seed");
    }
}
