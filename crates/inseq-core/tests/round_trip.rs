//! A result that was saved and loaded is the same.

use std::collections::BTreeMap;
use std::{fs, io};

use indexmap::IndexMap;
use inseq_core::aggregators::AggregationFunction;
use inseq_core::{
    AttributionKind, AttributionResult, Error, Info, LoadOptions, MappedResult, SaveOptions, ScoreAxis,
    ScoresPrecision, SequenceAttribution, SequenceScore, StepAttribution, Token, Tolerance,
};
use ndarray::{Array1, ArrayD, IxDyn, array};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::json;

/// Any number, not finite ones included.
fn score() -> impl Strategy<Value = f32> {
    any::<u32>().prop_map(f32::from_bits)
}

fn scores(shape: Vec<usize>) -> impl Strategy<Value = ArrayD<f32>> {
    let length = shape.iter().product::<usize>();
    vec(score(), length)
        .prop_map(move |values| ArrayD::from_shape_vec(IxDyn(&shape), values).expect("as many as needed"))
}

fn vectors(length: usize) -> impl Strategy<Value = IndexMap<String, Array1<f32>>> {
    vec((names(), vec(score(), length)), 0..4)
        .prop_map(|scores| scores.into_iter().map(|(name, scores)| (name, scores.into())).collect())
}

/// Names, of which some mean something to the reference.
fn names() -> impl Strategy<Value = String> {
    prop_oneof![".{0,4}", "(probability|entropy|margin)", "(decoder|encoder)_[a-z]{0,2}"]
}

fn sequence_scores() -> impl Strategy<Value = IndexMap<String, SequenceScore>> {
    let axis = || prop_oneof![Just(ScoreAxis::Source), Just(ScoreAxis::Target), Just(ScoreAxis::Step)];
    let score = (axis(), axis(), vec(1..3_usize, 1..4).prop_flat_map(scores));
    let score = score.prop_map(|(rows, columns, scores)| SequenceScore::new([rows, columns], scores));
    vec((names(), score), 0..3).prop_map(|scores| scores.into_iter().collect())
}

fn tokens(length: impl Into<proptest::collection::SizeRange>) -> impl Strategy<Value = Vec<Token>> {
    vec((any::<String>(), any::<Option<u32>>()).prop_map(|(text, id)| Token::new(text, id)), length)
}

fn kind() -> impl Strategy<Value = (AttributionKind, Vec<usize>)> {
    prop_oneof![
        Just((AttributionKind::Coarse, vec![])),
        (1..4_usize).prop_map(|hidden| (AttributionKind::Granular, vec![hidden])),
        vec((prop_oneof!["layer", "head", ".{0,3}"], 1..3_usize), 1..4).prop_map(|axes| {
            let (dimensions, lengths) = axes.into_iter().unzip();
            (AttributionKind::MultiDimensional { dimensions }, lengths)
        }),
    ]
}

fn merging() -> impl Strategy<Value = BTreeMap<String, AggregationFunction>> {
    let norm = any::<f64>().prop_map(|order| AggregationFunction::VectorNorm { order });
    let function = prop_oneof![Just(AggregationFunction::Sum), Just(AggregationFunction::VNORM), norm];
    btree_map(names(), function, 0..3)
}

fn sequence() -> impl Strategy<Value = SequenceAttribution> {
    let positions = any::<[prop::sample::Index; 2]>();
    (tokens(0..4), tokens(0..5), positions, kind()).prop_flat_map(|(source, target, positions, (kind, inner))| {
        let [one, other] = positions.map(|position| position.index(target.len() + 1));
        let (start, end) = (one.min(other), one.max(other));
        let shape = |rows: usize| [&[rows, end - start], inner.as_slice()].concat();
        let arrays =
            (option::of(scores(shape(source.len()))), option::of(scores(shape(target.len()))), sequence_scores());
        (arrays, vectors(end - start), merging()).prop_map(
            move |((source_attributions, target_attributions, sequence_scores), step_scores, step_score_merging)| {
                SequenceAttribution {
                    source: source.clone(),
                    target: target.clone(),
                    source_attributions,
                    target_attributions,
                    step_scores,
                    step_score_merging,
                    sequence_scores,
                    attr_pos_start: start,
                    attr_pos_end: end,
                    kind: kind.clone(),
                }
            },
        )
    })
}

