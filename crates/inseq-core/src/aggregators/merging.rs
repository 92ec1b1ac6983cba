//! How the scores of several tokens become those of one.

use indexmap::IndexMap;

use super::AggregationFunction;
use crate::SequenceAttribution;

/// What makes one score of several tokens' scores, for aggregators that merge tokens.
///
/// By default attributions take the score of largest absolute value, and step scores are merged as their meaning asks:
/// probabilities are multiplied, entropies added, and those that were registered with a function are merged by it
/// ([`SequenceAttribution::step_score_merging`]). One function given for all serves both, as in the reference.
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
    /// Whether other step scores are merged by the functions that they were registered with, where they were.
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
    /// Merges the step scores of a name by another function.
    pub fn step_function(mut self, name: impl Into<String>, function: AggregationFunction) -> Self {
        self.step_functions.insert(name.into(), function);
        self
    }

    /// The function of a step score of `attribution`.
    pub(super) fn of_step_score_of(&self, attribution: &SequenceAttribution, name: &str) -> AggregationFunction {
        let registered = attribution.step_score_merging.get(name).filter(|_| self.as_registered);
        self.step_functions.get(name).or(registered).copied().unwrap_or(self.function)
    }

    /// The function of a step score, where none was registered.
    pub fn of_step_score(&self, name: &str) -> AggregationFunction {
        self.step_functions.get(name).copied().unwrap_or(self.function)
    }
}
