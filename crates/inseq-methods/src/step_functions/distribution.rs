//! Scores of the whole next-token distribution.

use burn::tensor::{Tensor, activation::log_softmax};

use super::{BuiltIn, StepContext, StepFunction, built_in};
use crate::Result;
use inseq_core::aggregators::AggregationFunction;

/// `-sum p log p`, in nats.
#[derive(Debug)]
struct Entropy;

impl StepFunction for Entropy {
    fn name(&self) -> &str {
        "entropy"
    }

    fn merging(&self) -> Option<AggregationFunction> {
        Some(AggregationFunction::Sum)
    }

    fn evaluate(&self, context: &StepContext) -> Result<Tensor<1>> {
        let log = log_softmax(context.logits.clone(), 1);
        Ok((log.clone().exp() * log).sum_dim(1).squeeze_dim::<1>(1).neg())
    }
}

pub(super) fn entropy() -> BuiltIn {
    built_in("entropy", "The entropy of the next-token distribution, in nats.", &[], |_| Ok(Entropy))
}