fn step() -> impl Strategy<Value = StepAttribution> {
    (1..3_usize, 0..3_usize, 0..3_usize, kind()).prop_flat_map(|(batch, source, prefix, (kind, inner))| {
        let shape = |rows: usize| [&[batch, rows], inner.as_slice()].concat();
        let texts = (vec(tokens(source), batch), vec(tokens(1), batch), vec(tokens(prefix), batch));
        let arrays = (option::of(scores(shape(source))), option::of(scores(shape(prefix))), sequence_scores());
        (texts, arrays, vectors(batch)).prop_map(
            move |(
                (source, target, prefix),
                (source_attributions, target_attributions, sequence_scores),
                step_scores,
            )| StepAttribution {
                source,
                target,
                prefix,
                source_attributions,
                target_attributions,
                step_scores,
                sequence_scores,
                kind: kind.clone(),
            },
        )
    })
}

fn result() -> impl Strategy<Value = AttributionResult> {
    let facts = vec(
        ("[a-z_]{1,8}", prop_oneof![any::<i64>().prop_map(|x| json!(x)), any::<String>().prop_map(|x| json!(x))]),
        0..4,
    );
    let numbers = any::<f64>().prop_filter("JSON knows finite numbers only", |x| x.is_finite());
    (vec(sequence(), 0..3), option::of(vec(step(), 0..3)), facts, numbers).prop_map(
        |(sequences, steps, facts, number)| {
            let mut info: Info = facts.into_iter().collect();
            info.exec_time = Some(number);
            AttributionResult { sequences, steps, info }
        },
    )
}

fn precision() -> impl Strategy<Value = ScoresPrecision> {
    prop_oneof![Just(ScoresPrecision::Float32), Just(ScoresPrecision::Float16), Just(ScoresPrecision::Float8)]
}

