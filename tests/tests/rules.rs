//! Sets of propagation rules: against torch's autograd through patched modules, and by what they promise.

use std::collections::BTreeMap;

use inseq_core::SequenceAttribution;
use inseq_methods::gradient::{OwnRules, RuleBaseline};
use inseq_methods::{AttributionModel, AttributionRequest, method_named};
use inseq_models::layers::{Propagation, Softmax};
use inseq_models::model::Wanted;
use inseq_tests::fixture;
use ndarray::{ArrayD, Axis};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// What torch says (`tests/reference/rules_golden.py`).
#[derive(Deserialize)]
struct Golden {
    known: Known,
    /// Rules that differ from the gradient, by the name of the set.
    sets: BTreeMap<String, Value>,
    /// By checkpoint.
    cases: BTreeMap<String, Case>,
}

/// Tokens of the little Llama, the next one, its logit, and the sum of scores by each of some sets.
#[derive(Deserialize)]
struct Known {
    ids: Vec<u32>,
    next: usize,
    logit: f32,
    sums: Vec<(String, f32)>,
}

#[derive(Deserialize)]
struct Case {
    /// Which of the checkpoint's texts it is.
    text: usize,
    /// Position of the first step's token.
    first: usize,
    /// By set and step: scores of the source if there is an encoder, then scores of the target that the step sees.
    sets: BTreeMap<String, Vec<Vec<Vec<f32>>>>,
}

/// The checkpoint's texts.
#[derive(Deserialize)]
struct Texts {
    prompts: Vec<String>,
    generated: Vec<String>,
}

fn golden() -> Golden {
    serde_json::from_slice(&std::fs::read(fixture("rules.json")).unwrap()).unwrap()
}

fn load(name: &str) -> (AttributionModel, Texts) {
    let folder = fixture("architectures").join(name);
    let texts = serde_json::from_slice(&std::fs::read(folder.join("golden.json")).unwrap()).unwrap();
    (AttributionModel::load(folder.to_str().unwrap()).unwrap(), texts)
}

fn attribute(
    model: &AttributionModel,
    texts: &Texts,
    text: usize,
    method: &str,
    arguments: Value,
) -> SequenceAttribution {
    let mut request = AttributionRequest::new([texts.prompts[text].as_str()])
        .generated_texts([texts.generated[text].as_str()])
        .method(method)
        .attributed_fn("logit")
        .step_scores(["logit"])
        .attribute_target(true);
    request.attribution_args = arguments.as_object().cloned().unwrap();
    model.attribute(&request).unwrap_or_else(|error| panic!("{method}: {error}")).sequences.swap_remove(0)
}

/// The sides that were attributed, source first.
fn sides(sequence: &SequenceAttribution) -> Vec<&ArrayD<f32>> {
    [&sequence.source_attributions, &sequence.target_attributions].into_iter().flatten().collect()
}

/// One score per token and step: the sum over features.
fn of_tokens(sequence: &SequenceAttribution) -> Vec<ArrayD<f32>> {
    sides(sequence).into_iter().map(|side| side.sum_axis(Axis(2))).collect()
}

fn assert_same_bits(what: &str, a: &SequenceAttribution, b: &SequenceAttribution) {
    for (a, b) in sides(a).into_iter().zip(sides(b)) {
        assert_eq!(a.shape(), b.shape(), "{what}");
        let same = a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()));
        assert!(same, "{what}");
    }
}

/// The method that has a set of the golden file as its own rules, with arguments.
fn named(set: &str) -> Option<(&'static str, Value)> {
    match set {
        "gradient" => Some(("input_x_gradient", json!({}))),
        "cp" => Some(("lrp", json!({}))),
        "attn" => Some(("lrp", json!({ "rule": "attn" }))),
        "gim" => Some(("gim", json!({ "baseline": "zero" }))),
        "halves" => Some(("relp", json!({ "baseline": "zero" }))),
        _ => None,
    }
}

#[test]
fn scores_are_those_of_autograd_through_patched_modules() {
    let golden = golden();
    assert!(golden.cases.len() >= 13 && golden.sets.len() >= 5);
    for (name, case) in &golden.cases {
        let (model, texts) = load(name);
        for (set, rules) in &golden.sets {
            let what = format!("{name} {set}");
            let own = attribute(&model, &texts, case.text, "propagation", json!({ "rules": rules }));
            assert_eq!(own.attr_pos_start, case.first, "{what}");
            let scores = of_tokens(&own);
            for (index, expected) in case.sets[set].iter().enumerate() {
                let scale = expected.iter().flatten().fold(0.0f32, |most, score| most.max(score.abs()));
                assert!(scale > 0.0, "{what}: all scores are 0");
                assert_eq!(scores.len(), expected.len(), "{what}");
                for (side, expected) in scores.iter().zip(expected) {
                    for (position, expected) in expected.iter().enumerate() {
                        let score = side[[position, index]];
                        assert!(
                            (score - expected).abs() <= 1e-4 * scale,
                            "{what}, step {index}, token {position}: {score}, expected {expected} (of {scale})"
                        );
                    }
                }
            }
            if let Some((method, arguments)) = named(set) {
                let named = attribute(&model, &texts, case.text, method, arguments);
                assert_same_bits(&what, &named, &own);
            }
        }
    }
}

