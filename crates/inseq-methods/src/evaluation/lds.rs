//! Linear datamodeling score.

use inseq_core::{About, spearman};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::metric::{Column, Mask, Metric, MetricInfo, Outputs, Ranked, Text};

/// Number of random subsets.
const MASKS: usize = 64;

const COLUMNS: &[Column] = &[("lds", Some(true))];

pub(super) fn info() -> MetricInfo {
    MetricInfo {
        about: About {
            name: "lds",
            description: "Do the summed scores of a random half of the tokens predict the output?",
            details: "Spearman's correlation, over 64 random subsets with half of the tokens each in the mean, of the sum of the kept tokens' \
                      scores with the log-probability of the output: the linear datamodeling score. Higher is better. All methods have the same \
                      subsets, which no method has seen. A method whose scores are all equal has no value.",
            arguments: &[],
        },
        columns: COLUMNS,
        cost: "64 forwards for all methods",
        citation: "Park et al. (2023), TRAK: Attributing Model Behavior at Scale, https://arxiv.org/abs/2303.14186",
        metric: &Lds,
    }
}

#[derive(Debug)]
struct Lds;

impl Metric for Lds {
    fn masks(&self, text: &Text, _: &Ranked) -> Vec<Mask> {
        let mut random = ChaCha8Rng::seed_from_u64(text.seed);
        (0..MASKS).map(|_| (0..text.tokens).map(|_| random.random_bool(0.5)).collect()).collect()
    }

    fn values(&self, text: &Text, own: usize, outputs: &Outputs) -> Vec<Option<f64>> {
        let ranked = &text.methods[own];
        let masks = self.masks(text, ranked);
        let sum = |mask: &Mask| ranked.scores.iter().zip(mask).filter(|(_, kept)| **kept).map(|(score, _)| score).sum();
        let predicted: Vec<f64> = masks.iter().map(sum).collect();
        vec![spearman(&predicted, &masks.iter().map(|mask| outputs.total(mask)).collect::<Vec<_>>())]
    }
}
