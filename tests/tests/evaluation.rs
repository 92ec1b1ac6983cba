//! `evaluate` against transformers and torch, one mask at a time, with scores that are given.

use inseq_core::{AttributionKind, Evaluation};
use inseq_methods::evaluation::{EvaluationRequest, LEAVE_ONE_OUT, RANDOM, Removal};
use inseq_methods::{AttributionModel, Attributions, Method, MethodContext, Result};
use inseq_tests::fixture;
use ndarray::Array2;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Golden {
    model: String,
    input: String,
    output: String,
    source: Vec<u32>,
    target: Vec<u32>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    removal: String,
    scores: Vec<f32>,
    metrics: BTreeMap<String, Option<f64>>,
}

/// Gives known scores to the tokens of the input that are not special.
#[derive(Debug)]
struct Known(Vec<f32>);

impl Method for Known {
    fn name(&self) -> &str {
        "known"
    }

    fn attribute_text(&self, context: &mut MethodContext, entry: usize) -> Result<Attributions> {
        let text = context.text(entry);
        let is_decoder_only = text.source.is_empty();
        let (ids, rows) = match is_decoder_only {
            true => (&text.target[..text.first], text.target.len()),
            false => (&text.source[..], text.source.len()),
        };
        let mut scores = Array2::zeros((rows, text.steps.len()));
        let ranked = (0..ids.len()).filter(|&position| !context.special_tokens.contains(&ids[position]));
        for (position, score) in ranked.zip(&self.0) {
            scores.row_mut(position).fill(*score);
        }
        let scores = Some(scores.into_dyn());
        let (source, target) = if is_decoder_only { (None, scores) } else { (scores, None) };
        Ok(Attributions { source, target, kind: AttributionKind::Coarse, ..Attributions::default() })
    }
}

fn golden() -> Vec<Golden> {
    serde_json::from_str(&std::fs::read_to_string(fixture("evaluation.json")).unwrap()).unwrap()
}

fn evaluated(golden: &Golden, case: &Case) -> Evaluation {
    let folder = fixture("architectures").join(&golden.model);
    let model = AttributionModel::load(folder.to_str().unwrap()).unwrap();
    let output = match golden.source.is_empty() {
        true => format!("{} {}", golden.input, golden.output),
        false => golden.output.clone(),
    };
    let request = EvaluationRequest::new([&golden.input])
        .generated_texts([output])
        .methods([Known(case.scores.clone())])
        .metrics(["aopc", "logprob_drop", "morf", "mas", "shapley"])
        .removal(case.removal.parse::<Removal>().unwrap());
    model.evaluate(&request).unwrap()
}

#[test]
fn metrics_are_those_of_one_mask_at_a_time() {
    let mut count = 0;
    for golden in golden() {
        for case in &golden.cases {
            let found = evaluated(&golden, case);
            let place = format!("{}, {}", golden.model, case.removal);
            assert_eq!(found.texts[0].tokens, case.scores.len(), "{place} {:?}", golden.target);
            assert_eq!(found.metrics.len(), case.metrics.len(), "{place}");
            for metric in &found.metrics {
                count += 1;
                match (metric.values[0][0], case.metrics[&metric.name]) {
                    (Some(found), Some(expected)) => {
                        assert!((found - expected).abs() < 1e-4, "{place}, {}: {found} {expected}", metric.name);
                    }
                    (found, expected) => assert_eq!(found, expected, "{place}, {}", metric.name),
                }
            }
        }
    }
    assert_eq!(count, 6 * 3 * 11);
}

#[test]
fn anchors_follow_the_methods() {
    let golden = &golden()[0];
    let found = evaluated(golden, &golden.cases[0]);
    let names: Vec<&str> = found.methods.iter().map(|method| method.name.as_str()).collect();
    assert_eq!(names, ["known", LEAVE_ONE_OUT, RANDOM]);
    let file = tempfile::NamedTempFile::new().unwrap();
    found.save(file.path()).unwrap();
    assert_eq!(Evaluation::load(file.path()).unwrap(), found);
}
