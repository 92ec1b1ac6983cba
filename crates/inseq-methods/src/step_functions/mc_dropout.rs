//! Probabilities under dropout.

use burn::tensor::{Tensor, activation::log_softmax};
use inseq_core::Argument;
use inseq_core::aggregators::AggregationFunction;
use serde::Deserialize;

use super::{BuiltIn, LOGPROB, NoisyForwards, StepContext, StepFunction, built_in};
use crate::arguments::SEED;
use crate::{Count, Result};

/// Number of standard deviations of the token's probability above its mean over forwards with dropout.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct McDropout {
    /// Number of forwards with dropout. A deviation needs two; all are in memory at once.
    n_mcd_steps: Count<2, 1000>,
    logprob: bool,
    seed: u64,
}

impl Default for McDropout {
    fn default() -> Self {
        Self { n_mcd_steps: Count::of::<5>(), logprob: false, seed: 0 }
    }
}

impl StepFunction for McDropout {
    fn name(&self) -> &str {
        "mc_dropout_prob_avg"
    }

    fn merging(&self) -> Option<AggregationFunction> {
        Some(AggregationFunction::Prod)
    }

    fn evaluate(&self, context: &StepContext) -> Result<Tensor<1>> {
        let probability = |logits: &Tensor<2>| {
            let log = context.of_targets(log_softmax(logits.clone(), 1));
            if self.logprob { log } else { log.exp() }
        };
        let noisy: Vec<Tensor<2>> = context.noisy.iter().map(|logits| probability(logits).unsqueeze_dim(0)).collect();
        let noisy = Tensor::cat(noisy, 0);
        let mean = noisy.clone().mean_dim(0);
        let variance = (noisy - mean.clone()).square().sum_dim(0) / (self.n_mcd_steps.get() as f64 - 1.0);
        Ok((probability(&context.logits) - mean.squeeze_dim(0)) / variance.sqrt().squeeze_dim(0))
    }

    fn noisy_forwards(&self) -> Option<NoisyForwards> {
        Some(NoisyForwards { count: self.n_mcd_steps.get(), seed: self.seed })
    }
}

const ARGUMENTS: &[Argument] =
    &[Argument::new("n_mcd_steps", "5", "Number of forwards with dropout, 2 to 1000."), LOGPROB, SEED];

pub(super) fn mc_dropout_prob_avg() -> BuiltIn {
    built_in(
        "mc_dropout_prob_avg",
        "Number of standard deviations of the token's probability above its mean under dropout (Gal & Ghahramani, 2016, \
         https://arxiv.org/abs/1506.02142).",
        ARGUMENTS,
        |arguments| {
            let function: McDropout = crate::arguments::read("the step function `mc_dropout_prob_avg`", arguments)?;
            Ok(function)
        },
    )
}
