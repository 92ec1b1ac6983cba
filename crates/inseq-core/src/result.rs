//! The attributions of one call.

use crate::aggregators::Aggregator;
use crate::{Error, Info, Result, SequenceAttribution, StepAttribution};

/// The attributions of one `attribute` call: one [`SequenceAttribution`] per text, and facts about the call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AttributionResult {
    /// One attribution per text, in the given order.
    pub sequences: Vec<SequenceAttribution>,
    /// Raw output of each step, if requested.
    pub steps: Option<Vec<StepAttribution>>,
    /// Facts about the call: model, method, arguments, times.
    pub info: Info,
}

impl AttributionResult {
    /// Returns the result with one score per token in each sequence, by the default aggregation of its kind
    /// ([`SequenceAttribution::aggregate`]). Steps do not change.
    ///
    /// # Errors
    /// The arrays of a sequence do not fit its tokens.
    pub fn aggregate(&self) -> Result<Self> {
        self.with_sequences(self.sequences.iter().map(SequenceAttribution::aggregate))
    }

    /// Applies an aggregator to each sequence.
    ///
    /// # Errors
    /// The arrays of a sequence do not fit its tokens, or the aggregator.
    pub fn aggregate_with(&self, aggregator: &(impl Aggregator + ?Sized)) -> Result<Self> {
        self.with_sequences(self.sequences.iter().map(|sequence| sequence.aggregate_with(aggregator)))
    }

    /// Weights the attributions of every sequence ([`SequenceAttribution::weight_attributions`]), and notes it in
    /// [`Info::weighted_by`].
    ///
    /// # Errors
    /// A sequence has no such step score, or the attributions have weights already; then nothing changes.
    pub fn weight_attributions(&mut self, step_score: &str) -> Result<()> {
        if let Some(earlier) = &self.info.weighted_by {
            return Err(Error::argument(
                "step_score",
                format!(
                    "the attributions were multiplied by the step score `{earlier}` already; leave the weight `{step_score}` out, or take \
                     the result before it was weighted"
                ),
            ));
        }
        let weighted = self.sequences.iter().map(|sequence| {
            let mut sequence = sequence.clone();
            sequence.weight_attributions(step_score).map(|()| sequence)
        });
        self.sequences = weighted.collect::<Result<_>>()?;
        self.info.weighted_by = Some(step_score.to_owned());
        Ok(())
    }

    fn with_sequences(&self, sequences: impl Iterator<Item = Result<SequenceAttribution>>) -> Result<Self> {
        Ok(Self { sequences: sequences.collect::<Result<_>>()?, steps: self.steps.clone(), info: self.info.clone() })
    }
}
