//! Pullbacks by other rules than the derivative, reached from a method of one's own.

use std::collections::BTreeMap;

use inseq_core::SequenceAttribution;
use inseq_methods::engine::Point;
use inseq_methods::{AttributionModel, AttributionRequest, Attributions, Error, Method, MethodContext};
use inseq_models::layers::Propagation;
use inseq_tests::fixture;
use ndarray::{Array3, ArrayD, ArrayView3, Axis, s};
use serde::Deserialize;

/// The embedding times what a propagation makes of the gradient.
#[derive(Debug)]
struct Propagated(Propagation);

impl Method for Propagated {
    fn name(&self) -> &str {
        "propagated"
    }

    fn attribute_text(&self, context: &mut MethodContext, entry: usize) -> inseq_methods::Result<Attributions> {
        let (engine, wanted, text) = (context.engine, context.wanted(), context.text(entry));
        let point = engine.inputs(&[text])?;
        let trace = engine.trace_by(self.0, &point);
        let zeros = |length: usize| Array3::<f32>::zeros((length, text.steps.len(), engine.features()));
        let (mut source, mut target) = (zeros(text.source.len()), zeros(text.steps.end()));
        engine.gradients(&point, &trace, &*context.function, wanted, |steps, _, gradients| {
            let sides = [
                (&mut source, gradients.source, source_of(&point)),
                (&mut target, gradients.target, target_of(&point)),
            ];
            for (scores, gradients, embeddings) in sides {
                let (Some(gradients), Some(embeddings)) = (gradients, embeddings) else { continue };
                let [_, probes, rows, features] = gradients.dims();
                let values = gradients * embeddings.unsqueeze_dim(1);
                let values = values
                    .try_into_vec_as::<f32>()
                    .map_err(|e| Error::Device { what: "scores".into(), problem: format!("{e:?}") })?;
                let values = ArrayView3::from_shape((probes, rows, features), &values).expect("a probe's rows");
                let mut part = scores.slice_mut(s![..rows, steps.clone(), ..]);
                part.assign(&values.permuted_axes([1, 0, 2]));
            }
            (context.advance)(steps.len())
        })?;
        Ok(Attributions {
            source: wanted.source.then(|| source.into_dyn()),
            target: wanted.target.then(|| target.into_dyn()),
            ..Attributions::default()
        })
    }
}

fn source_of(point: &Point) -> Option<burn::tensor::Tensor<3>> {
    point.source.as_ref().map(|source| source.embeddings.clone())
}

fn target_of(point: &Point) -> Option<burn::tensor::Tensor<3>> {
    Some(point.target.clone())
}

/// What torch says of a checkpoint (`tests/reference/propagation_golden.py`).
#[derive(Deserialize)]
struct Case {
    /// Whether the scores of a step sum to its logit.
    conserves: bool,
    /// Which of the checkpoint's texts it is.
    text: usize,
    /// Position of the first step's token.
    first: usize,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    logit: f32,
    /// Scores of the source if there is an encoder, then scores of the target that the step sees.
    scores: Vec<Vec<f32>>,
}

/// The checkpoint's texts.
#[derive(Deserialize)]
struct Texts {
    prompts: Vec<String>,
    generated: Vec<String>,
}

fn cases() -> BTreeMap<String, Case> {
    serde_json::from_slice(&std::fs::read(fixture("propagation.json")).unwrap()).unwrap()
}

fn load(name: &str) -> (AttributionModel, Texts) {
    let folder = fixture("architectures").join(name);
    let texts = serde_json::from_slice(&std::fs::read(folder.join("golden.json")).unwrap()).unwrap();
    (AttributionModel::load(folder.to_str().unwrap()).unwrap(), texts)
}

fn request(texts: &Texts, text: usize) -> AttributionRequest {
    AttributionRequest::new([texts.prompts[text].as_str()])
        .generated_texts([texts.generated[text].as_str()])
        .attributed_fn("logit")
        .step_scores(["logit"])
        .attribute_target(true)
}

fn attribute(model: &AttributionModel, request: &AttributionRequest) -> SequenceAttribution {
    model.attribute(request).unwrap().sequences.swap_remove(0)
}

/// The sides that were attributed, source first.
fn sides(sequence: &SequenceAttribution) -> Vec<&ArrayD<f32>> {
    [&sequence.source_attributions, &sequence.target_attributions].into_iter().flatten().collect()
}

#[test]
fn conservative_scores_are_those_of_autograd_with_constant_statistics() {
    for (name, case) in cases() {
        let (model, texts) = load(&name);
        let request = request(&texts, case.text).method(Propagated(Propagation::CONSERVATIVE));
        let sequence = attribute(&model, &request);
        assert_eq!((sequence.attr_pos_start, sequence.steps()), (case.first, case.steps.len()), "{name}");
        for (index, step) in case.steps.iter().enumerate() {
            let scale = step.scores.iter().flatten().fold(0.0f32, |most, score| most.max(score.abs()));
            let near = |what: &str, a: f32, b: f32| {
                assert!(
                    (a - b).abs() <= 2e-5 * scale,
                    "{name}, step {index}: {what} is {a}, expected {b} (of {scale})"
                );
            };
            let sides = sides(&sequence);
            assert_eq!(sides.len(), step.scores.len(), "{name}");
            let mut sum = 0.0;
            for (side, expected) in sides.iter().zip(&step.scores) {
                let of_tokens = side.index_axis(Axis(1), index).sum_axis(Axis(1));
                for (position, expected) in expected.iter().enumerate() {
                    near(&format!("the score of token {position}"), of_tokens[position], *expected);
                    sum += of_tokens[position];
                }
            }
            near("the logit", sequence.step_scores["logit"][index], step.logit);
            if case.conserves {
                near("the sum of scores", sum, sequence.step_scores["logit"][index]);
            }
        }
    }
}

#[test]
fn without_other_rules_scores_are_input_times_gradient_to_the_last_bit() {
    for name in cases().into_keys() {
        let (model, texts) = load(&name);
        let own = attribute(&model, &request(&texts, 0).method(Propagated(Propagation::GRADIENT)));
        let expected = attribute(&model, &request(&texts, 0).method("input_x_gradient"));
        for (own, expected) in sides(&own).into_iter().zip(sides(&expected)) {
            assert_eq!(own.shape(), expected.shape(), "{name}");
            let same = own.iter().zip(expected).all(|(a, b)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()));
            assert!(same, "{name}");
        }
    }
}
