//! Merges several results into one.

use serde_json::Value;

use crate::{AttributionResult, Error, Result};

/// Facts that results must share, because otherwise their scores are not comparable.
const SHARED_FACTS: [&str; 10] = [
    "attribute_target",
    "attribution_method",
    "constrained_decoding",
    "include_eos_baseline",
    "model_class",
    "model_name",
    "step_scores",
    "tokenizer_class",
    "tokenizer_name",
    "weighted_by",
];

impl AttributionResult {
    /// Merges the sequences of several results, in order. `info` comes from the first result, except the texts and the largest
    /// `attr_pos_end`, which come from all results. Steps are kept if the first result has them.
    ///
    /// # Errors
    /// The results differ in model, tokenizer, method, step scores, weights, target attribution, decoding or baseline; or there is
    /// no result.
    ///
    /// # Example
    /// ```
    /// use inseq_core::{AttributionResult, SequenceAttribution};
    ///
    /// let one = AttributionResult { sequences: vec![SequenceAttribution::default()], ..AttributionResult::default() };
    /// let two = one.clone();
    /// assert_eq!(AttributionResult::merge([one, two])?.sequences.len(), 2);
    /// # Ok::<(), inseq_core::Error>(())
    /// ```
    pub fn merge(results: impl IntoIterator<Item = Self>) -> Result<Self> {
        let mut results = results.into_iter();
        let Some(mut merged) = results.next() else {
            return Err(Error::argument("results", "there are no results to merge".to_owned()));
        };
        for (index, mut result) in results.enumerate() {
            for fact in SHARED_FACTS {
                let (first, other) = (merged.info.get(fact), result.info.get(fact));
                if first != other {
                    let shown = |value: Option<Value>| value.map_or("absent".to_owned(), |value| value.to_string());
                    return Err(Error::Invalid(format!(
                        "results cannot be merged: `{fact}` is {} in the first, {} in number {}",
                        shown(first),
                        shown(other),
                        index + 2
                    )));
                }
            }
            let (info, more) = (&mut merged.info, result.info);
            for (texts, more) in
                [(&mut info.input_texts, more.input_texts), (&mut info.generated_texts, more.generated_texts)]
            {
                if let (Some(texts), Some(more)) = (texts, more) {
                    texts.extend(more);
                }
            }
            if let (Some(end), Some(other)) = (&mut info.attr_pos_end, more.attr_pos_end) {
                *end = other.max(*end);
            }
            merged.sequences.append(&mut result.sequences);
            if let Some(steps) = &mut merged.steps {
                steps.extend(result.steps.into_iter().flatten());
            }
        }
        Ok(merged)
    }
}
