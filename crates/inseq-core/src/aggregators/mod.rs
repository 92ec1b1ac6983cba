//! From many scores for a token to one: aggregators, as the reference names and defines them.

mod function;
mod normalize;
mod scores;

pub use function::AggregationFunction;
pub use scores::{Normalization, Scores};

use crate::{AttributionKind, AttributionResult, Result, SequenceAttribution};

impl SequenceAttribution {
    /// Aggregates by the default of the attribution's kind, to one score a token.
    ///
    /// Granular scores take the L2 norm over the last axis, multi-dimensional ones the mean over each extra axis, and
    /// then each step's scores over source and target together are divided by the sum of their absolute values. Coarse
    /// scores stay as they are.
    ///
    /// # Errors
    /// When the arrays do not fit the kind.
    pub fn aggregate(&self) -> Result<SequenceAttribution> {
        match &self.kind {
            AttributionKind::Coarse => Ok(self.clone()),
            AttributionKind::Granular => Scores::new(AggregationFunction::VectorNorm { order: 2.0 }).apply(self),
            AttributionKind::MultiDimensional { .. } => Scores::new(AggregationFunction::Mean).apply_to_all_axes(self),
        }
    }
}

impl AttributionResult {
    /// Aggregates every sequence by the default of its kind (see [`SequenceAttribution::aggregate`]).
    ///
    /// # Errors
    /// When the arrays of a sequence do not fit its kind.
    pub fn aggregate(&self) -> Result<AttributionResult> {
        let sequences = self.sequences.iter().map(SequenceAttribution::aggregate).collect::<Result<_>>()?;
        Ok(AttributionResult { sequences, ..self.clone() })
    }
}
