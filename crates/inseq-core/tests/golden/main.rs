//! What the reference saves loads here with the same numbers, and is aggregated, weighted, sliced and listed as there.

mod expected;

use expected::{Case, cases, fixture};
use inseq_core::aggregators::{AggregationFunction, Pipeline, Scaling, Scores, Selection};
use inseq_core::{AttributionKind, AttributionResult, LoadOptions, SaveOptions, ScoresPrecision, SequenceAttribution};

/// How far aggregated scores may lie from the reference's, relative to the larger of 1 and the score.
const TOLERANCE: f32 = 1e-6;

fn load(name: &str) -> AttributionResult {
    AttributionResult::load(fixture(name)).expect("what the reference saves loads")
}

/// Each case that is saved plainly, with the result loaded.
fn each(check: impl Fn(&str, &Case, AttributionResult)) {
    let cases = cases();
    assert!(cases.len() > 10);
    for (name, case) in cases.iter().filter(|(name, _)| *name != "variants") {
        check(name, case, load(&format!("{name}.json")));
    }
}

fn kind(name: &str) -> AttributionKind {
    let layers = |names: &[&str]| AttributionKind::MultiDimensional {
        dimensions: names.iter().map(|&name| name.to_owned()).collect(),
    };
    match name {
        "layers" => layers(&["layer"]),
        _ if name.starts_with("layers_heads") => layers(&["layer", "head"]),
        _ if name.starts_with("granular") => AttributionKind::Granular,
        _ => AttributionKind::Coarse,
    }
}

#[test]
fn saved_results_load_as_they_were() {
    each(|name, case, loaded| {
        assert_eq!(loaded.sequences.len(), case.raw.len(), "{name}");
        for (expected, found) in case.raw.iter().zip(&loaded.sequences) {
            expected.check(found, 0.0, name);
            assert_eq!(found.kind, kind(name), "{name}");
        }
        assert_eq!(loaded.steps, None);
        assert_eq!(loaded.info.to_map()["exec_time"], 0.1 + 0.2);
        assert_eq!(loaded.info.to_map()["generation_args"]["nested"]["é"][1], -2.5e-7);
        assert_eq!(loaded.info.to_map()["input_texts"][0], "Die müde 0");
    });
}

#[test]
fn default_aggregation_is_the_references() {
    each(|name, case, loaded| {
        let aggregated = loaded.aggregate().expect("golden files are valid");
        for (expected, found) in case.aggregated.iter().zip(&aggregated.sequences) {
            expected.check(found, TOLERANCE, name);
            assert_eq!(found.kind, AttributionKind::Coarse, "{name}");
        }
    });
}

#[test]
fn an_aggregated_result_is_not_aggregated_again() {
    each(|name, case, _| {
        if case.aggregated.is_empty() {
            return;
        }
        let loaded = load(&format!("{name}.aggregated.json"));
        let again = loaded.aggregate().expect("golden files are valid");
        for (expected, found) in case.aggregated.iter().zip(&again.sequences) {
            expected.check(found, 0.0, name);
        }
    });
}

#[test]
fn weighting_is_the_references() {
    each(|name, case, mut loaded| {
        if case.weighted.is_empty() {
            return;
        }
        let error = loaded.weight_attributions("pcxmi").map_err(|error| error.to_string());
        assert_eq!(error, Err("unknown step score `pcxmi`; choose from entropy, probability".to_owned()));
        loaded.weight_attributions("probability").expect("golden files have the step score");
        for (expected, found) in case.weighted.iter().zip(&loaded.sequences) {
            expected.check_attributions(found, TOLERANCE, name);
        }
        assert_eq!(loaded.info.weighted_by.as_deref(), Some("probability"));
        let again = loaded.clone().weight_attributions("probability").map_err(|error| error.to_string());
        assert!(again.is_err_and(|error| error.contains("by the step score `probability` already")));
    });
}

