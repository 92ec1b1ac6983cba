//! Functions that merge the scores of several tokens into the score of one.

use indexmap::IndexMap;

use super::AggregationFunction;
use crate::SequenceAttribution;

/// Functions that merge the scores of several tokens into one score, for aggregators that merge tokens.
///
/// By default attributions keep the score with the largest absolute value, and step scores are merged according to their
/// meaning: probabilities are multiplied, entropies are added, and a step score that was registered with a function is merged by
/// this function ([`SequenceAttribution::step_score_merging`]). A single function, if given, merges both, as in the reference.
///
/// ```
/// use inseq_core::aggregators::{AggregationFunction, Merging};
///
/// assert_eq!(Merging::default().of_step_score("probability"), AggregationFunction::Prod);
/// assert_eq!(Merging::from(AggregationFunction::Mean).of_step_score("probability"), AggregationFunction::Mean);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Merging {
    /// Function that merges attributions, and step scores without a function of their own.
    pub function: AggregationFunction,
    /// Functions that merge step scores, by the name of the step score.
    pub step_functions: IndexMap<String, AggregationFunction>,
    /// Whether other step scores are merged by the functions that they were registered with, if any.
    pub as_registered: bool,
}

impl Default for Merging {
    fn default() -> Self {
        let multiplied = ["probability", "perplexity", "contrast_prob_diff", "contrast_prob", "mc_dropout_prob_avg"];
        let added = ["entropy", "crossentropy", "pcxmi", "kl_divergence"];
        let multiplied = multiplied.map(|name| (name.to_owned(), AggregationFunction::Prod));
        let added = added.map(|name| (name.to_owned(), AggregationFunction::Sum));
        let step_functions = multiplied.into_iter().chain(added).collect();
        Self { function: AggregationFunction::AbsMax, step_functions, as_registered: true }
    }
}

impl From<AggregationFunction> for Merging {
    fn from(function: AggregationFunction) -> Self {
        Self { function, step_functions: IndexMap::new(), as_registered: false }
    }
}

impl Merging {
    /// Sets the function that merges the step scores with this name.
    #[must_use]
    pub fn step_function(mut self, name: impl Into<String>, function: AggregationFunction) -> Self {
        self.step_functions.insert(name.into(), function);
        self
    }

    /// Function that merges a step score of `attribution`.
    pub(super) fn of_step_score_of(&self, attribution: &SequenceAttribution, name: &str) -> AggregationFunction {
        let registered = attribution.step_score_merging.get(name).filter(|_| self.as_registered);
        self.step_functions.get(name).or(registered).copied().unwrap_or(self.function)
    }

    /// Function that merges a step score without a registered function.
    pub fn of_step_score(&self, name: &str) -> AggregationFunction {
        self.step_functions.get(name).copied().unwrap_or(self.function)
    }
}
