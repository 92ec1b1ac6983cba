//! Areas under removal curves.

use inseq_core::About;

use super::curves::{curve, least_first, most_first};
use super::metric::{Column, Mask, Metric, MetricInfo, Outputs, Ranked, Text, area};

const COLUMNS: &[Column] = &[("morf", Some(false)), ("lerf", Some(true)), ("srg", Some(true))];

pub(super) fn info() -> MetricInfo {
    MetricInfo {
        about: About {
            name: "morf",
            description: "How fast does the output get unlikely if the most, and if the least, relevant tokens are removed first?",
            details: "Tokens are removed in 20 equal groups. A curve is the mean log-probability of an output token after each group, and \
                      its value the area under it. `morf` removes the most relevant tokens first: lower is better. `lerf` removes the least \
                      relevant first: higher is better. `srg` is lerf minus morf, which does not depend on how hard the text is.",
            arguments: &[],
        },
        columns: COLUMNS,
        cost: "at most 39 forwards per method",
        citation: "Samek et al. (2017), Evaluating the Visualization of What a Deep Neural Network Has Learned, \
                   https://arxiv.org/abs/1509.06321",
        metric: &Morf,
    }
}

#[derive(Debug)]
struct Morf;

impl Metric for Morf {
    fn masks(&self, text: &Text, ranked: &Ranked) -> Vec<Mask> {
        [most_first(text, ranked), least_first(text, ranked)].concat()
    }

    fn values(&self, text: &Text, own: usize, outputs: &Outputs) -> Vec<Option<f64>> {
        let ranked = &text.methods[own];
        let [morf, lerf] =
            [most_first(text, ranked), least_first(text, ranked)].map(|masks| area(&curve(&masks, outputs)));
        vec![Some(morf), Some(lerf), Some(lerf - morf)]
    }

    fn has_curves(&self) -> bool {
        true
    }
}
