//! Aggregators by name against the reference (`tests/reference/core_aggregators_golden.py`), on saved results of every kind.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;

use flate2::read::GzDecoder;
use inseq_core::aggregators::{
    AggregationFunction, Aggregator, AggregatorInfo, Aggregators, Pair, Spans, Split, SplitMode, Subwords,
};
use inseq_core::{About, AttributionKind, AttributionResult, Result as CoreResult, SequenceAttribution, Token};
use ndarray::{ArrayD, Axis, array};
use serde::Deserialize;
use serde_json::{Map, Value, json};

#[derive(Deserialize)]
struct Case {
    stages: Vec<(String, Option<String>)>,
    arguments: Map<String, Value>,
    sequences: Vec<Expected>,
}

#[derive(Deserialize)]
struct Expected {
    source: Vec<(String, i64)>,
    target: Vec<(String, i64)>,
    positions: (usize, usize),
    source_attributions: Option<Scores>,
    target_attributions: Option<Scores>,
    step_scores: BTreeMap<String, Scores>,
    sequence_scores: BTreeMap<String, Scores>,
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
    let texts = |tokens: &[Token]| {
        tokens.iter().map(|token| (token.text.clone(), token.id.map_or(-1, i64::from))).collect::<Vec<_>>()
    };
    assert_eq!(texts(&got.source), expected.source, "{what}");
    assert_eq!(texts(&got.target), expected.target, "{what}");
    assert_eq!((got.attr_pos_start, got.attr_pos_end), expected.positions, "{what}");
    assert_scores(what, got.source_attributions.as_ref(), expected.source_attributions.as_ref());
    assert_scores(what, got.target_attributions.as_ref(), expected.target_attributions.as_ref());
    for (name, expected) in &expected.step_scores {
        assert_scores(&format!("{what} {name}"), Some(&got.step_scores[name].clone().into_dyn()), Some(expected));
    }
    for (name, expected) in &expected.sequence_scores {
        assert_scores(&format!("{what} {name}"), Some(&got.sequence_scores[name].scores), Some(expected));
    }
}

/// The case's pipeline by name, on a sequence.
fn aggregated(case: &Case, sequence: &SequenceAttribution) -> CoreResult<SequenceAttribution> {
    if case.stages[0].0 == "pair" {
        let mut other = sequence.clone();
        other.source_attributions = other.source_attributions.map(|scores| scores * 3.0);
        other.target_attributions = other.target_attributions.map(|scores| scores * 3.0);
        let pair = Pair::new(other.clone()).aggregate(sequence)?;
        // The operator has it the other way round, as one reads it.
        let difference = (&other - sequence)?;
        assert_eq!(format!("{:?}", difference.source_attributions), format!("{:?}", pair.source_attributions));
        return Ok(pair);
    }
    let stages = case.stages.iter().map(|(name, function)| {
        let own = function.iter().map(|function| ("aggregate_fn".to_owned(), json!(function))).collect();
        (name.as_str(), own)
    });
    let pipeline = Aggregators::new().pipeline(&stages.collect::<Vec<_>>(), &case.arguments)?;
    sequence.aggregate_with(&pipeline)
}

#[test]
fn aggregators_equal_the_references() {
    let file = GzDecoder::new(File::open(fixture("aggregators.json.gz")).unwrap());
    let golden: BTreeMap<String, Vec<Case>> = serde_json::from_reader(file).unwrap();
    assert_eq!(golden.len(), 9);
    for (name, cases) in &golden {
        let result = AttributionResult::load(fixture(&format!("{name}.json"))).unwrap();
        for case in cases {
            let what = format!("{name} {:?} {:?}", case.stages, case.arguments);
            assert_eq!(case.sequences.len(), result.sequences.len());
            for (sequence, expected) in result.sequences.iter().zip(&case.sequences) {
                let mut sequence = sequence.clone();
                if expected.sequence_scores.is_empty() {
                    sequence.sequence_scores.clear();
                }
                let got = aggregated(case, &sequence).unwrap_or_else(|error| panic!("{what}: {error}"));
                assert_sequence(&what, &got, expected);
            }
        }
    }
}

fn tokens(texts: &[&str]) -> Vec<Token> {
    texts.iter().map(|text| Token::new(*text, 7)).collect()
}

fn texts(tokens: &[Token]) -> Vec<&str> {
    tokens.iter().map(|token| token.text.as_str()).collect()
}

fn words() -> SequenceAttribution {
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
    assert_eq!(texts(&merged.source), ["▁The", "▁nurse", "</s>"]);
    assert_eq!(texts(&merged.target), ["<pad>", "▁L'infirmière", "</s>"]);
    assert_eq!((merged.attr_pos_start, merged.attr_pos_end), (1, 3));
    let scores = merged.source_attributions.unwrap();
    assert_eq!(scores, array![[0.4, 0.5], [-0.9, 0.2], [0.6, 0.2]].into_dyn());
}

