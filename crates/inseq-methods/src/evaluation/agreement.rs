//! Agreement with the other methods.

use inseq_core::{About, spearman};

use super::metric::{Column, Mask, Metric, MetricInfo, Outputs, Ranked, Text};

const COLUMNS: &[Column] = &[("agreement", None)];

pub(super) fn info() -> MetricInfo {
    MetricInfo {
        about: About {
            name: "agreement",
            description: "Do the other methods order the tokens in the same way?",
            details: "The mean of Spearman's correlations with the other methods, without the anchors. It describes: methods may agree and all be \
                      wrong.",
            arguments: &[],
        },
        columns: COLUMNS,
        cost: "none",
        citation: "Neely et al. (2021), Order in the Court: Explainable AI Methods Prone to Disagreement, https://arxiv.org/abs/2105.03287",
        metric: &Agreement,
    }
}

#[derive(Debug)]
struct Agreement;

impl Metric for Agreement {
    fn masks(&self, _: &Text, _: &Ranked) -> Vec<Mask> {
        Vec::new()
    }

    fn values(&self, text: &Text, own: usize, _: &Outputs) -> Vec<Option<f64>> {
        let given = 0..text.methods.len() - text.anchors;
        let others = given.filter(|&other| other != own);
        let of = |method: usize| &text.methods[method].scores;
        let correlations: Vec<f64> = others.filter_map(|other| spearman(of(own), of(other))).collect();
        let mean = correlations.iter().sum::<f64>() / correlations.len().max(1) as f64;
        vec![(!correlations.is_empty()).then_some(mean)]
    }
}