#[test]
fn rules_that_change_nothing_give_input_times_gradient_to_the_last_bit() {
    for name in golden().cases.keys() {
        let (model, texts) = load(name);
        let expected = attribute(&model, &texts, 0, "input_x_gradient", json!({}));
        for rules in [json!({}), json!({ "softmax": { "temperature": 1 }, "queries": 1, "values": 1, "up": 1 })] {
            let own = attribute(&model, &texts, 0, "propagation", json!({ "rules": rules }));
            assert_same_bits(name, &own, &expected);
        }
    }
}

/// The rules of balanced gradients conserve as those of CP-LRP do, where there are no biases; the step score is what is missing.
#[test]
fn deltas_are_what_the_scores_do_not_explain() {
    for (name, conserves) in [("llama", true), ("t5_gated", true), ("mixtral", true), ("lfm2", true), ("gpt2", false)] {
        let (model, texts) = load(name);
        for method in ["lrp", "libragrad", "gim"] {
            let arguments = json!({ "return_convergence_delta": true, "baseline": "zero" });
            let sequence = attribute(&model, &texts, 1, method, arguments);
            let scores = of_tokens(&sequence);
            for (step, logit) in sequence.step_scores["logit"].iter().enumerate() {
                let of_side = |side: &ArrayD<f32>| side.index_axis(Axis(1), step).iter().copied().collect::<Vec<f32>>();
                let of_step = scores.iter().flat_map(of_side).filter(|score| !score.is_nan());
                let (sum, most) =
                    of_step.fold((0.0, 0.0f32), |(sum, most): (f32, f32), v| (sum + v, most.max(v.abs())));
                let delta = sequence.step_scores["deltas"][step];
                assert!((sum - logit - delta).abs() <= 2e-5 * most, "{name} {method}: {sum} - {logit}, {delta}");
                if conserves && method != "gim" {
                    assert!(delta.abs() <= 2e-5 * most, "{name} {method}, step {step}: {delta} of {most}");
                } else {
                    assert!(delta.abs() > 1e-3 * most, "{name} {method}, step {step}: {delta} of {most}");
                }
            }
        }
    }
}

/// CP-LRP and balanced gradients sum to the logit; AttnLRP, GIM and the gradient have other sums.
#[test]
fn sums_are_the_known_ones() {
    let Golden { known, sets, .. } = golden();
    let (model, _) = load("llama");
    let model = model.model();
    let x = model.target_embedding.forward(&known.ids, 1);
    let last = known.ids.len() - 1;
    for (set, expected) in &known.sums {
        let rules: Propagation = serde_json::from_value(sets[set].clone()).unwrap();
        let trace = model.trace_by(rules, None, x.clone(), usize::MAX);
        let hidden = trace.hidden().clone().narrow(1, last, 1).squeeze_dim::<2>(0);
        let logits = model.logits(hidden);
        let next = logits.zeros_like().slice_fill([0..1, known.next..known.next + 1], 1.0);
        let logit = (logits.clone() * next.clone()).sum().into_scalar::<f32>();
        let wanted = Wanted { source: false, target: true, first: &[] };
        let cotangents = model.logits_pullback(next, &logits);
        let pulled = model.pullback(&trace, cotangents, std::slice::from_ref(&(last..last + 1)), wanted);
        let sum = (pulled.target.unwrap().squeeze_dim::<3>(1) * x.clone()).sum().into_scalar::<f32>();
        assert!((logit - known.logit).abs() < 1e-5, "{set}: the logit is {logit}, expected {}", known.logit);
        let tolerance = if set == "gradient" { 1e-4 } else { 1e-5 };
        assert!((sum - expected).abs() < tolerance, "{set}: the sum is {sum}, expected {expected}");
    }
}

/// The difference of two baselines is that of their embeddings, times the same cotangents.
#[test]
fn baselines_are_subtracted_from_the_embeddings() {
    for (name, space) in [("llama", "▁"), ("gpt2", "Ġ"), ("t5", "▁")] {
        let (model, texts) = load(name);
        let run = |baseline: &str| attribute(&model, &texts, 1, "gim", json!({ "baseline": baseline }));
        let cotangents = attribute(&model, &texts, 1, "gim", json!({ "multiply_by_inputs": false }));
        let tokenizer = model.tokenizer();
        let role = inseq_models::tokenizer::Role::Source;
        let unknown = tokenizer.special_tokens().unk;
        let spaced = tokenizer.id(space, role);
        for (baseline, id) in [("zero", None), ("unknown", unknown), ("space", spaced.or(unknown))] {
            let (zero, other) = (run("zero"), run(baseline));
            let Some(id) = id else {
                assert_same_bits(name, &zero, &other);
                continue;
            };
            let embedding = model.model().target_embedding.forward(&[id], 1).try_into_vec_as::<f32>().unwrap();
            let tokens = [&zero.source, &zero.target];
            let all = sides(&zero).into_iter().zip(sides(&other)).zip(sides(&cotangents));
            for (side, ((zero, other), cotangents)) in all.enumerate() {
                let side = if zero.shape()[0] == tokens[side].len() { side } else { 1 };
                for ((at, own), (other, cotangent)) in zero.indexed_iter().zip(other.iter().zip(cotangents)) {
                    let token = &tokens[side][at[0]];
                    let keeps = token.id == tokenizer.special_tokens().eos || (side == 1 && at[0] == 0 && name == "t5");
                    if own.is_nan() || keeps {
                        continue;
                    }
                    let expected = own - embedding[at[2]] * cotangent;
                    assert!((other - expected).abs() < 1e-5, "{name} {baseline} {at:?}: {other}, expected {expected}");
                }
            }
        }
    }
}