#[test]
fn separators_that_share_a_token_are_cut_at_it() {
    let source = |pattern: &str, mode| {
        let attribution =
            SequenceAttribution { source: tokens(&["ab", "cde", "f", "g"]), ..SequenceAttribution::default() };
        Split::new(pattern).unwrap().mode(mode).aggregate(&attribution).unwrap().source
    };
    // `b` to `c`, and `e` to `f`: both reach into the second token.
    assert_eq!(texts(&source("bc|ef", SplitMode::Single)), ["ab", "cde", "f", "g"]);
    assert_eq!(texts(&source("bc|ef", SplitMode::Start)), ["ab", "cde", "fg"]);
    // Twice in one token is once; matches of nothing are none.
    assert_eq!(texts(&source("c|e", SplitMode::Single)), ["ab", "cde", "fg"]);
    assert_eq!(texts(&source("c|e", SplitMode::End)), ["abcde", "fg"]);
    assert_eq!(texts(&source("x*", SplitMode::Single)), ["ab", "cde", "f", "g"]);
    assert!(Split::new("(").is_err_and(|error| error.to_string().contains("\"(\" is no regular expression")));
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

#[test]
fn names_and_arguments_that_are_wrong_are_named() {
    let aggregators = Aggregators::new();
    let error_of = |name: &str, arguments: Value| {
        let arguments = arguments.as_object().cloned().unwrap_or_default();
        aggregators.named(name, &arguments).map(|_| ()).unwrap_err().to_string()
    };
    for (name, arguments, expected) in [
        ("score", json!({}), "unknown aggregator `score`; choose from scores, spans"),
        (
            "mean",
            json!({"aggregate_fn": "sum"}),
            "unknown argument of the aggregator `aggregate_fn`; choose from select_idx",
        ),
        (
            "scores",
            json!({"aggregate_fn": "median"}),
            "argument `aggregate_fn` of the aggregator `scores`: unknown aggregation function",
        ),
        ("scores", json!({"select_idx": "one"}), "\"one\" selects nothing"),
        ("scores", json!({"normalize": true, "rescale": true}), "either normalized or rescaled"),
        ("vnorm", json!({"vnorm_ord": "two"}), "\"two\" is no order of a norm"),
        ("spans", json!({"source_spans": [1, 2, 3]}), "expected a span such as [0, 2]"),
        ("split", json!({}), "needs `split_pattern`"),
        (
            "split",
            json!({"split_pattern": "a", "split_mode": "both"}),
            "unknown split mode `both`; choose from single, start, end",
        ),
        ("pair", json!({}), "needs a second attribution"),
    ] {
        let error = error_of(name, arguments);
        assert!(error.contains(expected), "{error}\ninstead of\n{expected}");
    }
    let shared = json!({"special_chars": "▁"});
    let stages = [("mean", Map::new())];
    let error = aggregators.pipeline(&stages, shared.as_object().unwrap()).unwrap_err().to_string();
    assert!(error.starts_with("unknown argument of the aggregators `special_chars`"), "{error}");
}

#[test]
fn an_aggregator_of_ones_own_is_found_by_its_name() {
    #[derive(Debug)]
    struct Doubled;
    impl Aggregator for Doubled {
        fn name(&self) -> &str {
            "doubled"
        }
        fn aggregate(&self, attribution: &SequenceAttribution) -> CoreResult<SequenceAttribution> {
            let mut doubled = attribution.clone();
            doubled.source_attributions = doubled.source_attributions.map(|scores| scores * 2.0);
            Ok(doubled)
        }
    }
    let mut aggregators = Aggregators::new();
    let info = AggregatorInfo {
        about: About { name: "doubled", description: "Twice the scores.", details: "", arguments: &[] },
        make: std::sync::Arc::new(|_| Ok(Box::new(Doubled))),
    };
    aggregators.register(info.clone()).unwrap();
    assert!(aggregators.register(info).unwrap_err().to_string().contains("`doubled` belongs to another aggregator"));
    assert!(aggregators.explain("doubled").unwrap().starts_with("doubled: Twice the scores."));
    let stages = [("subwords", Map::new()), ("doubled", Map::new())];
    let pipeline = aggregators.pipeline(&stages, &Map::new()).unwrap();
    let doubled = words().aggregate_with(&pipeline).unwrap().source_attributions.unwrap();
    assert_eq!(doubled, array![[0.8, 1.0], [-1.8, 0.4], [1.2, 0.4]].into_dyn());
    assert!(Aggregators::new().explain("doubled").is_err(), "registered with one value, not with all");
    for function in AggregationFunction::NAMES {
        assert_eq!(aggregators.explain(function).unwrap().contains("vnorm_ord"), function == "vnorm", "{function}");
    }
}