#[test]
fn scores_dicts_are_the_references() {
    each(|name, case, loaded| {
        let dicts = loaded.get_scores_dicts().expect("golden files are valid");
        for (expected, found) in case.scores_dicts.iter().zip(dicts) {
            for (expected, found) in [
                (&expected.source_attributions, &found.source_attributions),
                (&expected.target_attributions, &found.target_attributions),
            ] {
                assert_eq!(expected.len(), found.len(), "{name}");
                for ((place, rows), (token, found)) in expected.iter().zip(found) {
                    assert_eq!(*place, (token.position, token.token.clone()), "{name}");
                    assert_eq!(rows.len(), found.len(), "{name}");
                    for ((place, score), (token, found)) in rows.iter().zip(found) {
                        assert_eq!(*place, (token.position, token.token.clone()), "{name}");
                        assert_eq!(score.is_none(), found.is_nan(), "{name}");
                        assert!((score.unwrap_or(0.0) - if found.is_nan() { 0.0 } else { *found }).abs() < TOLERANCE);
                    }
                }
            }
            assert_eq!(expected.step_scores.len(), found.step_scores.len(), "{name}");
            for ((_, rows), (_, found)) in expected.step_scores.iter().zip(&found.step_scores) {
                for (score, value) in rows {
                    assert_eq!(*value, found.get(score).copied(), "{name}");
                }
            }
        }
    });
}

#[test]
fn every_function_and_scaling_is_the_references() {
    each(|name, case, loaded| {
        for (function, scalings) in &case.functions {
            for (scaling, expected) in scalings {
                let scores = Scores::new(function.parse().expect("a function of the reference"));
                let scores = scores.scaling(match scaling.as_str() {
                    "normalize" => Scaling::Normalize,
                    "rescale" => Scaling::Rescale,
                    _ => Scaling::None,
                });
                let found = loaded.sequences[0].aggregate_with(&scores).expect("golden files are valid");
                expected.check(&found, TOLERANCE, &format!("{name}: {function}, {scaling}"));
            }
        }
        for (selected, expected) in &case.selected {
            let mean = Scores::new(AggregationFunction::Mean);
            let norm = |order| Scores::new(AggregationFunction::VectorNorm { order });
            let scores = match selected.as_str() {
                "one" => mean.select(Selection::One(-1)),
                "span" => mean.select(Selection::Span(1, 3)),
                "list" => mean.select(Selection::List(vec![2, 0])),
                "order_1" => norm(1.0),
                _ => norm(3.0),
            };
            let found = loaded.sequences[0].aggregate_with(&scores).expect("golden files are valid");
            expected.check(&found, TOLERANCE, &format!("{name}: {selected}"));
        }
    });
}

#[test]
fn pipelines_are_the_references() {
    each(|name, case, loaded| {
        for (pipeline, expected) in &case.pipelines {
            let functions = pipeline.split("_then_").map(|name| name.parse().expect("a function of the reference"));
            let pipeline = functions.map(Scores::new).fold(Pipeline::new(), Pipeline::then);
            let found = loaded.sequences[0].aggregate_with(&pipeline).expect("golden files are valid");
            expected.check(&found, TOLERANCE, name);
        }
    });
}

#[test]
fn slices_are_the_references() {
    each(|name, case, loaded| {
        let Some(expected) = &case.sliced else { return };
        let found = loaded.sequences[0].slice_inputs(1..3).expect("golden files are valid");
        if loaded.sequences[0].source_attributions.is_none() {
            expected.check(&found, 0.0, name);
        } else {
            let (expected, sliced) = (expected.source_attributions.as_ref(), found.source_attributions.as_ref());
            expected.expect("sliced").check(sliced.expect("sliced"), 0.0, name);
            assert_eq!(
                found.target_attributions.map(|a| a.len()),
                loaded.sequences[0].target_attributions.as_ref().map(|a| a.len())
            );
        }
    });
}