#[test]
fn impossible_rules_are_refused() {
    let refused = |method: &str, arguments: Value| {
        method_named(method, arguments.as_object().unwrap()).expect_err("it is impossible").to_string()
    };
    for (rules, words) in [
        (json!({ "softmax": "open" }), vec!["rules.softmax", "open", "closed"]),
        (json!({ "soft": "closed" }), vec!["soft", "softmax"]),
        (json!({ "softmax": { "temperature": 0 } }), vec!["`softmax`", "temperature above 0"]),
        (json!({ "softmax": { "temperature": "hot" } }), vec!["rules.softmax"]),
        (json!({ "softmax": "closed", "queries": 0.25 }), vec!["`queries`", "`softmax` is \"closed\"", "0.25"]),
        (json!({ "softmax": "closed", "values": 0 }), vec!["`values`", "no token would get a score"]),
        (json!({ "queries": 0, "keys": 0, "values": 0 }), vec!["`values`"]),
        (json!({ "gate": 0, "up": 0 }), vec!["`up`", "`gate` is 0"]),
        (json!({ "up": 1e300 }), vec!["`up`", "finite"]),
        (json!("lrp"), vec!["rules"]),
    ] {
        let message = refused("propagation", json!({ "rules": rules }));
        assert!(words.iter().all(|word| message.contains(word)), "{rules}: {message}");
    }
    let message = refused("gim", json!({ "return_convergence_delta": true }));
    assert!(message.contains("set `baseline` to \"zero\""), "{message}");
    let message = refused("lrp", json!({ "rule": "epsilon" }));
    assert!(message.contains("rule") && message.contains("attn"), "{message}");
}

/// A set in code is the set as JSON.
#[test]
fn a_set_in_code_is_the_set_as_json() {
    let (model, texts) = load("llama");
    let rules = Propagation { softmax: Softmax::Temperature(2.0), keys: 0.5, ..Propagation::CONSERVATIVE };
    let method = OwnRules { rules: Some(rules), baseline: RuleBaseline::Zero, ..OwnRules::default() };
    let request = AttributionRequest::new([texts.prompts[0].as_str()])
        .generated_texts([texts.generated[0].as_str()])
        .attributed_fn("logit")
        .attribute_target(true)
        .method(method);
    let own = model.attribute(&request).unwrap().sequences.swap_remove(0);
    let rules = json!({
        "norm": "constant", "softmax": { "temperature": 2 }, "keys": 0.5, "activation": "quotient", "gate": 0
    });
    assert_same_bits("llama", &own, &attribute(&model, &texts, 0, "propagation", json!({ "rules": rules })));
    assert_eq!(serde_json::to_value(Propagation::GRADIENT).unwrap().as_object().map(Map::len), Some(8));
}

/// The gradient of the function is 1 at the token's logit, less 1 over the size of the vocabulary at every logit.
#[test]
fn the_mean_logit_is_taken_from_the_logit() {
    let (model, texts) = load("gpt2");
    let vocabulary = model.model().vocabulary();
    let all: Vec<String> = (0..vocabulary).map(|id| format!("logit({id})")).collect();
    let run = |function: &str| {
        let request = AttributionRequest::new([texts.prompts[0].as_str()])
            .generated_texts([texts.generated[0].as_str()])
            .method("lrp")
            .attributed_fn(function)
            .step_scores(all.iter().map(String::as_str).chain(["logit", "logit_minus_mean"]));
        model.attribute(&request).unwrap().sequences.swap_remove(0)
    };
    let [plain, centred] = ["logit", "logit_minus_mean"].map(run);
    for step in 0..plain.steps() {
        let of = |name: &str| plain.step_scores[name][step];
        let mean = all.iter().map(|name| of(name)).sum::<f32>() / vocabulary as f32;
        assert!((of("logit") - mean - of("logit_minus_mean")).abs() < 1e-4, "step {step}");
    }
    let change =
        (sides(&plain)[0] - sides(&centred)[0]).iter().filter(|v| !v.is_nan()).fold(0.0f32, |m, v| m.max(v.abs()));
    assert!(change > 1e-6, "the mean has no gradient");
}
