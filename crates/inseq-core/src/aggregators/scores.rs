//! The `scores` aggregator: the last axis to one score.

use ndarray::{ArrayD, Axis};

use super::{AggregationFunction, normalize};
use crate::{AttributionKind, Error, Result, SequenceAttribution};

/// What is done to a step's scores after they are aggregated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Normalization {
    /// Nothing.
    None,
    /// They are divided by the sum of their absolute values over source and target (the default).
    #[default]
    SumToOne,
    /// All scores are divided by the greatest absolute value among them (the reference's `rescale`).
    GreatestToOne,
}

/// Aggregates the last axis of attributions and sequence scores.
///
/// ```
/// use inseq_core::aggregators::{AggregationFunction, Normalization, Scores};
///
/// let sum = Scores::new(AggregationFunction::Sum).normalization(Normalization::None);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    function: AggregationFunction,
    select: Option<Vec<usize>>,
    normalization: Normalization,
}

impl Scores {
    /// An aggregator by `function`, with scores that sum to one.
    pub fn new(function: AggregationFunction) -> Self {
        Self { function, select: None, normalization: Normalization::default() }
    }

    /// Only these entries of the last axis count.
    pub fn select(mut self, indices: impl IntoIterator<Item = usize>) -> Self {
        self.select = Some(indices.into_iter().collect());
        self
    }

    /// What is done to a step's scores after they are aggregated.
    pub fn normalization(mut self, normalization: Normalization) -> Self {
        self.normalization = normalization;
        self
    }

    /// Aggregates the last axis.
    ///
    /// # Errors
    /// When there is no axis after input and step, or a selected entry is not there.
    pub fn apply(&self, sequence: &SequenceAttribution) -> Result<SequenceAttribution> {
        let aggregate = |array: &Option<ArrayD<f32>>| array.as_ref().map(|a| self.last_axis(a)).transpose();
        let mut source = aggregate(&sequence.source_attributions)?;
        let mut target = aggregate(&sequence.target_attributions)?;
        normalize::normalize(self.normalization, source.as_mut(), target.as_mut());
        let sequence_scores = sequence
            .sequence_scores
            .iter()
            .map(|(name, array)| Ok((name.clone(), self.last_axis(array)?)))
            .collect::<Result<_>>()?;
        let kind = match &sequence.kind {
            AttributionKind::MultiDimensional { dimensions } if dimensions.len() > 1 => {
                AttributionKind::MultiDimensional { dimensions: dimensions[..dimensions.len() - 1].to_vec() }
            }
            _ => AttributionKind::Coarse,
        };
        Ok(SequenceAttribution {
            source_attributions: source,
            target_attributions: target,
            sequence_scores,
            kind,
            ..sequence.clone()
        })
    }

    /// Aggregates the last axis again and again, until one score a token is left.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub fn apply_to_all_axes(&self, sequence: &SequenceAttribution) -> Result<SequenceAttribution> {
        let mut sequence = self.apply(sequence)?;
        while sequence.kind != AttributionKind::Coarse {
            sequence = self.apply(&sequence)?;
        }
        Ok(sequence)
    }

    fn last_axis(&self, array: &ArrayD<f32>) -> Result<ArrayD<f32>> {
        if array.ndim() < 3 {
            return Err(Error::Invalid(format!(
                "there is no axis left to aggregate: the scores have the shape {:?}",
                array.shape()
            )));
        }
        let Some(select) = &self.select else { return Ok(self.function.apply(array)) };
        let axis = Axis(array.ndim() - 1);
        let length = array.len_of(axis);
        if let Some(index) = select.iter().find(|&&index| index >= length) {
            return Err(Error::Invalid(format!("index {index} is selected, but the last axis has {length} entries")));
        }
        Ok(self.function.apply(&array.select(axis, select)))
    }
}
