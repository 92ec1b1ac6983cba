//! `expected.json.gz` of the golden files: what the reference has and makes of each case, as plain numbers.

use std::{fs::File, path::PathBuf};

use flate2::read::GzDecoder;
use indexmap::IndexMap;
use inseq_core::{SequenceAttribution, Token};
use ndarray::{ArrayD, Dimension, IxDyn};
use serde::Deserialize;

pub fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/core").join(name)
}

pub fn cases() -> IndexMap<String, Case> {
    let file = File::open(fixture("expected.json.gz")).expect("the golden files are committed");
    serde_json::from_reader(GzDecoder::new(file)).expect("the golden files fit this test")
}

#[derive(Deserialize)]
pub struct Case {
    pub raw: Vec<Sequence>,
    #[serde(default)]
    pub aggregated: Vec<Sequence>,
    #[serde(default)]
    pub scores_dicts: Vec<ScoresDict>,
    #[serde(default)]
    pub weighted: Vec<Sequence>,
    #[serde(default)]
    pub functions: IndexMap<String, IndexMap<String, Sequence>>,
    #[serde(default)]
    pub selected: IndexMap<String, Sequence>,
    #[serde(default)]
    pub pipelines: IndexMap<String, Sequence>,
    pub sliced: Option<Sequence>,
    #[serde(default)]
    pub float16: Vec<Sequence>,
    #[serde(default)]
    pub float8: Vec<Sequence>,
    #[serde(default)]
    pub steps: Vec<Step>,
}

#[derive(Deserialize)]
pub struct Sequence {
    pub source: Vec<(String, i64)>,
    pub target: Vec<(String, i64)>,
    pub source_attributions: Option<Numbers>,
    pub target_attributions: Option<Numbers>,
    pub step_scores: IndexMap<String, Numbers>,
    pub sequence_scores: IndexMap<String, Numbers>,
    pub attr_pos_start: usize,
    pub attr_pos_end: usize,
}

#[derive(Deserialize)]
pub struct Step {
    pub source_attributions: Numbers,
    pub target_attributions: Numbers,
    pub step_scores: IndexMap<String, Numbers>,
}

pub type Column<K> = (Placed, Vec<(K, Option<f32>)>);
pub type Placed = (usize, String);

#[derive(Deserialize)]
pub struct ScoresDict {
    pub source_attributions: Vec<Column<Placed>>,
    pub target_attributions: Vec<Column<Placed>>,
    pub step_scores: Vec<Column<String>>,
}

#[derive(Deserialize)]
pub struct Numbers {
    shape: Vec<usize>,
    values: Vec<Option<f32>>,
}

impl Numbers {
    pub fn array(&self) -> ArrayD<f32> {
        let values = self.values.iter().map(|x| x.unwrap_or(f32::NAN)).collect();
        ArrayD::from_shape_vec(IxDyn(&self.shape), values).expect("the golden files are whole")
    }

    /// Checks an array, whose rows after the expected ones may be there if they are NaN.
    pub fn check<D: Dimension>(&self, found: &ndarray::Array<f32, D>, tolerance: f32, what: &str) {
        let found = found.view().into_dyn();
        let expected = self.array();
        let rows = expected.shape()[0].min(found.shape()[0]);
        let (found, hidden) = found.split_at(ndarray::Axis(0), rows);
        assert!(hidden.iter().all(|x| x.is_nan()), "{what}: rows after the reference's");
        assert_eq!(found.shape(), expected.shape(), "{what}");
        for (index, &x) in expected.indexed_iter() {
            let y = found[&index];
            let close = x == y || (x.is_nan() && y.is_nan()) || (x - y).abs() <= tolerance * x.abs().max(1.0);
            assert!(close, "{what}: {y} instead of {x} at {index:?}");
        }
    }
}

impl Sequence {
    pub fn check(&self, found: &SequenceAttribution, tolerance: f32, what: &str) {
        let tokens = |tokens: &[(String, i64)]| -> Vec<Token> {
            tokens.iter().map(|(text, id)| Token::new(text.clone(), u32::try_from(*id).ok())).collect()
        };
        assert_eq!(found.source, tokens(&self.source), "{what}");
        assert_eq!(found.target, tokens(&self.target), "{what}");
        assert_eq!((found.attr_pos_start, found.attr_pos_end), (self.attr_pos_start, self.attr_pos_end), "{what}");
        self.check_attributions(found, tolerance, what);
        assert_eq!(found.step_scores.len(), self.step_scores.len(), "{what}");
        for (name, scores) in &self.step_scores {
            scores.check(&found.step_scores[name], tolerance, &format!("{what}: {name}"));
        }
        assert_eq!(found.sequence_scores.len(), self.sequence_scores.len(), "{what}");
        for (name, scores) in &self.sequence_scores {
            scores.check(&found.sequence_scores[name].scores, tolerance, &format!("{what}: {name}"));
        }
    }

    pub fn check_attributions(&self, found: &SequenceAttribution, tolerance: f32, what: &str) {
        for (side, expected, found) in [
            ("source", &self.source_attributions, &found.source_attributions),
            ("target", &self.target_attributions, &found.target_attributions),
        ] {
            match (expected, found) {
                (Some(expected), Some(found)) => expected.check(found, tolerance, &format!("{what}: {side}")),
                (expected, found) => assert_eq!(expected.is_some(), found.is_some(), "{what}: {side}"),
            }
        }
    }
}
