//! Comparison of results up to rounding.

use indexmap::IndexMap;
use ndarray::{ArrayBase, ArrayD, Data, Dimension, Zip};

use crate::{AttributionResult, SequenceAttribution, SequenceScore, StepAttribution};

type SequenceScores = IndexMap<String, SequenceScore>;

/// Largest allowed difference of two scores: `absolute + relative * |expected|`. NaN equals NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// Absolute part, in units of the scores.
    pub absolute: f32,
    /// Relative part, as a share of the expected score.
    pub relative: f32,
}

impl Tolerance {
    /// No difference; NaN equals NaN.
    pub const EXACT: Self = Self { absolute: 0.0, relative: 0.0 };

    /// Whether `found` is close enough to `expected`.
    pub fn accepts(self, expected: f32, found: f32) -> bool {
        expected == found
            || (expected.is_nan() && found.is_nan())
            || (expected - found).abs() <= self.absolute + self.relative * expected.abs()
    }

    fn arrays<A: Data<Elem = f32>, D: Dimension>(self, expected: &ArrayBase<A, D>, found: &ArrayBase<A, D>) -> bool {
        expected.shape() == found.shape() && Zip::from(expected).and(found).all(|&a, &b| self.accepts(a, b))
    }

    fn optional(self, expected: Option<&ArrayD<f32>>, found: Option<&ArrayD<f32>>) -> bool {
        match (expected, found) {
            (Some(expected), Some(found)) => self.arrays(expected, found),
            (None, None) => true,
            _ => false,
        }
    }

    fn sequence_scores(self, expected: &SequenceScores, found: &SequenceScores) -> bool {
        let mut pairs = expected.values().zip(found.values());
        expected.keys().eq(found.keys()) && pairs.all(|(a, b)| a.axes == b.axes && self.arrays(&a.scores, &b.scores))
    }
}

impl SequenceAttribution {
    /// Whether two attributions have the same tokens, positions and merging functions, and scores that differ by no more than a tolerance.
    /// Unlike `==`, NaN equals NaN here.
    pub fn is_close(&self, found: &Self, tolerance: Tolerance) -> bool {
        self.source == found.source
            && self.target == found.target
            && (self.attr_pos_start, self.attr_pos_end) == (found.attr_pos_start, found.attr_pos_end)
            && self.kind == found.kind
            && tolerance.optional(self.source_attributions.as_ref(), found.source_attributions.as_ref())
            && tolerance.optional(self.target_attributions.as_ref(), found.target_attributions.as_ref())
            && self.step_scores.keys().eq(found.step_scores.keys())
            && self.step_score_merging == found.step_score_merging
            && self.step_scores.values().zip(found.step_scores.values()).all(|(a, b)| tolerance.arrays(a, b))
            && tolerance.sequence_scores(&self.sequence_scores, &found.sequence_scores)
    }
}

impl StepAttribution {
    /// Whether two steps have the same tokens, and scores that differ by no more than a tolerance.
    pub fn is_close(&self, found: &Self, tolerance: Tolerance) -> bool {
        self.source == found.source
            && self.target == found.target
            && self.prefix == found.prefix
            && self.kind == found.kind
            && tolerance.optional(self.source_attributions.as_ref(), found.source_attributions.as_ref())
            && tolerance.optional(self.target_attributions.as_ref(), found.target_attributions.as_ref())
            && self.step_scores.keys().eq(found.step_scores.keys())
            && self.step_scores.values().zip(found.step_scores.values()).all(|(a, b)| tolerance.arrays(a, b))
            && tolerance.sequence_scores(&self.sequence_scores, &found.sequence_scores)
    }
}

impl AttributionResult {
    /// Whether two results have the same `info`, and sequences and steps that are close.
    pub fn is_close(&self, found: &Self, tolerance: Tolerance) -> bool {
        let steps = match (&self.steps, &found.steps) {
            (Some(a), Some(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.is_close(b, tolerance)),
            (None, None) => true,
            _ => false,
        };
        steps
            && self.info == found.info
            && self.sequences.len() == found.sequences.len()
            && self.sequences.iter().zip(&found.sequences).all(|(a, b)| a.is_close(b, tolerance))
    }
}
