//! The interface of metrics.

use std::collections::HashMap;

use inseq_core::{About, Entry};
use std::ops::Deref;

/// Which of the ranked tokens are kept, `[token]`.
pub(super) type Mask = Vec<bool>;

/// Name of a value of a metric, and whether a higher one is better; `None` if it only describes.
pub(super) type Column = (&'static str, Option<bool>);

/// Measures how faithful scores are to the model.
pub(super) trait Metric: Send + Sync {
    /// The subsets of tokens whose outputs the metric reads.
    fn masks(&self, text: &Text, ranked: &Ranked) -> Vec<Mask>;

    /// The values, one for each [column](MetricInfo::columns).
    fn values(&self, text: &Text, own: usize, outputs: &Outputs) -> Vec<Option<f64>>;

    /// Whether the metric reads the [curves](super::curves).
    fn has_curves(&self) -> bool {
        false
    }
}

/// What all metrics of a text share.
pub(super) struct Text {
    /// Seed of the text.
    pub(super) seed: u64,
    /// Number of ranked tokens.
    pub(super) tokens: usize,
    /// Indices of ranked tokens that the answer rests on; `None` if they are not known.
    pub(super) gold: Option<Vec<usize>>,
    /// Scores of each method; the anchors are the last ones.
    pub(super) methods: Vec<Ranked>,
    /// Number of anchors.
    pub(super) anchors: usize,
}

/// Scores of tokens, and their order.
#[derive(Clone, Debug)]
pub(super) struct Ranked {
    pub(super) scores: Vec<f64>,
    /// Indices of tokens, the highest score first; equal scores in the order of the text.
    pub(super) order: Vec<usize>,
}

impl Ranked {
    pub(super) fn of(scores: Vec<f64>) -> Self {
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|&one, &other| scores[other].total_cmp(&scores[one]));
        Self { scores, order }
    }

    /// Removes the first `count` tokens.
    pub(super) fn without_first(&self, count: usize) -> Mask {
        self.with(&self.order[count.min(self.order.len())..])
    }

    /// Removes the last `count` tokens.
    pub(super) fn without_last(&self, count: usize) -> Mask {
        self.with(&self.order[..self.order.len().saturating_sub(count)])
    }

    fn with(&self, kept: &[usize]) -> Mask {
        let mut mask = vec![false; self.scores.len()];
        kept.iter().for_each(|&token| mask[token] = true);
        mask
    }
}

/// Log-probabilities of the output's tokens by the kept tokens of the input.
pub(super) struct Outputs {
    pub(super) known: HashMap<Mask, Vec<f64>>,
}

impl Outputs {
    /// The log-probability of the whole output, in nats.
    pub(super) fn total(&self, mask: &[bool]) -> f64 {
        self.known.get(mask).map_or(f64::NAN, |tokens| tokens.iter().sum())
    }

    /// The mean log-probability per token, in nats.
    pub(super) fn mean(&self, mask: &[bool]) -> f64 {
        self.known.get(mask).map_or(f64::NAN, |tokens| tokens.iter().sum::<f64>() / tokens.len().max(1) as f64)
    }

    /// The mean probability of a token.
    pub(super) fn probability(&self, mask: &[bool]) -> f64 {
        let mean = |tokens: &Vec<f64>| tokens.iter().map(|log| log.exp()).sum::<f64>() / tokens.len().max(1) as f64;
        self.known.get(mask).map_or(f64::NAN, mean)
    }
}

/// Number of tokens that are a share of all, rounded up.
pub(super) fn count_of(share: f64, tokens: usize) -> usize {
    // A share such as 0.2 of 10 tokens is a little more than 2 in floating point.
    ((share * tokens as f64 - 1e-9).ceil().max(0.0) as usize).min(tokens)
}

/// The trapezoid area under values at equal distances over an interval of length 1.
pub(super) fn area(values: &[f64]) -> f64 {
    let steps = values.len().saturating_sub(1).max(1) as f64;
    values.windows(2).map(|pair| (pair[0] + pair[1]) / 2.0).sum::<f64>() / steps
}

/// Entry of a metric in [`list_metrics`](super::list_metrics).
#[derive(Clone, Debug)]
pub struct MetricInfo {
    /// Name of the metric, the question that it answers, and how it works.
    pub about: About,
    /// Names of its values, and whether a higher one is better; `None` if it only describes.
    pub columns: &'static [(&'static str, Option<bool>)],
    /// Number of forwards per text and method.
    pub cost: &'static str,
    /// Citation of the paper.
    pub citation: &'static str,
    pub(super) metric: &'static dyn IsMetric,
}

/// A metric that can be shown in debug output.
pub(super) trait IsMetric: Metric + std::fmt::Debug {}

impl<M: Metric + std::fmt::Debug> IsMetric for M {}

impl Deref for MetricInfo {
    type Target = About;

    fn deref(&self) -> &About {
        &self.about
    }
}

impl Entry for MetricInfo {
    const KIND: &'static str = "metric";

    fn facts(&self) -> Vec<(&'static str, &'static str)> {
        vec![("Cost", self.cost), ("Paper", self.citation)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_removed_by_rank() {
        let ranked = Ranked::of(vec![0.1, 0.7, -0.3, 0.7]);
        assert_eq!(ranked.order, [1, 3, 0, 2]);
        assert_eq!(ranked.without_first(2), [true, false, true, false]);
        assert_eq!(ranked.without_last(3), [false, true, false, false]);
        assert_eq!(ranked.without_first(9), [false; 4]);
        assert_eq!([0.2, 0.01, 0.5, 1.0].map(|share| count_of(share, 10)), [2, 1, 5, 10]);
        assert_eq!(area(&[1.0, 0.0, 0.0]), 0.25);
    }
}
