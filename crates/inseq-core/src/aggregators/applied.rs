//! Aggregation of the attribution of one text, and of one step.

use std::ops::Range;

use super::{Aggregator, Pipeline, Slices};
use crate::{Error, Result, SequenceAttribution, StepAttribution};

impl SequenceAttribution {
    /// Returns the attribution with one score per token, by the default aggregation of its kind
    /// ([`AttributionKind::default_scores`](crate::AttributionKind::default_scores)). An attribution that has one score per token
    /// already does not change.
    ///
    /// # Errors
    /// The arrays do not fit the tokens ([`validate`](Self::validate)).
    pub fn aggregate(&self) -> Result<Self> {
        self.aggregate_with(&Pipeline::default_for(&self.kind))
    }

    /// Applies an aggregator to the attribution.
    ///
    /// # Errors
    /// The arrays do not fit the tokens, or the aggregator.
    pub fn aggregate_with(&self, aggregator: &(impl Aggregator + ?Sized)) -> Result<Self> {
        self.validate()?;
        aggregator.aggregate(self)
    }

    /// Replaces the attributions by the aggregated ones, and multiplies those of each step with the step score of this name.
    ///
    /// # Errors
    /// There is no such step score, or the arrays do not fit the tokens; then nothing changes.
    pub fn weight_attributions(&mut self, step_score: &str) -> Result<()> {
        let aggregated = self.aggregate()?;
        let Some(weights) = self.step_scores.get(step_score) else {
            return Err(Error::unknown("step score", step_score, self.step_scores.keys().cloned()));
        };
        // `[step]` is multiplied to every row of `[attributed, step]`.
        self.source_attributions = aggregated.source_attributions.map(|scores| scores * weights);
        self.target_attributions = aggregated.target_attributions.map(|scores| scores * weights);
        self.kind = aggregated.kind;
        Ok(())
    }

    /// Keeps only the input tokens of a span: of the source or, for decoder-only models, of the prompt. Generated tokens
    /// always stay. This is the reference's `attribution[start:end]`, except that the target of an encoder-decoder stays whole.
    ///
    /// # Errors
    /// The span is empty or out of range, or the arrays do not fit the tokens.
    pub fn slice_inputs(&self, span: Range<usize>) -> Result<Self> {
        let slices = match self.source_attributions {
            Some(_) => Slices::new().source([span]),
            None => Slices::new().target([span]),
        };
        self.aggregate_with(&slices)
    }
}

impl StepAttribution {
    /// Returns the step with one score per token, by the default aggregation of its kind.
    ///
    /// # Errors
    /// The arrays do not fit the tokens ([`validate`](Self::validate)).
    pub fn aggregate(&self) -> Result<Self> {
        self.validate()?;
        self.kind.default_scores().iter().try_fold(self.clone(), |step, scores| scores.aggregate_step(&step))
    }
}
