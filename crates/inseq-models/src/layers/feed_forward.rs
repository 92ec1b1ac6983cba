//! The position-wise feed-forward block.

use burn::tensor::Tensor;

use super::{Activation, Linear, Rows, kernels};

/// `y = W_out act(W_in x)` at every position (Vaswani et al., 2017, <https://arxiv.org/abs/1706.03762>), or, where it is
/// gated, `y = W_out (act(W_gate x) * W_up x)` (Shazeer, 2020, <https://arxiv.org/abs/2002.05202>).
#[derive(Clone, Debug)]
pub struct FeedForward {
    /// Into the inner layer; where it is gated, the gate's outputs, then those that it multiplies.
    pub input: Linear,
    /// The non-linearity.
    pub activation: Activation,
    /// Back to the model's width.
    pub output: Linear,
}

/// What [`FeedForward::pullback`] needs of the forward.
#[derive(Clone, Debug)]
pub struct FeedForwardTrace {
    /// `[batch, position, output of the first layer]`: the derivative of the inner layer with regard to it.
    slope: Tensor<3>,
}

impl FeedForward {
    fn is_gated(&self) -> bool {
        self.input.output_size() == 2 * self.output.input_size()
    }

    /// `[batch, position, feature]` to the same.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let x = self.input.forward(x);
        let inner = if self.is_gated() { self.gate(x).0 } else { self.activation.forward(x) };
        self.output.forward(inner)
    }

    /// As [`forward`](Self::forward), with the trace.
    pub fn forward_traced(&self, x: Tensor<3>) -> (Tensor<3>, FeedForwardTrace) {
        let x = self.input.forward(x);
        let (inner, slope) = if self.is_gated() { self.gate(x) } else { self.activation.forward_with_slope(x) };
        (self.output.forward(inner), FeedForwardTrace { slope })
    }

    /// Gate and gated values `[.., 2 * inner]` to their product and its slopes with regard to both.
    fn gate(&self, x: Tensor<3>) -> (Tensor<3>, Tensor<3>) {
        let inner = self.output.input_size();
        let (gate, slope) = self.activation.forward_with_slope(x.clone().narrow(2, 0, inner));
        let up = x.narrow(2, inner, inner);
        (gate.clone() * up.clone(), Tensor::cat(vec![slope * up, gate], 2))
    }

    /// Cotangents `[batch, probe, row, feature]` of the output to those of the input.
    pub fn pullback(&self, cotangent: Tensor<4>, trace: &FeedForwardTrace, rows: &Rows) -> Tensor<4> {
        let inner = self.output.pullback(cotangent);
        self.input.pullback(kernels::times_trace(inner, rows.of(&trace.slope)))
    }
}
