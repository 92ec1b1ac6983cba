//! What a result knows of its scores is in the result, not in the names of scores.

use std::collections::BTreeMap;

use inseq_core::aggregators::{AggregationFunction, Aggregator as _, Spans};
use inseq_core::{
    AttributionResult, Format, LoadOptions, SaveOptions, ScoreAxis, SequenceAttribution, SequenceScore, Token,
};
use ndarray::{Array1, array};
use serde_json::{Value, json};

/// Two source tokens, two steps, and scores with names that the reference knows.
fn attribution() -> SequenceAttribution {
    SequenceAttribution {
        source: vec![Token::new("a", 1), Token::new("b", 2)],
        target: vec![Token::new("c", 3), Token::new("d", 4)],
        source_attributions: Some(array![[0.1, 0.2], [0.3, 0.4]].into_dyn()),
        step_scores: [("probability".to_owned(), Array1::from(vec![0.5, 0.25]))].into(),
        sequence_scores: [(
            "decoder_pairs".to_owned(),
            SequenceScore::new([ScoreAxis::Source; 2], array![[1.0, 2.0], [3.0, 4.0]].into_dyn()),
        )]
        .into(),
        attr_pos_end: 2,
        ..SequenceAttribution::default()
    }
}

fn result(attribution: SequenceAttribution) -> AttributionResult {
    AttributionResult { sequences: vec![attribution], ..AttributionResult::default() }
}

fn json_of(result: &AttributionResult) -> Value {
    let mut json = Vec::new();
    result.write(&mut json, &SaveOptions::default()).unwrap();
    serde_json::from_slice(&json).unwrap()
}

fn extras(result: &AttributionResult) -> Value {
    json_of(result)["attributes"]["info"]["inseq_rs"]["sequences"][0].clone()
}

/// What comes back from a JSON file and from a safetensors file.
fn there_and_back(result: &AttributionResult) -> [AttributionResult; 2] {
    let mut json = Vec::new();
    result.write(&mut json, &SaveOptions::default()).unwrap();
    let mut tensors = Vec::new();
    result.write_as(Format::Safetensors, &mut tensors, &SaveOptions::default()).unwrap();
    [
        AttributionResult::read(json.as_slice(), &LoadOptions::default()).unwrap(),
        AttributionResult::from_safetensors(&tensors).unwrap(),
    ]
}

#[test]
fn names_say_nothing_about_merging() {
    let merged = |attribution: &SequenceAttribution| {
        let merged = Spans::new().target(std::iter::once(0..2)).aggregate(attribution).unwrap();
        merged.step_scores["probability"][0]
    };
    let mut own = attribution();
    assert_eq!(merged(&own), 0.5, "the largest magnitude");
    for (function, expected) in [(AggregationFunction::Prod, 0.125), (AggregationFunction::Sum, 0.75)] {
        own.step_score_merging = BTreeMap::from([("probability".to_owned(), function)]);
        assert_eq!(merged(&own), expected);
        for back in there_and_back(&result(own.clone())) {
            assert_eq!(merged(&back.sequences[0]), expected);
            assert_eq!(back.sequences[0].step_score_merging, own.step_score_merging);
        }
    }
    own.step_score_merging.clear();
    for back in there_and_back(&result(own.clone())) {
        assert_eq!(merged(&back.sequences[0]), 0.5);
    }
}

#[test]
fn names_say_nothing_about_axes() {
    let own = attribution();
    for attribution in
        [own.clone()].into_iter().chain(there_and_back(&result(own)).map(|mut back| back.sequences.remove(0)))
    {
        let merged = Spans::new()
            .source(std::iter::once(0..2))
            .merging(AggregationFunction::Sum)
            .aggregate(&attribution)
            .unwrap();
        assert_eq!(merged.sequence_scores["decoder_pairs"].scores, array![[10.0]].into_dyn());
        assert_eq!(merged.sequence_scores["decoder_pairs"].axes, [ScoreAxis::Source; 2]);
    }
}

/// A file has no field for these facts, and the reference knows its own scores by name: such a file is as it always was.
#[test]
fn what_the_reference_knows_is_not_written() {
    let mut known = attribution();
    known.step_score_merging.insert("probability".to_owned(), AggregationFunction::Prod);
    known.sequence_scores["decoder_pairs"].axes = [ScoreAxis::Target; 2];
    assert_eq!(extras(&result(known.clone())), Value::Null);
    let [from_json, from_tensors] = there_and_back(&result(known.clone()));
    assert_eq!((&from_json.sequences[0], &from_tensors.sequences[0]), (&known, &known));

    assert_eq!(
        extras(&result(attribution())),
        json!({
            "step_score_merging": {"probability": null},
            "sequence_score_axes": {"decoder_pairs": ["source", "source"]},
        })
    );
}
