//! The part of a block that works on each position alone.

use std::ops::Range;

use burn::tensor::Tensor;

use super::{Experts, ExpertsTrace, FeedForward, FeedForwardTrace, Linear, Rows};

/// A block's position-wise network.
#[derive(Clone, Debug)]
pub enum Feed {
    /// One network for all positions.
    Dense(FeedForward),
    /// Several networks, of which each position chooses some.
    Experts(Experts),
}

/// What [`Feed::pullback`] needs of the forward.
#[derive(Clone, Debug)]
pub enum FeedTrace {
    /// Trace of [`Feed::Dense`].
    Dense(FeedForwardTrace),
    /// Of [`Feed::Experts`].
    Experts(ExpertsTrace),
}

impl From<FeedForward> for Feed {
    fn from(dense: FeedForward) -> Self {
        Self::Dense(dense)
    }
}

impl From<Experts> for Feed {
    fn from(experts: Experts) -> Self {
        Self::Experts(experts)
    }
}

impl FeedTrace {
    /// The trace of some batch entries.
    pub(crate) fn entries(&self, range: &Range<usize>) -> FeedTrace {
        match self {
            Self::Dense(trace) => Self::Dense(trace.entries(range)),
            Self::Experts(trace) => Self::Experts(trace.entries(range)),
        }
    }
}

impl Feed {
    /// `[batch, position, feature]` to the same.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        match self {
            Self::Dense(dense) => dense.forward(x),
            Self::Experts(experts) => experts.forward(x),
        }
    }

    /// As [`forward`](Self::forward), with the trace; `detailed` traces can be [rescaled](Self::rescaled). The inner values
    /// of a network, or the input of experts, are multiplied by what `noise` gives for them.
    pub fn forward_traced(
        &self,
        x: Tensor<3>,
        detailed: bool,
        noise: impl FnOnce(&Tensor<3>) -> Option<Tensor<3>>,
    ) -> (Tensor<3>, FeedTrace) {
        match self {
            Self::Dense(dense) => {
                let (y, trace) = dense.forward_traced(x, detailed, noise);
                (y, FeedTrace::Dense(trace))
            }
            Self::Experts(experts) => {
                let (y, trace) = experts.forward_traced(x, noise);
                (y, FeedTrace::Experts(trace))
            }
        }
    }

    /// Cotangents `[batch, probe, row, feature]` of the output to those of the input; of a trace of another kind, zeros.
    pub fn pullback(&self, cotangent: Tensor<4>, trace: &FeedTrace, rows: &Rows) -> Tensor<4> {
        match (self, trace) {
            (Self::Dense(dense), FeedTrace::Dense(trace)) => dense.pullback(cotangent, trace, rows),
            (Self::Experts(experts), FeedTrace::Experts(trace)) => experts.pullback(cotangent, trace, rows),
            _ => cotangent.zeros_like(),
        }
    }

    /// The trace with difference quotients to a baseline in the place of derivatives: those of activations that Captum
    /// rescales alone, or, with `products`, those of every operation that is not linear.
    ///
    /// Both traces have to be detailed; one that is not stays as it is. So does that of experts, which the baseline chooses
    /// anew ([`Rescale::check`](crate::model::Rescale::check)).
    pub fn rescaled(&self, trace: &FeedTrace, baseline: &FeedTrace, products: bool) -> FeedTrace {
        match (self, trace, baseline) {
            (Self::Dense(dense), FeedTrace::Dense(own), FeedTrace::Dense(baseline)) => {
                FeedTrace::Dense(dense.rescaled(own, baseline, products))
            }
            _ => trace.clone(),
        }
    }

    /// Whether Captum's DeepLIFT rescales an activation.
    pub fn captum_rescales(&self) -> bool {
        match self {
            Self::Dense(dense) => dense.captum_rescales(),
            Self::Experts(experts) => experts.experts.iter().any(FeedForward::captum_rescales),
        }
    }

    /// Number of inner values per position.
    pub fn inner_size(&self) -> usize {
        match self {
            Self::Dense(dense) => dense.input.output_size(),
            Self::Experts(experts) => {
                let of_one = |expert: &FeedForward| expert.input.output_size() + expert.output.output_size();
                experts.chosen * experts.experts.first().map_or(0, of_one) + experts.router.output_size()
            }
        }
    }

    /// The layer that every position goes through first; `None` where positions go different ways.
    pub fn first_layer(&self) -> Option<&Linear> {
        match self {
            Self::Dense(dense) => Some(&dense.input),
            Self::Experts(_) => None,
        }
    }

    /// As [`forward`](Self::forward), from what the [first layer](Self::first_layer) gave where there is one.
    pub fn forward_from_first(&self, x: Tensor<3>) -> Tensor<3> {
        match self {
            Self::Dense(dense) => dense.forward_from_first(x),
            Self::Experts(experts) => experts.forward(x),
        }
    }
}