/// What is read from what is written.
fn there_and_back(result: &AttributionResult, options: &SaveOptions) -> AttributionResult {
    let mut file = Vec::new();
    result.write(&mut file, options).expect("valid results can be written");
    AttributionResult::read(file.as_slice(), &LoadOptions::default()).expect("what was written can be read")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_saved_is_loaded(result in result(), compress: bool, ndarray_compact: bool) {
        let options = SaveOptions::default().compress(compress).ndarray_compact(ndarray_compact);
        let loaded = there_and_back(&result, &options);
        prop_assert!(result.is_close(&loaded, Tolerance::EXACT), "{result:#?}\nbecame\n{loaded:#?}");
    }

    #[test]
    fn what_is_saved_as_safetensors_is_loaded(result in result(), precision in precision()) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("out.safetensors");
        let options = SaveOptions::default().scores_precision(precision);
        result.save_with(&path, &options).expect("valid results can be saved");
        let loaded = AttributionResult::load(&path).expect("what was saved can be loaded");
        // JSON rounds the scores of sequences to the same numbers, and does not round those of steps.
        let rounded = there_and_back(&AttributionResult { steps: None, ..result.clone() }, &options);
        let sequences = AttributionResult { steps: None, ..loaded.clone() };
        prop_assert!(rounded.is_close(&sequences, Tolerance::EXACT), "{rounded:#?}\nis not\n{sequences:#?}");
        if precision == ScoresPrecision::Float32 {
            prop_assert!(result.is_close(&loaded, Tolerance::EXACT), "{result:#?}\nbecame\n{loaded:#?}");
        }

        let mapped = MappedResult::open(&path).expect("what was saved can be opened");
        for (index, sequence) in loaded.sequences.iter().enumerate() {
            for steps in [0..0, 0..sequence.steps(), sequence.steps() / 2..sequence.steps()] {
                let expected = sequence.slice_steps(steps.clone()).expect("these steps are there");
                let found = mapped.sequence_steps(index, steps).expect("these steps are there");
                prop_assert!(expected.is_close(&found, Tolerance::EXACT), "{expected:#?}\nis not\n{found:#?}");
            }
            prop_assert!(mapped.sequence_steps(index, 0..sequence.steps() + 1).is_err());
        }
        prop_assert!(mapped.sequence(loaded.sequences.len()).is_err());
    }

    #[test]
    fn half_precision_rounds_to_nearest(values in vec(-60_000.0..60_000.0_f32, 1..20)) {
        let steps = values.len();
        let sequence = SequenceAttribution {
            target: vec![Token::new("▁", 1); steps],
            target_attributions: None,
            step_scores: [("probability".to_owned(), Array1::from(values))].into_iter().collect(),
            attr_pos_end: steps,
            ..SequenceAttribution::default()
        };
        let result = AttributionResult { sequences: vec![sequence], ..AttributionResult::default() };
        let options = SaveOptions::default().scores_precision(ScoresPrecision::Float16);
        let loaded = there_and_back(&result, &options);
        // Half a unit in the last of 11 bits, or of the smallest number.
        let tolerance = Tolerance { relative: 2f32.powi(-11), absolute: 2f32.powi(-25) };
        prop_assert!(result.is_close(&loaded, tolerance));
    }

    #[test]
    fn aggregated_steps_sum_to_one(sequence in sequence()) {
        let aggregated = sequence.aggregate().expect("valid results can be aggregated");
        prop_assert_eq!(&aggregated.kind, &AttributionKind::Coarse);
        prop_assert!(aggregated.is_close(&aggregated.aggregate().expect("again"), Tolerance::EXACT));
        if sequence.kind == AttributionKind::Coarse {
            return Ok(());
        }
        for step in 0..sequence.steps() {
            let sides = aggregated.source_attributions.iter().chain(&aggregated.target_attributions);
            let column = sides.flat_map(|scores| scores.index_axis(ndarray::Axis(1), step).iter().copied().collect::<Vec<_>>());
            let (count, sum) = column.filter(|x| x.is_finite()).fold((0, 0.0), |(n, sum), x| (n + 1, sum + x.abs()));
            prop_assert!(count == 0 || sum < 1.0 + 1e-4, "{sum}");
        }
    }
}

fn small() -> AttributionResult {
    let sequence = SequenceAttribution {
        source: vec![Token::new("▁oui", 4)],
        target: vec![Token::new("<pad>", 0), Token::new("▁yes", 5)],
        source_attributions: Some(array![[0.5]].into_dyn()),
        attr_pos_start: 1,
        attr_pos_end: 2,
        ..SequenceAttribution::default()
    };
    let info = json!({"input_texts": ["oui", "non"], "generated_texts": ["yes", "no"], "model_name": "tiny"});
    AttributionResult {
        sequences: vec![sequence.clone(), sequence],
        steps: Some(vec![]),
        info: info.as_object().cloned().unwrap_or_default().into(),
    }
}

#[test]
fn a_file_is_not_overwritten_unless_asked_for() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("out.json");
    fs::write(&path, "mine")?;
    let error = small().save(&path);
    assert!(matches!(&error, Err(Error::Exists(taken)) if *taken == path), "{error:?}");
    assert_eq!(fs::read_to_string(&path)?, "mine");
    small().save_with(&path, &SaveOptions::default().overwrite(true))?;
    assert!(AttributionResult::load(&path)?.is_close(&small(), Tolerance::EXACT));
    assert_eq!(fs::read_dir(folder.path())?.count(), 1, "nothing temporary is left");
    Ok(())
}

