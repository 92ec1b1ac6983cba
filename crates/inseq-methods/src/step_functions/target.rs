//! Scores of the generated token.

use burn::tensor::{Tensor, activation::log_softmax};

use super::{StepContext, StepFunction};
use crate::Result;

/// The token's logit.
#[derive(Debug)]
pub(super) struct Logit;

impl StepFunction for Logit {
    fn name(&self) -> &str {
        "logit"
    }

    fn evaluate(&self, context: &StepContext) -> Result<Tensor<1>> {
        Ok(context.of_targets(context.logits.clone()))
    }
}

/// The token's probability, or its logarithm.
#[derive(Debug)]
pub(super) struct Probability {
    pub(super) log: bool,
}

impl StepFunction for Probability {
    fn name(&self) -> &str {
        "probability"
    }

    fn evaluate(&self, context: &StepContext) -> Result<Tensor<1>> {
        let log = log_probability(context);
        Ok(if self.log { log } else { log.exp() })
    }
}

/// Minus the logarithm of the token's probability.
#[derive(Debug)]
pub(super) struct CrossEntropy;

impl StepFunction for CrossEntropy {
    fn name(&self) -> &str {
        "crossentropy"
    }

    fn evaluate(&self, context: &StepContext) -> Result<Tensor<1>> {
        Ok(log_probability(context).neg())
    }
}

/// 2 to the cross entropy.
#[derive(Debug)]
pub(super) struct Perplexity;

impl StepFunction for Perplexity {
    fn name(&self) -> &str {
        "perplexity"
    }

    fn evaluate(&self, context: &StepContext) -> Result<Tensor<1>> {
        Ok((log_probability(context) * -std::f64::consts::LN_2).exp())
    }
}

fn log_probability(context: &StepContext) -> Tensor<1> {
    context.of_targets(log_softmax(context.logits.clone(), 1))
}
