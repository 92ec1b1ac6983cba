//! Functions that merge the scores of several tokens into the score of one.

use indexmap::IndexMap;

use super::AggregationFunction;
use crate::SequenceAttribution;

/// Functions that merge the scores of several tokens into one score, for aggregators that merge tokens.
///
/// By default attributions keep the score with the largest absolute value, and each step score is merged by the function that
/// the result has for it ([`SequenceAttribution::step_score_merging`]): probabilities are multiplied, entropies are added. A single
/// function, if given, merges both, as in the reference.
///
/// ```
/// use inseq_core::SequenceAttribution;
/// use inseq_core::aggregators::{AggregationFunction, Merging};
///
/// let mut attribution = SequenceAttribution::default();
/// attribution.step_score_merging.insert("probability".into(), AggregationFunction::Prod);
/// let of_probability = |merging: Merging| merging.of_step_score(&attribution, "probability");
/// assert_eq!(of_probability(Merging::default()), AggregationFunction::Prod);
/// assert_eq!(of_probability(AggregationFunction::Mean.into()), AggregationFunction::Mean);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Merging {
    /// Function that merges attributions, and step scores without a function of their own.
    pub function: AggregationFunction,
    /// Functions that merge step scores, by the name of the step score; they precede those of the result.
    pub step_functions: IndexMap<String, AggregationFunction>,
    /// Whether other step scores are merged by the functions of the result, if any.
    pub as_registered: bool,
}

impl Default for Merging {
    fn default() -> Self {
        Self { function: AggregationFunction::AbsMax, step_functions: IndexMap::new(), as_registered: true }
    }
}

impl From<AggregationFunction> for Merging {
    fn from(function: AggregationFunction) -> Self {
        Self { function, step_functions: IndexMap::new(), as_registered: false }
    }
}

crate::setters! {
    Merging {
        function: AggregationFunction,
        step_functions: IndexMap<String, AggregationFunction>,
        as_registered: bool,
    }
}

impl Merging {
    /// Sets the function that merges the step scores with this name.
    #[must_use]
    pub fn step_function(mut self, name: impl Into<String>, function: AggregationFunction) -> Self {
        self.step_functions.insert(name.into(), function);
        self
    }

    /// Function that merges a step score of an attribution.
    pub fn of_step_score(&self, attribution: &SequenceAttribution, name: &str) -> AggregationFunction {
        let registered = attribution.step_score_merging.get(name).filter(|_| self.as_registered);
        self.step_functions.get(name).or(registered).copied().unwrap_or(self.function)
    }
}
