//! The golden files of `tests/reference/methods_golden.py`, and the comparison of a result with one of their cases.

use std::collections::BTreeMap;

use inseq_core::SequenceAttribution;
use inseq_methods::TextSpans;
use ndarray::{ArrayD, Axis};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::subject::Subject;

/// Deviation from a golden file that is let pass, relative to the largest score.
pub const TOLERANCE: f32 = 1e-4;

/// Seeds whose mean is compared with that of the reference.
pub const SEEDS: u64 = 60;

/// `NAME.json`.
#[derive(Deserialize)]
pub struct Golden {
    pub texts: Vec<Text>,
    pub cases: Vec<Case>,
}

#[derive(Deserialize)]
pub struct Text {
    pub prompt: String,
    pub generated: String,
}

#[derive(Deserialize)]
pub struct Case {
    /// Which of the texts.
    pub text: usize,
    pub method: String,
    pub arguments: Map<String, Value>,
    pub attributed_fn: String,
    pub attribute_target: bool,
    /// Who made the scores.
    pub made_by: String,
    /// Whether the sum and the norm over features are kept, rather than the scores.
    pub granular: bool,
    /// Steps that were computed, from the first; all where nothing is said.
    pub steps: Option<usize>,
    /// Spans of tokens that are one feature.
    #[serde(default)]
    pub feature_groups: Option<TextSpans>,
    /// Whether mean and standard error of random scores are kept.
    #[serde(default)]
    pub random: bool,
}

/// Shape and values.
pub type Stored = (Vec<usize>, Vec<f32>);

pub type Tensors = std::collections::HashMap<String, Stored>;

