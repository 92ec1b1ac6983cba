//! Merged and subtracted attributions against the reference (`tests/reference/core_aggregators_golden.py`).

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use inseq_core::aggregators::{AggregationFunction, Aggregator, Pair, Spans, Subwords};
use inseq_core::{AttributionKind, AttributionResult, SequenceAttribution, Token};
use ndarray::{ArrayD, Axis, array};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    spans: BTreeMap<String, Vec<(usize, usize)>>,
    cases: BTreeMap<String, Expected>,
}

#[derive(Deserialize)]
struct Expected {
    source: Vec<(String, i64)>,
    target: Vec<(String, i64)>,
    positions: (usize, usize),
    source_attributions: Option<Scores>,
    target_attributions: Option<Scores>,
    step_scores: BTreeMap<String, Scores>,
}

#[derive(Deserialize)]
struct Scores {
    shape: Vec<usize>,
    values: Vec<Option<f32>>,
}

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/core").join(name)
}

fn assert_scores(what: &str, got: Option<&ArrayD<f32>>, expected: Option<&Scores>) {
    let (Some(got), Some(expected)) = (got, expected) else {
        return assert_eq!(got.is_some(), expected.is_some(), "{what}");
    };
    // Tokens after the last step, which no step sees, have rows here and none there.
    assert_eq!(got.shape()[1..], expected.shape[1..], "{what}");
    let rows = expected.shape[0];
    assert!(
        got.shape()[0] == rows || got.axis_iter(Axis(0)).skip(rows).all(|row| row.iter().all(|v| v.is_nan())),
        "{what}"
    );
    for (got, expected) in got.axis_iter(Axis(0)).flatten().zip(&expected.values) {
        match expected {
            None => assert!(got.is_nan(), "{what}: {got}, expected NaN"),
            Some(expected) => {
                assert!((got - expected).abs() <= 1e-6 * expected.abs().max(1.0), "{what}: {got} {expected}")
            }
        }
    }
}

fn assert_sequence(what: &str, got: &SequenceAttribution, expected: &Expected) {
    let texts = |tokens: &[Token]| tokens.iter().map(|token| (token.text.clone(), token.id)).collect::<Vec<_>>();
    assert_eq!(texts(&got.source), expected.source, "{what}");
    assert_eq!(texts(&got.target), expected.target, "{what}");
    assert_eq!((got.attr_pos_start, got.attr_pos_end), expected.positions, "{what}");
    assert_scores(what, got.source_attributions.as_ref(), expected.source_attributions.as_ref());
    assert_scores(what, got.target_attributions.as_ref(), expected.target_attributions.as_ref());
    for (name, expected) in &expected.step_scores {
        assert_scores(&format!("{what} {name}"), Some(&got.step_scores[name].clone().into_dyn()), Some(expected));
    }
}

#[test]
fn merged_spans_and_pairs_equal_the_references() {
    let golden: BTreeMap<String, Golden> =
        serde_json::from_slice(&std::fs::read(fixture("aggregators.json")).unwrap()).unwrap();
    for (name, golden) in &golden {
        let mut sequence = AttributionResult::load(fixture(&format!("{name}.json"))).unwrap().sequences.swap_remove(0);
        sequence.sequence_scores.clear();
        let spans = |side: &str| -> Vec<Range<usize>> {
            golden.spans.get(side).into_iter().flatten().map(|&(start, end)| start..end).collect()
        };
        for (case, expected) in &golden.cases {
            let what = format!("{name} {case}");
            let merging = Spans::new().source(spans("source_spans")).target(spans("target_spans"));
            let got = match case.strip_prefix("spans ") {
                Some(function) => {
                    let function = function.parse::<AggregationFunction>().unwrap();
                    // A function that is given serves step scores too in the reference.
                    let names = sequence.step_scores.keys();
                    let merging =
                        names.fold(merging.function(function), |spans, name| spans.step_function(name, function));
                    merging.aggregate(&sequence).unwrap()
                }
                None if case == "default" => merging.aggregate(&sequence).unwrap(),
                None => {
                    let mut other = sequence.clone();
                    other.source_attributions = other.source_attributions.map(|scores| scores * 3.0);
                    other.target_attributions = other.target_attributions.map(|scores| scores * 3.0);
                    let pair = Pair::new(other.clone()).aggregate(&sequence).unwrap();
                    // The operator has it the other way round, as one reads it.
                    let difference = (&other - &sequence).unwrap();
                    assert_eq!(
                        format!("{:?}", difference.source_attributions),
                        format!("{:?}", pair.source_attributions)
                    );
                    pair
                }
            };
            assert_sequence(&what, &got, expected);
        }
    }
}

fn words() -> SequenceAttribution {
    let tokens = |texts: &[&str]| texts.iter().map(|text| Token::new(*text, 7)).collect::<Vec<_>>();
    SequenceAttribution {
        source: tokens(&["▁The", "▁nur", "se", "</s>"]),
        target: tokens(&["<pad>", "▁L", "'", "infirm", "ière", "</s>"]),
        source_attributions: Some(
            array![
                [0.1, 0.2, 0.3, 0.4, 0.5],
                [0.1, -0.9, 0.0, 0.2, 0.1],
                [0.3, 0.2, 0.1, 0.0, 0.2],
                [0.5, 0.5, 0.6, 0.4, 0.2]
            ]
            .into_dyn(),
        ),
        attr_pos_start: 1,
        attr_pos_end: 6,
        kind: AttributionKind::Coarse,
        ..SequenceAttribution::default()
    }
}

#[test]
fn a_last_word_keeps_its_last_piece_and_specials_stay_alone() {
    let merged = Subwords::new().aggregate(&words()).unwrap();
    let texts = |tokens: &[Token]| tokens.iter().map(|token| token.text.clone()).collect::<Vec<_>>();
    assert_eq!(texts(&merged.source), ["▁The", "▁nurse", "</s>"]);
    assert_eq!(texts(&merged.target), ["<pad>", "▁L'infirmière", "</s>"]);
    assert_eq!((merged.attr_pos_start, merged.attr_pos_end), (1, 3));
    let scores = merged.source_attributions.unwrap();
    assert_eq!(scores, array![[0.4, 0.5], [-0.9, 0.2], [0.6, 0.2]].into_dyn());
}

#[test]
fn spans_that_do_not_fit_are_refused() {
    for spans in [&[(0, 9)][..], &[(2, 2)], &[(1, 3), (2, 4)]] {
        let spans = spans.iter().map(|&(start, end)| start..end);
        let error = Spans::new().source(spans).aggregate(&words()).unwrap_err().to_string();
        assert!(error.contains("source span"), "{error}");
    }
    let mut other = words();
    other.source.pop();
    assert!((&words() - &other).is_err());
}
