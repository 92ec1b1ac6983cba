//! The objects of a saved result, for reading.

use std::collections::BTreeMap;

use ndarray::ArrayD;
use serde::{Deserialize, Serialize};

use super::array::SavedArray;
use super::conventions::{StatedAxes, StatedMerging};
use super::pieces::SavedPieces;
use crate::{AttributionKind, Error, Result, Token};

/// Python module and name of the classes that a file names.
pub(super) mod class {
    pub const OUTPUT: [&str; 2] = [ATTRIBUTION, "FeatureAttributionOutput"];
    pub const TOKEN: [&str; 2] = ["inseq.utils.typing", "TokenWithId"];
    const ATTRIBUTION: &str = "inseq.data.attribution";

    use crate::AttributionKind;

    /// The class of a sequence's attribution.
    pub fn sequence(kind: &AttributionKind) -> [&'static str; 2] {
        let name = match kind {
            AttributionKind::Granular => "GranularFeatureAttributionSequenceOutput",
            AttributionKind::Coarse => "CoarseFeatureAttributionSequenceOutput",
            AttributionKind::MultiDimensional { .. } => "MultiDimensionalFeatureAttributionSequenceOutput",
        };
        [ATTRIBUTION, name]
    }

    /// The class of a step's attribution.
    pub fn step(kind: &AttributionKind) -> [&'static str; 2] {
        let name = match kind {
            AttributionKind::Granular => "GranularFeatureAttributionStepOutput",
            AttributionKind::Coarse => "CoarseFeatureAttributionStepOutput",
            AttributionKind::MultiDimensional { .. } => "MultiDimensionalFeatureAttributionStepOutput",
        };
        [ATTRIBUTION, name]
    }
}

/// An object with the name of its Python class.
#[derive(Debug, Deserialize)]
pub(super) struct Tagged<T> {
    #[serde(rename = "__instance_type__")]
    class: Option<(Option<String>, String)>,
    attributes: Option<T>,
}

impl<T> Tagged<T> {
    /// The name of the class, and the attributes.
    pub(super) fn open(self, place: &str) -> Result<(String, T)> {
        match (self.class, self.attributes) {
            (Some((_, name)), Some(attributes)) => Ok((name, attributes)),
            _ => Err(Error::malformed(
                place,
                "has no `__instance_type__` and `attributes`; a file saved with `use_primitives` has none, and cannot be \
                 loaded",
            )),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(super) struct OutputAttributes<'a> {
    #[serde(default)]
    pub info: serde_json::Map<String, serde_json::Value>,
    pub sequence_attributions: Vec<Tagged<SequenceAttributes<'a>>>,
    pub step_attributions: Option<Vec<Tagged<StepAttributes<'a>>>>,
}

/// Base64 text, borrowed from the file.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] pub std::borrow::Cow<'a, str>);

#[derive(Debug, Deserialize)]
pub(super) struct SequenceAttributes<'a> {
    pub source: Vec<Tagged<Token>>,
    pub target: Vec<Tagged<Token>>,
    #[serde(borrow)]
    pub source_attributions: Option<Text<'a>>,
    #[serde(borrow)]
    pub target_attributions: Option<Text<'a>>,
    #[serde(borrow)]
    pub step_scores: Option<BTreeMap<String, Text<'a>>>,
    #[serde(borrow)]
    pub sequence_scores: Option<BTreeMap<String, Text<'a>>>,
    #[serde(default)]
    pub attr_pos_start: usize,
    pub attr_pos_end: Option<usize>,
}

#[derive(Debug, Deserialize)]
pub(super) struct StepAttributes<'a> {
    pub source: Option<Vec<Vec<Tagged<Token>>>>,
    pub target: Option<Vec<Vec<Tagged<Token>>>>,
    pub prefix: Option<Vec<Vec<Tagged<Token>>>>,
    #[serde(borrow)]
    pub source_attributions: Option<SavedArray<'a>>,
    #[serde(borrow)]
    pub target_attributions: Option<SavedArray<'a>>,
    #[serde(borrow)]
    pub step_scores: Option<BTreeMap<String, SavedArray<'a>>>,
    #[serde(borrow)]
    pub sequence_scores: Option<BTreeMap<String, SavedArray<'a>>>,
}

/// Facts about a sequence or a step without a field in the reference's layout, by name.
#[derive(Debug, Default, PartialEq, Deserialize, Serialize)]
pub(super) struct Names {
    /// Names of the axes after the first two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dimensions: Option<Vec<String>>,
    /// Names of the sequence scores in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sequence_scores: Vec<String>,
    /// Names of the step scores in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub step_scores: Vec<String>,
    /// Functions that merge step scores, by name, if other than the reference's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub step_score_merging: StatedMerging,
    /// Axes of sequence scores, by name, if other than the reference's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sequence_score_axes: StatedAxes,
    /// Pieces of the source tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SavedPieces>,
    /// Pieces of the target tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<SavedPieces>,
}

/// Facts in a file beside the reference's layout, for reading.
#[derive(Debug, Default, Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(super) struct Extras<'a> {
    #[serde(default)]
    pub version: u32,
    #[serde(default)]
    pub sequences: Vec<Names>,
    pub step_attributions: Option<Vec<Tagged<StepAttributes<'a>>>>,
    #[serde(default)]
    pub steps: Vec<Names>,
}

/// Default names of the axes after the first two: the reference has attributions per layer, and per
/// layer and head.
pub(super) fn default_dimensions(axes: usize) -> Vec<String> {
    match axes {
        0..=2 => ["layer", "head"][..axes].iter().map(|&name| name.to_owned()).collect(),
        _ => (0..axes).map(|axis| format!("axis_{}", axis + 2)).collect(),
    }
}

/// The kind of attributions, from their class and axes. In the reference an aggregated attribution keeps its class.
pub(super) fn kind_of(class: &str, scores: Option<&ArrayD<f32>>, names: Option<&Names>) -> AttributionKind {
    let axes = scores.map(|scores| scores.ndim().saturating_sub(2));
    let named = names.and_then(|names| names.dimensions.clone());
    match axes {
        Some(0) => AttributionKind::Coarse,
        None | Some(1) if class.starts_with("Granular") => AttributionKind::Granular,
        None if class.starts_with("MultiDimensional") => {
            AttributionKind::MultiDimensional { dimensions: named.unwrap_or_default() }
        }
        None => AttributionKind::Coarse,
        Some(axes) => AttributionKind::MultiDimensional {
            dimensions: named.filter(|names| names.len() == axes).unwrap_or_else(|| default_dimensions(axes)),
        },
    }
}
