//! Comprehensiveness and sufficiency.

use inseq_core::About;

use super::metric::{Column, Mask, Metric, MetricInfo, Outputs, Ranked, Text, count_of};

/// Shares of tokens that are removed, or kept.
const SHARES: [f64; 5] = [0.01, 0.05, 0.1, 0.2, 0.5];

const COLUMNS: &[Column] = &[("comprehensiveness", Some(true)), ("sufficiency", Some(false))];

pub(super) fn info() -> MetricInfo {
    MetricInfo {
        about: About {
            name: "aopc",
            description: "How much less probable is the output without the first tokens, and with these alone?",
            details: "The mean over 1, 5, 10, 20 and 50 % of the tokens, rounded up. Comprehensiveness is the mean probability of an output \
                      token with the whole input minus that without the first tokens: higher is better. Sufficiency is the same minus that \
                      with only the first tokens: lower is better.",
            arguments: &[],
        },
        columns: COLUMNS,
        cost: "at most 10 forwards per method",
        citation: "DeYoung et al. (2020), ERASER: A Benchmark to Evaluate Rationalized NLP Models, https://arxiv.org/abs/1911.03429",
        metric: &Aopc,
    }
}

#[derive(Debug)]
struct Aopc;

impl Metric for Aopc {
    fn masks(&self, text: &Text, ranked: &Ranked) -> Vec<Mask> {
        let counts = SHARES.map(|share| count_of(share, text.tokens));
        counts.into_iter().flat_map(|count| [ranked.without_first(count), with_first(ranked, count)]).collect()
    }

    fn values(&self, text: &Text, own: usize, outputs: &Outputs) -> Vec<Option<f64>> {
        let ranked = &text.methods[own];
        let whole = outputs.probability(&vec![true; text.tokens]);
        let mean = |mask: &dyn Fn(usize) -> Mask| {
            let drop = |share: f64| whole - outputs.probability(&mask(count_of(share, text.tokens)));
            SHARES.map(drop).iter().sum::<f64>() / SHARES.len() as f64
        };
        vec![Some(mean(&|count| ranked.without_first(count))), Some(mean(&|count| with_first(ranked, count)))]
    }
}

fn with_first(ranked: &Ranked, count: usize) -> Mask {
    ranked.without_last(ranked.scores.len() - count)
}
