//! The part of a block that works on each position alone.

use std::ops::Range;

use burn::tensor::Tensor;

use super::{Experts, ExpertsTrace, FeedForward, FeedForwardTrace, Linear, Propagation, Rows};

/// A block's position-wise network.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a layer has one")]
#[non_exhaustive]
pub enum Feed {
    /// One network for all positions.
    Dense(FeedForward),
    /// Several networks; each position chooses some of them.
    Experts(Experts),
}

/// Values of the forward that [`Feed::pullback`] needs.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a layer has one")]
#[non_exhaustive]
pub enum FeedTrace {
    /// Trace of [`Feed::Dense`].
    Dense(FeedForwardTrace),
    /// Trace of [`Feed::Experts`].
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
    /// Output of the [first layer](Feed::first_layer), if there is one and the trace keeps its output.
    pub(crate) fn first(&self) -> Option<Tensor<3>> {
        match self {
            Self::Dense(trace) => trace.first.clone(),
            Self::Experts(_) => None,
        }
    }

    /// The trace of some batch entries.
    pub(crate) fn entries(&self, range: &Range<usize>) -> FeedTrace {
        match self {
            Self::Dense(trace) => Self::Dense(trace.entries(range)),
            Self::Experts(trace) => Self::Experts(trace.entries(range)),
        }
    }
}

impl Feed {
    /// Output for `x`, both `[batch, position, feature]`.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        match self {
            Self::Dense(dense) => dense.forward(x),
            Self::Experts(experts) => experts.forward(x),
        }
    }

    /// As [`forward`](Self::forward), with the trace; [`between`](Self::between) can compare it if it keeps the output of the first
    /// layer. The inner values of a network, or the input of experts, are multiplied by the factors of `noise`.
    pub fn forward_traced(
        &self,
        x: Tensor<3>,
        propagation: Propagation,
        keeps_first: bool,
        noise: impl FnOnce(&Tensor<3>) -> Option<Tensor<3>>,
    ) -> (Tensor<3>, FeedTrace) {
        match self {
            Self::Dense(dense) => {
                let (y, trace) = dense.forward_traced(x, propagation, keeps_first, noise);
                (y, FeedTrace::Dense(trace))
            }
            Self::Experts(experts) => {
                let (y, trace) = experts.forward_traced(x, propagation, noise);
                (y, FeedTrace::Experts(trace))
            }
        }
    }

    /// Pulls cotangents `[batch, probe, row, feature]` of the output back to the input; zeros for a trace of another kind.
    pub fn pullback(&self, cotangent: Tensor<4>, trace: &FeedTrace, rows: &Rows) -> Tensor<4> {
        match (self, trace) {
            (Self::Dense(dense), FeedTrace::Dense(trace)) => dense.pullback(cotangent, trace, rows),
            (Self::Experts(experts), FeedTrace::Experts(trace)) => experts.pullback(cotangent, trace, rows),
            _ => cotangent.zeros_like(),
        }
    }

    /// The trace with difference quotients to a baseline in place of derivatives.
    ///
    /// Both traces must keep the output of the first layer; otherwise the trace does not change. A trace of experts does not
    /// change either, because the baseline may choose other experts ([`Propagation::check`]).
    pub fn between(&self, trace: FeedTrace, baseline: &FeedTrace, propagation: Propagation) -> FeedTrace {
        match (self, trace, baseline) {
            (Self::Dense(dense), FeedTrace::Dense(own), FeedTrace::Dense(baseline)) => {
                FeedTrace::Dense(dense.between(own, baseline, propagation))
            }
            (_, trace, _) => trace,
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

    /// The first layer, which all positions share; `None` if positions use different layers.
    pub fn first_layer(&self) -> Option<&Linear> {
        match self {
            Self::Dense(dense) => Some(&dense.input),
            Self::Experts(_) => None,
        }
    }

    /// As [`forward`](Self::forward), for a given output of the [first layer](Self::first_layer), if there is one.
    pub fn forward_from_first(&self, x: Tensor<3>) -> Tensor<3> {
        match self {
            Self::Dense(dense) => dense.forward_from_first(x),
            Self::Experts(experts) => experts.forward(x),
        }
    }
}
