//! Merges several results into one.

use serde_json::Value;

use crate::{AttributionResult, Error, Result};

/// Facts that results must share, because otherwise their scores are not comparable.
const SHARED_FACTS: [&str; 9] = [
    "attribute_target",
    "attribution_method",
    "constrained_decoding",
    "include_eos_baseline",
    "model_class",
    "model_name",
    "step_scores",
    "tokenizer_class",
    "tokenizer_name",
];

/// Facts with one value per text, which are concatenated.
const TEXT_FACTS: [&str; 2] = ["generated_texts", "input_texts"];

impl AttributionResult {
    /// Merges the sequences of several results, in order. `info` comes from the first result, except the texts and the largest
    /// `attr_pos_end`, which come from all results. Steps are kept if the first result has them.
    ///
    /// # Errors
    /// The results differ in model, tokenizer, method, step scores, target attribution, decoding or baseline; or there is
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
            return Err(Error::Invalid("there are no results to merge".to_owned()));
        };
        for (index, mut result) in results.enumerate() {
            for fact in SHARED_FACTS {
                let (first, other) = (merged.info.get(fact), result.info.get(fact));
                if first != other {
                    let shown = |value: Option<&Value>| value.map_or("absent".to_owned(), Value::to_string);
                    return Err(Error::Invalid(format!(
                        "results cannot be merged: `{fact}` is {} in the first, {} in number {}",
                        shown(first),
                        shown(other),
                        index + 2
                    )));
                }
            }
            for fact in TEXT_FACTS {
                if let (Some(Value::Array(texts)), Some(Value::Array(more))) =
                    (merged.info.get_mut(fact), result.info.get_mut(fact))
                {
                    texts.append(more);
                }
            }
            let end = |result: &Self| result.info.get("attr_pos_end").and_then(Value::as_i64);
            if let (Some(first), Some(other)) = (end(&merged), end(&result)) {
                merged.info.insert("attr_pos_end".to_owned(), first.max(other).into());
            }
            merged.sequences.append(&mut result.sequences);
            if let Some(steps) = &mut merged.steps {
                steps.extend(result.steps.into_iter().flatten());
            }
        }
        Ok(merged)
    }
}
