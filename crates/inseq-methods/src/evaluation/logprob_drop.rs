//! Drop of the log-probability.

use inseq_core::About;

use super::metric::{Column, Mask, Metric, MetricInfo, Outputs, Ranked, Text, count_of};

/// Shares of tokens that are removed.
const SHARES: [f64; 3] = [0.05, 0.1, 0.2];

const COLUMNS: &[Column] = &[("drop_5", Some(true)), ("drop_10", Some(true)), ("drop_20", Some(true))];

pub(super) fn info() -> MetricInfo {
    MetricInfo {
        about: About {
            name: "logprob_drop",
            description: "How much less likely is the output without the first 5, 10 and 20 % of the tokens?",
            details: "The log-probability of the output with the whole input minus that without the first tokens, in nats: higher is better. \
                      Shares are rounded up to whole tokens.",
            arguments: &[],
        },
        columns: COLUMNS,
        cost: "3 forwards per method",
        citation: "Cohen-Wang et al. (2024), ContextCite: Attributing Model Generation to Context, https://arxiv.org/abs/2409.00729",
        metric: &LogprobDrop,
    }
}

#[derive(Debug)]
struct LogprobDrop;

impl Metric for LogprobDrop {
    fn masks(&self, text: &Text, ranked: &Ranked) -> Vec<Mask> {
        SHARES.iter().map(|&share| ranked.without_first(count_of(share, text.tokens))).collect()
    }

    fn values(&self, text: &Text, own: usize, outputs: &Outputs) -> Vec<Option<f64>> {
        let whole = outputs.total(&vec![true; text.tokens]);
        self.masks(text, &text.methods[own]).iter().map(|mask| Some(whole - outputs.total(mask))).collect()
    }
}
