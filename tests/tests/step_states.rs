//! Step functions that read hidden states, ids and masks, against transformers (`tests/reference/step_states_golden.py`).

use std::collections::BTreeMap;

use burn::tensor::{Int, Tensor};
use inseq_methods::step_functions::{SharedStepFunction, StepContext, from_closure};
use inseq_methods::{AttributionModel, AttributionRequest, Limits};
use inseq_tests::{assert_close, fixture};
use serde::Deserialize;

#[derive(Deserialize)]
struct Text {
    prompt: String,
    generated: String,
    target_ids: Vec<u32>,
    norm: Vec<f32>,
    to_prefix: Vec<f32>,
    to_source: Vec<f32>,
    repeats: Vec<f32>,
    shape: [usize; 2],
    shares: Vec<f32>,
}

fn golden() -> BTreeMap<String, Vec<Text>> {
    serde_json::from_slice(&std::fs::read(fixture("step_functions/states.json")).unwrap()).unwrap()
}

fn model(name: &str) -> AttributionModel {
    AttributionModel::load(fixture("architectures").join(name).to_str().expect("a path")).unwrap()
}

/// Mean of the states that a mask marks, `[row, position, feature]` to `[row, feature]`.
fn mean(states: Tensor<3>, mask: Tensor<2, Int>) -> Tensor<2> {
    let count = mask.float().sum_dim(1);
    states.sum_dim(1).squeeze_dim::<2>(1) / count
}

fn cosine(a: Tensor<2>, b: Tensor<2>) -> Tensor<1> {
    let norm = |x: &Tensor<2>| x.clone().square().sum_dim(1).sqrt();
    ((a.clone() * b.clone()).sum_dim(1) / (norm(&a) * norm(&b))).squeeze_dim(1)
}

fn norm(context: &StepContext) -> Tensor<1> {
    context.hidden.clone().square().sum_dim(1).sqrt().squeeze_dim(1)
}

fn functions() -> Vec<SharedStepFunction> {
    vec![
        from_closure("norm", |context| Ok(norm(context))),
        from_closure("to_prefix", |context| {
            Ok(cosine(context.hidden.clone(), mean(context.prefix_states()?, context.prefix().mask.int())))
        }),
        from_closure("to_source", |context| {
            let Some((states, source)) = context.source_states()?.zip(context.source()) else {
                return Ok(context.targets.zeros_like().float());
            };
            Ok(cosine(context.hidden.clone(), mean(states, source.mask.int())))
        }),
        from_closure("repeats", |context| {
            let prefix = context.prefix();
            let same = prefix.ids.equal(context.targets.clone().unsqueeze_dim::<2>(1).expand(prefix.mask.dims()));
            Ok(same.bool_and(prefix.mask).float().sum_dim(1).squeeze_dim(1))
        }),
        mixed(),
    ]
}

/// A function through both the hidden state and the logits.
fn mixed() -> SharedStepFunction {
    from_closure("mixed", |context| Ok(norm(context) + context.of_targets(context.logits.clone())))
}

fn request(texts: &[Text]) -> AttributionRequest {
    AttributionRequest::new(texts.iter().map(|text| text.prompt.as_str()))
        .generated_texts(texts.iter().map(|text| text.generated.as_str()))
}

#[test]
fn states_ids_and_masks_are_those_of_transformers_in_every_batch() {
    for (name, texts) in golden() {
        let model = model(&name);
        for batch_size in [1, 3] {
            for memory_budget in [1 << 30, 1 << 14] {
                let limits = Limits::default().memory_budget(memory_budget);
                let request =
                    request(&texts).method("dummy").step_scores(functions()).batch_size(batch_size).limits(limits);
                let result = model.attribute(&request).unwrap();
                for (text, sequence) in texts.iter().zip(&result.sequences) {
                    let ids: Vec<u32> = sequence.target.iter().filter_map(|token| token.id).collect();
                    assert_eq!(ids, text.target_ids, "{name}");
                    let expected = [
                        ("norm", &text.norm),
                        ("to_prefix", &text.to_prefix),
                        ("to_source", &text.to_source),
                        ("repeats", &text.repeats),
                    ];
                    for (function, expected) in expected.into_iter().filter(|(_, expected)| !expected.is_empty()) {
                        let found = sequence.step_scores[function].to_vec();
                        assert_close(&format!("{name} {function} {batch_size}"), &found, expected, 2e-5);
                    }
                }
            }
        }
    }
}

#[test]
fn gradients_flow_through_the_hidden_state_and_the_logits() {
    for (name, texts) in golden() {
        let model = model(&name);
        let result = model.attribute(&request(&texts).attributed_fn(mixed())).unwrap().aggregate().unwrap();
        for (text, sequence) in texts.iter().zip(&result.sequences) {
            let scores = sequence.source_attributions.as_ref().or(sequence.target_attributions.as_ref()).unwrap();
            let [rows, steps] = text.shape;
            let found: Vec<f32> = (0..rows)
                .flat_map(|row| (0..steps).map(move |step| (row, step)))
                .map(|(row, step)| scores.get([row, step]).copied().filter(|score| !score.is_nan()).unwrap_or(0.0))
                .collect();
            assert_close(&name, &found, &text.shares, 1e-4);
        }
    }
}

#[test]
fn differences_of_such_a_function_are_complete() {
    for name in ["marian", "gpt2"] {
        let texts = &golden()[name];
        let request = request(texts)
            .method("deeplift")
            .attribution_argument("rule", "full")
            .attribution_argument("return_convergence_delta", true)
            .attribute_target(name == "marian")
            .attributed_fn(mixed())
            .step_scores([mixed()]);
        let result = model(name).attribute(&request).unwrap();
        for sequence in &result.sequences {
            let largest = sequence.step_scores["mixed"].iter().fold(0f32, |largest, score| largest.max(score.abs()));
            for delta in &sequence.step_scores["deltas"] {
                assert!(delta.abs() < 2e-3 * largest.max(1.0), "{name}: {delta}");
            }
        }
    }
}

#[test]
fn states_without_a_gradient_are_refused_by_gradient_methods() {
    let texts = &golden()["marian"];
    let model = model("marian");
    for (index, states) in [(1, "`prefix_states`"), (2, "`source_states`")] {
        let function = functions().swap_remove(index);
        let message = model.attribute(&request(texts).attributed_fn(function.clone())).unwrap_err().to_string();
        assert!(message.contains(states) && message.contains("occlusion"), "{message}");
        // A method without gradients can attribute it.
        let result = model.attribute(&request(texts).method("occlusion").attributed_fn(function)).unwrap();
        assert!(result.sequences[0].source_attributions.as_ref().unwrap().iter().any(|score| *score != 0.0));
    }
    // Ids alone have no gradient at all.
    let ids = model.attribute(&request(texts).attributed_fn(functions().swap_remove(3))).unwrap_err().to_string();
    assert!(ids.contains("no gradient"), "{ids}");
}
