//! The attributions of a call, with how they were made.

use serde_json::{Map, Value};

use crate::aggregators::Aggregator;
use crate::{Result, SequenceAttribution, StepAttribution};

/// The attributions of one `attribute` call: one [`SequenceAttribution`] a text, and how they were made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AttributionResult {
    /// One for each text, in the order given.
    pub sequences: Vec<SequenceAttribution>,
    /// The raw output of each step, where it was asked for.
    pub steps: Option<Vec<StepAttribution>>,
    /// How the result was made: model, method, arguments, times. Keys are the reference's.
    pub info: Map<String, Value>,
}

impl AttributionResult {
    /// The result with one score per token in each sequence, by the default aggregation of its kind
    /// ([`SequenceAttribution::aggregate`]). Steps stay as they are.
    ///
    /// # Errors
    /// The arrays of a sequence do not fit its tokens.
    pub fn aggregate(&self) -> Result<Self> {
        self.with_sequences(self.sequences.iter().map(SequenceAttribution::aggregate))
    }

    /// The result with what an aggregator makes of each sequence.
    ///
    /// # Errors
    /// The arrays of a sequence do not fit its tokens, or the aggregator.
    pub fn aggregate_with(&self, aggregator: &(impl Aggregator + ?Sized)) -> Result<Self> {
        self.with_sequences(self.sequences.iter().map(|sequence| sequence.aggregate_with(aggregator)))
    }

    /// Weights the attributions of every sequence ([`SequenceAttribution::weight_attributions`]).
    ///
    /// # Errors
    /// A sequence has no such step score; nothing is changed then.
    pub fn weight_attributions(&mut self, step_score: &str) -> Result<()> {
        let weighted = self.sequences.iter().map(|sequence| {
            let mut sequence = sequence.clone();
            sequence.weight_attributions(step_score).map(|()| sequence)
        });
        self.sequences = weighted.collect::<Result<_>>()?;
        Ok(())
    }

    fn with_sequences(&self, sequences: impl Iterator<Item = Result<SequenceAttribution>>) -> Result<Self> {
        Ok(Self { sequences: sequences.collect::<Result<_>>()?, steps: self.steps.clone(), info: self.info.clone() })
    }
}
