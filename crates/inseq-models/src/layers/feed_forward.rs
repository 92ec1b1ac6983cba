//! The position-wise feed-forward block.

use burn::tensor::Tensor;

use super::{Activation, Linear, Rows};

/// `y = W_out act(W_in x)` at every position (Vaswani et al., 2017, <https://arxiv.org/abs/1706.03762>).
#[derive(Clone, Debug)]
pub struct FeedForward {
    /// Into the inner layer.
    pub input: Linear,
    /// The non-linearity.
    pub activation: Activation,
    /// Back to the model's width.
    pub output: Linear,
}

/// What [`FeedForward::pullback`] needs of the forward.
#[derive(Clone, Debug)]
pub struct FeedForwardTrace {
    /// `[batch, position, inner]`: the slope of the non-linearity.
    slope: Tensor<3>,
}

impl FeedForward {
    /// `[batch, position, feature]` to the same.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        self.output.forward(self.activation.forward(self.input.forward(x)))
    }

    /// As [`forward`](Self::forward), with the trace.
    pub fn forward_traced(&self, x: Tensor<3>) -> (Tensor<3>, FeedForwardTrace) {
        let (inner, slope) = self.activation.forward_with_slope(self.input.forward(x));
        (self.output.forward(inner), FeedForwardTrace { slope })
    }

    /// Cotangents `[batch, probe, row, feature]` of the output to those of the input.
    pub fn pullback(&self, cotangent: Tensor<4>, trace: &FeedForwardTrace, rows: &Rows) -> Tensor<4> {
        let inner = self.output.pullback(cotangent) * rows.of(&trace.slope);
        self.input.pullback(inner)
    }
}
