//! The attributions of a call, with how they were made.

use serde_json::{Map, Value};

use crate::{SequenceAttribution, StepAttribution};

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
