//! Curves of the output while tokens are removed in the order of their scores.

use super::metric::{Mask, Outputs, Ranked, Text};

/// Number of groups of tokens that are removed one after another.
pub(super) const GROUPS: usize = 20;

/// Share of removed tokens at each point of a curve.
pub(super) fn shares() -> Vec<f64> {
    (0..=GROUPS).map(|group| group as f64 / GROUPS as f64).collect()
}

/// Numbers of removed tokens at each point.
fn counts(tokens: usize) -> impl Iterator<Item = usize> {
    (0..=GROUPS).map(move |group| (group * tokens + GROUPS / 2) / GROUPS)
}

/// The masks of the curve that removes the most relevant tokens first.
pub(super) fn most_first(text: &Text, ranked: &Ranked) -> Vec<Mask> {
    counts(text.tokens).map(|count| ranked.without_first(count)).collect()
}

/// The masks of the curve that removes the least relevant tokens first.
pub(super) fn least_first(text: &Text, ranked: &Ranked) -> Vec<Mask> {
    counts(text.tokens).map(|count| ranked.without_last(count)).collect()
}

/// Mean log-probabilities per token at masks.
pub(super) fn curve(masks: &[Mask], outputs: &Outputs) -> Vec<f64> {
    masks.iter().map(|mask| outputs.mean(mask)).collect()
}
