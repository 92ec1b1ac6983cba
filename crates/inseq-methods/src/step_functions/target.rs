//! Scores of the generated token.

use burn::tensor::{Tensor, activation::log_softmax};

use super::{BuiltIn, LOGPROB, StepContext, StepFunction, boolean, built_in};
use crate::Result;
use inseq_core::aggregators::AggregationFunction;

/// The token's logit.
#[derive(Debug)]
struct Logit;

impl StepFunction for Logit {
    fn name(&self) -> &str {
        "logit"
    }

    fn evaluate(&self, context: &StepContext) -> Result<Tensor<1>> {
        Ok(context.of_targets(context.logits.clone()))
    }
}

/// The token's logit minus the mean over the vocabulary.
#[derive(Debug)]
struct LogitMinusMean;

impl StepFunction for LogitMinusMean {
    fn name(&self) -> &str {
        "logit_minus_mean"
    }

    fn evaluate(&self, context: &StepContext) -> Result<Tensor<1>> {
        let mean = context.logits.clone().mean_dim(1).squeeze_dim(1);
        Ok(context.of_targets(context.logits.clone()) - mean)
    }
}

/// The token's probability, or its logarithm.
#[derive(Debug)]
struct Probability {
    log: bool,
}

impl StepFunction for Probability {
    fn name(&self) -> &str {
        "probability"
    }

    fn merging(&self) -> Option<AggregationFunction> {
        Some(if self.log { AggregationFunction::Sum } else { AggregationFunction::Prod })
    }

    fn evaluate(&self, context: &StepContext) -> Result<Tensor<1>> {
        let log = log_probability(context);
        Ok(if self.log { log } else { log.exp() })
    }
}

/// Negative logarithm of the token's probability.
#[derive(Debug)]
struct CrossEntropy;

impl StepFunction for CrossEntropy {
    fn name(&self) -> &str {
        "crossentropy"
    }

    fn merging(&self) -> Option<AggregationFunction> {
        Some(AggregationFunction::Sum)
    }

    fn evaluate(&self, context: &StepContext) -> Result<Tensor<1>> {
        Ok(log_probability(context).neg())
    }
}

/// 2 to the cross entropy.
#[derive(Debug)]
struct Perplexity;

impl StepFunction for Perplexity {
    fn name(&self) -> &str {
        "perplexity"
    }

    fn merging(&self) -> Option<AggregationFunction> {
        Some(AggregationFunction::Prod)
    }

    fn evaluate(&self, context: &StepContext) -> Result<Tensor<1>> {
        Ok((log_probability(context) * -std::f64::consts::LN_2).exp())
    }
}

fn log_probability(context: &StepContext) -> Tensor<1> {
    context.of_targets(log_softmax(context.logits.clone(), 1))
}

pub(super) fn logit() -> BuiltIn {
    built_in("logit", "The logit of the generated token.", &[], |_| Ok(Logit))
}

pub(super) fn logit_minus_mean() -> BuiltIn {
    let description = "The logit of the generated token minus the mean logit of the vocabulary.";
    built_in("logit_minus_mean", description, &[], |_| Ok(LogitMinusMean))
}

pub(super) fn probability() -> BuiltIn {
    let description = "The probability of the generated token, or its logarithm with `logprob`.";
    built_in("probability", description, &[LOGPROB], |arguments| {
        Ok(Probability { log: boolean(arguments, "logprob")? })
    })
}

pub(super) fn crossentropy() -> BuiltIn {
    built_in("crossentropy", "The cross entropy of the generated token, in nats.", &[], |_| Ok(CrossEntropy))
}

pub(super) fn perplexity() -> BuiltIn {
    let description = "2 to the power of the cross entropy in nats, as the reference defines it.";
    built_in("perplexity", description, &[], |_| Ok(Perplexity))
}