pub fn arrays(sequence: &SequenceAttribution) -> [(&'static str, Option<&ArrayD<f32>>); 2] {
    [("source", sequence.source_attributions.as_ref()), ("target", sequence.target_attributions.as_ref())]
}

/// What stands in a golden file: by name, values as of an array.
pub fn observed(case: &Case, sequence: &SequenceAttribution) -> BTreeMap<String, ArrayD<f32>> {
    let mut values = BTreeMap::new();
    for (side, array) in arrays(sequence) {
        let Some(array) = array else { continue };
        if case.granular {
            let features = Axis(2);
            values.insert(format!("{side}.sum"), array.sum_axis(features));
            values.insert(format!("{side}.norm"), array.mapv(|v| v * v).sum_axis(features).mapv(f32::sqrt));
        } else if case.random && array.ndim() > 2 {
            values.insert(side.to_owned(), array.sum_axis(Axis(2)));
        } else {
            values.insert(side.to_owned(), array.clone());
        }
    }
    for (name, array) in sequence.sequence_scores.iter().map(|(name, score)| (name, &score.scores)) {
        values.insert(format!("sequence.{name}"), array.clone());
    }
    values
}

/// The largest deviation from the golden values, relative to the largest of those that stand together.
pub fn compare(
    case: &Case,
    key: usize,
    tensors: &Tensors,
    found: &BTreeMap<String, ArrayD<f32>>,
) -> Result<f32, String> {
    let prefix = format!("{key}.");
    let mut expected: Vec<(&str, &Stored)> = tensors
        .iter()
        .filter_map(|(name, tensor)| Some((name.strip_prefix(&prefix)?, tensor)))
        .filter(|(name, _)| !name.ends_with(".error"))
        .collect();
    expected.sort_by_key(|(name, _)| *name);
    let mut worst = 0f32;
    for (name, (shape, values)) in &expected {
        let Some(found) = found.get(*name) else { return Err(format!("there is no {name}")) };
        // A row that no step sees may be left out at the end.
        let spare = usize::from(*name == "target" || name.starts_with("target."));
        if found.ndim() != shape.len()
            || found.shape()[1..] != shape[1..]
            || found.shape()[0].abs_diff(shape[0]) > spare
        {
            return Err(format!("{name} has the shape {:?}, expected {shape:?}", found.shape()));
        }
        // Sums over features cancel; what they are rounded by goes with the norm.
        let together = expected.iter().filter(|(other, _)| case.granular || other == name);
        let scale =
            together.flat_map(|(_, (_, values))| values).filter(|v| !v.is_nan()).fold(1e-12f32, |a, v| a.max(v.abs()));
        let golden = ArrayD::from_shape_vec(shape.clone(), values.clone()).map_err(|e| e.to_string())?;
        for (index, expected) in golden.indexed_iter() {
            if case.steps.is_some_and(|steps| index[1] >= steps) {
                continue;
            }
            if index[0] >= found.shape()[0] {
                if !expected.is_nan() && *expected != 0.0 {
                    return Err(format!("{name} has no row {}, expected {expected} there", index[0]));
                }
                continue;
            }
            let got = found[index.clone()];
            if got.is_nan() != expected.is_nan() {
                return Err(format!("{name} at {index:?} is {got}, expected {expected}"));
            }
            let deviation = if got.is_nan() { 0.0 } else { (got - expected).abs() / scale };
            if deviation > TOLERANCE {
                return Err(format!(
                    "{name} at {index:?} is {got}, expected {expected}: {deviation:.1e} of {scale:.2e}"
                ));
            }
            worst = worst.max(deviation);
        }
    }
    Ok(worst)
}

/// Compares the mean over seeds with that of the reference, in standard errors of both.
pub fn compare_distribution(subject: &Subject, case: &Case, key: usize, tensors: &Tensors) -> Result<f32, String> {
    let runs: Vec<_> = (0..SEEDS)
        .map(|seed| {
            let mut arguments = case.arguments.clone();
            arguments.insert("seed".into(), json!(seed));
            let sequence = subject.case(case, &arguments);
            sequence.map(|sequence| observed(case, &sequence)).map_err(|e| e.to_string())
        })
        .collect::<Result<_, _>>()?;
    let mut worst = 0f32;
    let (mut cells, mut far) = (0usize, 0usize);
    for side in ["source", "target"] {
        let Some((shape, expected)) = tensors.get(&format!("{key}.{side}")) else { continue };
        let errors = &tensors[&format!("{key}.{side}.error")].1;
        let runs: Vec<&ArrayD<f32>> = runs.iter().filter_map(|run| run.get(side)).collect();
        if runs.len() != SEEDS as usize {
            return Err(format!("there is no {side}"));
        }
        let scale = expected.iter().filter(|v| !v.is_nan()).fold(0f32, |a, v| a.max(v.abs()));
        for (at, (expected, error)) in expected.iter().zip(errors).enumerate().filter(|(_, (v, _))| !v.is_nan()) {
            let index = [at / shape[1], at % shape[1]];
            if case.steps.is_some_and(|steps| index[1] >= steps) {
                continue;
            }
            if index[0] >= runs[0].shape()[0] {
                if *expected != 0.0 {
                    return Err(format!("{side} has no row {}, expected {expected} there", index[0]));
                }
                continue;
            }
            let values: Vec<f32> = runs.iter().map(|run| run[index.as_slice()]).collect();
            let mean = values.iter().sum::<f32>() / values.len() as f32;
            let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / (values.len() - 1) as f32;
            let combined = (variance / values.len() as f32 + error * error).sqrt().max(1e-5 * scale);
            let away = (mean - expected).abs() / combined;
            if away > 5.0 {
                return Err(format!("{side} at {index:?} is {mean} on average, expected {expected}: {away:.1} errors"));
            }
            cells += 1;
            far += usize::from(away > 3.0);
            worst = worst.max(away);
        }
    }
    // Of so many means some are that far away by chance: 1 of 180 (Student's t of 59 degrees of freedom).
    if far > 1 + cells / 60 {
        return Err(format!("{far} of {cells} means are more than 3 errors away, the farthest {worst:.1}"));
    }
    Ok(worst)
}