#[test]
fn sequences_are_split_as_the_reference_splits_them() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let options = SaveOptions::default().split_sequences(true).compress(true);
    let paths = small().save_with(folder.path().join("out.json.gz"), &options)?;
    assert_eq!(paths, ["out_0.json.gz", "out_1.json.gz"].map(|name| folder.path().join(name)));
    let second = AttributionResult::load(&paths[1])?;
    assert_eq!(second.info.to_map()["input_texts"], json!(["non"]));
    assert_eq!(second.info.to_map()["generated_texts"], json!(["no"]));
    assert_eq!((second.sequences.len(), second.steps), (1, None));
    let others = small().save_with(folder.path().join("out.v1.safetensors"), &options)?;
    assert_eq!(others[1], folder.path().join("out.v1_1.safetensors"));
    assert_eq!(AttributionResult::load(&others[1])?.info.to_map()["input_texts"], json!(["non"]));
    let error = small().save_with(folder.path().join("out.json.gz"), &options);
    assert!(matches!(&error, Err(Error::Exists(taken)) if *taken == paths[0]), "{error:?}");
    Ok(())
}

#[test]
fn nothing_is_left_when_saving_fails() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("out.json");
    let mut unfit = small();
    unfit.sequences[0].target.pop();
    let error = unfit.save(&path).map_err(|error| error.to_string());
    let reason = "text 1: attributed positions 1..2 do not lie in a target of 1 tokens";
    assert_eq!(error, Err(format!("{}: {reason}", path.display())));
    assert_eq!(fs::read_dir(folder.path())?.count(), 0);

    let mut invalid = small();
    invalid.sequences[1].attr_pos_end = 9;
    let error = invalid.write(io::sink(), &SaveOptions::default()).map_err(|error| error.to_string());
    assert_eq!(error, Err("text 2: attributed positions 1..9 do not lie in a target of 2 tokens".to_owned()));
    let missing = folder.path().join("missing").join("out.json");
    assert!(small().save(&missing).is_err_and(|error| error.to_string().contains("missing")));
    Ok(())
}

#[test]
fn results_of_one_model_merge() -> Result<(), Box<dyn std::error::Error>> {
    let merged = AttributionResult::merge([small(), small(), small()])?;
    assert_eq!(merged.sequences.len(), 6);
    assert_eq!(merged.info.to_map()["input_texts"].as_array().map(Vec::len), Some(6));
    let mut other = small();
    other.info.model_name = Some("small".to_owned());
    let error = AttributionResult::merge([small(), other]).map_err(|error| error.to_string());
    let expected = "results cannot be merged: `model_name` is \"tiny\" in the first, \"small\" in number 2";
    assert_eq!(error, Err(expected.to_owned()));
    assert!(AttributionResult::merge([]).is_err());
    Ok(())
}

#[test]
fn steps_of_a_sequence_are_cut_out() -> Result<(), Box<dyn std::error::Error>> {
    let sequence = SequenceAttribution {
        source: vec![Token::new("a", 1), Token::new("b", 2)],
        target: (0..4).map(|id| Token::new("t", id)).collect(),
        source_attributions: Some(array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]].into_dyn()),
        step_scores: [("probability".to_owned(), array![0.1, 0.2, 0.3])].into_iter().collect(),
        attr_pos_start: 1,
        attr_pos_end: 4,
        ..SequenceAttribution::default()
    };
    let cut = sequence.slice_steps(1..2)?;
    assert_eq!((cut.attr_pos_start, cut.attr_pos_end), (2, 3));
    assert_eq!(cut.source_attributions, Some(array![[2.0], [5.0]].into_dyn()));
    assert_eq!(cut.step_scores["probability"], array![0.2]);
    cut.validate()?;
    assert!(sequence.slice_steps(1..4).is_err());
    assert!(sequence.slice_inputs(1..3).is_err());
    Ok(())
}