#[test]
fn every_precision_and_layout_loads() {
    let case = &cases()["variants"];
    for (file, expected) in [
        ("variants.float16.json", &case.float16),
        ("variants.float8.json", &case.float8),
        ("variants.json.gz", &case.raw),
        ("variants.split_0.json", &case.raw),
    ] {
        let loaded = load(file);
        for (expected, found) in expected.iter().zip(&loaded.sequences) {
            expected.check(found, 0.0, file);
        }
    }
    // What is rounded here is what the reference rounds.
    for (precision, expected) in [(ScoresPrecision::Float16, &case.float16), (ScoresPrecision::Float8, &case.float8)] {
        let options = SaveOptions::default().scores_precision(precision);
        let mut saved = Vec::new();
        load("variants.json.gz").write(&mut saved, &options).expect("golden files can be saved");
        let loaded = AttributionResult::read(saved.as_slice(), &LoadOptions::default()).expect("it loads again");
        for (expected, found) in expected.iter().zip(&loaded.sequences) {
            expected.check(found, 0.0, &format!("{precision:?}"));
        }
    }
    let error = AttributionResult::load(fixture("variants.primitives.json")).map_err(|error| error.to_string());
    assert!(error.is_err_and(|error| error.contains("use_primitives")));
}

#[test]
fn steps_that_the_reference_cannot_load_load_here() {
    let case = &cases()["variants"];
    for file in ["variants.steps.json", "variants.steps_lists.json", "variants.steps.json.gz"] {
        let loaded = load(file);
        let steps = loaded.steps.as_ref().expect("the file has steps");
        assert_eq!(steps.len(), case.steps.len());
        for (index, (expected, found)) in case.steps.iter().zip(steps).enumerate() {
            let array = |array: &Option<ndarray::ArrayD<f32>>| array.clone().expect("the step has the array");
            expected.source_attributions.check(&array(&found.source_attributions), 0.0, file);
            expected.target_attributions.check(&array(&found.target_attributions), 0.0, file);
            expected.step_scores["probability"].check(&found.step_scores["probability"], 0.0, file);
            assert_eq!(found.kind, AttributionKind::Granular);
            assert_eq!(found.batch(), 2);
            assert_eq!(found.prefix[1].len(), index + 1);
            assert_eq!(found.target[0][0], loaded.sequences[0].target[index + 1]);
        }
        assert_eq!(
            (&loaded.info.to_map()["not_a_number"], &loaded.info.to_map()["low"]),
            (&"NaN".into(), &"-Infinity".into())
        );
    }
}

/// A step's aggregation is that of a sequence of one step.
#[test]
fn steps_are_aggregated_as_sequences_are() {
    let steps = load("variants.steps.json").steps.expect("the file has steps");
    for step in steps {
        let aggregated = step.aggregate().expect("golden files are valid");
        for text in 0..2 {
            let column = |scores: &Option<ndarray::ArrayD<f32>>| {
                let scores = scores.as_ref().map(|scores| scores.index_axis(ndarray::Axis(0), text).to_owned());
                scores.map(|scores| scores.insert_axis(ndarray::Axis(1)))
            };
            let sequence = SequenceAttribution {
                source: step.source[text].clone(),
                target: step.prefix[text].clone(),
                source_attributions: column(&step.source_attributions),
                target_attributions: column(&step.target_attributions),
                attr_pos_start: 0,
                attr_pos_end: 1,
                kind: step.kind.clone(),
                ..SequenceAttribution::default()
            };
            let sequence = sequence.aggregate().expect("golden files are valid");
            let nan_as_zero = |scores: Option<ndarray::ArrayD<f32>>| {
                scores.map(|scores| scores.mapv(|x| if x.is_nan() { 0.0 } else { x }))
            };
            for (step, sequence) in [
                (column(&aggregated.source_attributions), sequence.source_attributions),
                (column(&aggregated.target_attributions), sequence.target_attributions),
            ] {
                assert_eq!(nan_as_zero(step), nan_as_zero(sequence));
            }
        }
    }
}
