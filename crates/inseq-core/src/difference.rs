//! The difference of two results.

use std::ops::Sub;

use serde_json::Value;

use crate::aggregators::{Aggregator as _, Pair};
use crate::{AttributionResult, Error, Info, Result, SequenceAttribution, TextKind, TextName};

impl AttributionResult {
    /// The change from this result to another one: the [`Pair`] of each two sequences. `info` keeps the facts
    /// that both results share; texts that differ are shown as both. Steps are omitted, and so are step scores and sequence scores that
    /// only one of two sequences has.
    ///
    /// # Errors
    /// The results have different numbers of sequences, or two sequences differ in shape or kind.
    ///
    /// # Example
    /// ```
    /// use inseq_core::{AttributionResult, SequenceAttribution, Token};
    /// use ndarray::array;
    ///
    /// let result = |word: &str, score| AttributionResult {
    ///     sequences: vec![SequenceAttribution {
    ///         source: vec![Token::new(word, 3)],
    ///         target: vec![Token::new("▁infirmière", 4)],
    ///         source_attributions: Some(array![[score]].into_dyn()),
    ///         attr_pos_end: 1,
    ///         ..SequenceAttribution::default()
    ///     }],
    ///     ..AttributionResult::default()
    /// };
    /// let changed = result("▁he", 0.25).pair(&result("▁she", 1.0))?;
    /// assert_eq!(changed.sequences[0].source[0].text, "▁he → ▁she");
    /// assert_eq!(changed.sequences[0].source_attributions, Some(array![[0.75]].into_dyn()));
    /// # Ok::<(), inseq_core::Error>(())
    /// ```
    pub fn pair(&self, other: &Self) -> Result<Self> {
        combine(self, other, |this, other| Pair::new(other.clone()).aggregate(this))
    }
}

impl Sub for &AttributionResult {
    type Output = Result<AttributionResult>;

    /// Subtracts the scores of another result with the same shape.
    fn sub(self, other: Self) -> Self::Output {
        combine(self, other, |this, other| this - other)
    }
}

fn combine(
    a: &AttributionResult,
    b: &AttributionResult,
    sequence: impl Fn(&SequenceAttribution, &SequenceAttribution) -> Result<SequenceAttribution>,
) -> Result<AttributionResult> {
    let (count, other) = (a.sequences.len(), b.sequences.len());
    if count != other {
        return Err(Error::Invalid(format!(
            "only results of as many texts can be subtracted, but they have {count} and {other} texts"
        )));
    }
    let sequences = a.sequences.iter().zip(&b.sequences).enumerate().map(|(index, (a, b))| {
        sequence(a, b).map_err(|error| {
            Error::Invalid(TextName::new(TextKind::Attributed, index).of(count).sentence(&format!(": {error}")))
        })
    });
    Ok(AttributionResult { sequences: sequences.collect::<Result<_>>()?, steps: None, info: shared(&a.info, &b.info) })
}

/// The facts that two results share.
fn shared(a: &Info, b: &Info) -> Info {
    let (a, b) = (a.to_map(), b.to_map());
    let both = a.iter().filter_map(|(name, fact)| Some((name, fact, b.get(name)?)));
    both.filter_map(|(name, a, b)| {
        let fact = match (a, b) {
            _ if a == b => a.clone(),
            (Value::Array(a), Value::Array(b)) if name.ends_with("_texts") && a.len() == b.len() => {
                a.iter().zip(b).map(text).collect::<Option<Vec<Value>>>()?.into()
            }
            _ => return None,
        };
        Some((name.clone(), fact))
    })
    .collect()
}

fn text((a, b): (&Value, &Value)) -> Option<Value> {
    match (a, b) {
        _ if a == b => Some(a.clone()),
        (Value::String(a), Value::String(b)) => Some(format!("{a} → {b}").into()),
        _ => None,
    }
}
