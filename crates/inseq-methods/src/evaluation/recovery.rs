//! Recovery of known tokens.

use inseq_core::About;

use super::metric::{Column, Mask, Metric, MetricInfo, Outputs, Ranked, Text, count_of};

const COLUMNS: &[Column] = &[("recovery", Some(true))];

pub(super) fn info() -> MetricInfo {
    MetricInfo {
        about: About {
            name: "recovery",
            description: "Which share of the tokens that are known to decide the output is among the first 10 %?",
            details: "Needs spans of characters of the input that are known to decide the output. If there are more known tokens than 10 % of all, \
                      the share is of as many as could be among the first. Higher is better.",
            arguments: &[],
        },
        columns: COLUMNS,
        cost: "none",
        citation: "FlashTrace (2026), https://arxiv.org/abs/2602.01914",
        metric: &Recovery,
    }
}

#[derive(Debug)]
struct Recovery;

impl Metric for Recovery {
    fn masks(&self, _: &Text, _: &Ranked) -> Vec<Mask> {
        Vec::new()
    }

    fn values(&self, text: &Text, own: usize, _: &Outputs) -> Vec<Option<f64>> {
        let Some(gold) = text.gold.as_ref().filter(|gold| !gold.is_empty()) else { return vec![None] };
        let count = count_of(0.1, text.tokens).max(1);
        let found = text.methods[own].order.iter().take(count).filter(|token| gold.contains(token)).count();
        vec![Some(found as f64 / gold.len().min(count) as f64)]
    }
}
