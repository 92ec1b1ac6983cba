//! Selection of the likeliest tokens of a distribution.

use burn::tensor::{Tensor, activation::softmax};
use inseq_core::Argument;
use serde_json::{Map, Value};

use super::{BuiltIn, StepContext, StepFunction, built_in};
use crate::device::read;
use crate::{Error, Result};

/// Added to the logit of a token that is not kept.
const HIDDEN: f32 = -1e30;

/// Mask to add to logits `[row, vocabulary]` to keep only some tokens: first the likeliest tokens that together have the
/// probability `top_p`, then the `top_k` likeliest; always at least `least` tokens.
///
/// # Errors
/// The logits cannot be read from the device.
pub(super) fn kept(logits: &Tensor<2>, top_p: Option<f32>, top_k: Option<usize>, least: usize) -> Result<Tensor<2>> {
    let [rows, vocabulary] = logits.dims();
    let device = logits.device();
    let values = read(logits.clone(), "logits")?;
    let probabilities = read(softmax(logits.clone(), 1), "probabilities of tokens")?;
    let mut added = vec![0f32; rows * vocabulary];
    for (row, added) in added.chunks_mut(vocabulary.max(1)).enumerate() {
        let own = row * vocabulary..(row + 1) * vocabulary;
        let count = count_of(&values[own.clone()], &probabilities[own.clone()], top_p, least, added);
        let Some(top_k) = top_k else { continue };
        let mut left: Vec<f32> =
            values[own.clone()].iter().zip(&*added).filter(|(_, a)| **a == 0.0).map(|(v, _)| *v).collect();
        let wanted = top_k.max(least).min(count.max(1));
        left.sort_by(|a, b| b.total_cmp(a));
        let threshold = left.get(wanted - 1).copied().unwrap_or(f32::NEG_INFINITY);
        for (value, added) in values[own].iter().zip(added) {
            if *value < threshold {
                *added = HIDDEN;
            }
        }
    }
    Ok(Tensor::<1>::from_data(added.as_slice(), &device).reshape([rows, vocabulary]))
}

/// Hides the tokens beyond `top_p` in `added`, and returns the number of kept tokens.
fn count_of(values: &[f32], probabilities: &[f32], top_p: Option<f32>, least: usize, added: &mut [f32]) -> usize {
    let Some(top_p) = top_p else { return values.len() };
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut below = 0f32;
    let mut hidden = 0;
    for &token in &order[..values.len().saturating_sub(least)] {
        below += probabilities[token];
        if below <= 1.0 - top_p {
            added[token] = HIDDEN;
            hidden += 1;
        }
    }
    values.len() - hidden
}

/// Number of likeliest tokens that together have a probability.
struct TopPSize {
    top_p: f32,
}

impl StepFunction for TopPSize {
    fn name(&self) -> &str {
        "top_p_size"
    }

    fn evaluate(&self, context: &StepContext) -> Result<Tensor<1>> {
        // A count has no gradient.
        let hidden = kept(&context.logits, Some(self.top_p), None, 1)?;
        Ok(hidden.equal_elem(0.0).float().sum_dim(1).squeeze_dim(1))
    }
}

pub(super) fn top_p_size() -> BuiltIn {
    const ARGUMENTS: &[Argument] = &[Argument::new("top_p", "required", "The probability, between 0 and 1.")];
    built_in(
        "top_p_size",
        "Number of likeliest tokens that together have the probability `top_p`; it has no gradient.",
        ARGUMENTS,
        make,
    )
}

fn make(arguments: &Map<String, Value>) -> Result<TopPSize> {
    match arguments.get("top_p").and_then(Value::as_f64) {
        Some(top_p) if (0.0..=1.0).contains(&top_p) => Ok(TopPSize { top_p: top_p as f32 }),
        _ => Err(Error::argument("top_p", "the step function `top_p_size` needs `top_p`, between 0 and 1".into())),
    }
}
