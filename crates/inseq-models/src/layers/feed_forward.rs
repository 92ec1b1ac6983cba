//! The position-wise feed-forward block.

use std::ops::Range;

use burn::tensor::Tensor;

use super::{Activation, Linear, Rows, kernels};

/// `y = W_out act(W_in x)` at every position (Vaswani et al., 2017, <https://arxiv.org/abs/1706.03762>) or, if
/// gated, `y = W_out (act(W_gate x) * W_up x)` (Shazeer, 2020, <https://arxiv.org/abs/2002.05202>).
#[derive(Clone, Debug)]
pub struct FeedForward {
    /// Projection to the inner layer; if gated, the outputs of the gate, then the values that it multiplies.
    pub input: Linear,
    /// Activation of the inner layer.
    pub activation: Activation,
    /// Projection back to the width of the model.
    pub output: Linear,
}

/// Values of the forward that [`FeedForward::pullback`] needs.
#[derive(Clone, Debug)]
pub struct FeedForwardTrace {
    /// Derivative of the inner layer with respect to the first layer's output, `[batch, position, output of the first layer]`.
    pub(super) slope: Tensor<3>,
    /// Output of the first layer, if requested.
    pub(super) inner: Option<Tensor<3>>,
}

impl FeedForwardTrace {
    /// The trace of some batch entries.
    pub(crate) fn entries(&self, range: &Range<usize>) -> FeedForwardTrace {
        let of = |x: &Tensor<3>| x.clone().narrow(0, range.start, range.len());
        FeedForwardTrace { slope: of(&self.slope), inner: self.inner.as_ref().map(of) }
    }
}

impl FeedForward {
    fn is_gated(&self) -> bool {
        self.input.output_size() == 2 * self.output.input_size()
    }

    /// Output for `x`, both `[batch, position, feature]`.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        self.forward_from_first(self.input.forward(x))
    }

    /// Output for a given output of the first layer.
    pub fn forward_from_first(&self, x: Tensor<3>) -> Tensor<3> {
        let inner = if self.is_gated() { self.gate(x).0 } else { self.activation.forward(x) };
        self.output.forward(inner)
    }

    /// As [`forward`](Self::forward), with the trace; `detailed` traces can be [rescaled](Self::rescaled). The inner values
    /// are multiplied by the factors of `dropout`.
    pub fn forward_traced(
        &self,
        x: Tensor<3>,
        detailed: bool,
        dropout: impl FnOnce(&Tensor<3>) -> Option<Tensor<3>>,
    ) -> (Tensor<3>, FeedForwardTrace) {
        let x = self.input.forward(x);
        let kept = detailed.then(|| x.clone());
        let (mut inner, mut slope) = if self.is_gated() { self.gate(x) } else { self.activation.forward_with_slope(x) };
        if let Some(factors) = dropout(&inner) {
            inner = inner * factors.clone();
            let halves = if self.is_gated() { 2 } else { 1 };
            slope = slope * factors.repeat_dim(2, halves);
        }
        (self.output.forward(inner), FeedForwardTrace { slope, inner: kept })
    }

    /// The trace with difference quotients to a baseline in place of derivatives: only for activations that Captum
    /// rescales or, with `products`, for every activation and the gate's product.
    ///
    /// Both traces must be detailed; otherwise the trace does not change.
    pub fn rescaled(&self, trace: &FeedForwardTrace, baseline: &FeedForwardTrace, products: bool) -> FeedForwardTrace {
        let (Some(x), Some(b)) = (&trace.inner, &baseline.inner) else { return trace.clone() };
        let quotient = |x: Tensor<3>, b: Tensor<3>| self.activation.quotient(x, b, products);
        let slope = if self.is_gated() {
            let size = self.output.input_size();
            let [gate, up] = [0, size].map(|start| [x, b].map(|v| v.clone().narrow(2, start, size)));
            let activated = |gate: &Tensor<3>| self.activation.forward(gate.clone());
            let [middle_up, middle_gate] = match products {
                true => [(up[0].clone() + up[1].clone()) * 0.5, (activated(&gate[0]) + activated(&gate[1])) * 0.5],
                false => [up[0].clone(), activated(&gate[0])],
            };
            let [gate, gate_baseline] = gate;
            Tensor::cat(vec![quotient(gate, gate_baseline) * middle_up, middle_gate], 2)
        } else {
            quotient(x.clone(), b.clone())
        };
        FeedForwardTrace { slope, inner: None }
    }

    /// Whether Captum's DeepLIFT rescales the activation.
    pub fn captum_rescales(&self) -> bool {
        self.activation.captum_rescales()
    }

    /// The product of gate and gated values `[.., 2 * inner]`, and its slopes with respect to both.
    fn gate(&self, x: Tensor<3>) -> (Tensor<3>, Tensor<3>) {
        let inner = self.output.input_size();
        let (gate, slope) = self.activation.forward_with_slope(x.clone().narrow(2, 0, inner));
        let up = x.narrow(2, inner, inner);
        (gate.clone() * up.clone(), Tensor::cat(vec![slope * up, gate], 2))
    }

    /// Pulls cotangents `[batch, probe, row, feature]` of the output back to the input.
    pub fn pullback(&self, cotangent: Tensor<4>, trace: &FeedForwardTrace, rows: &Rows) -> Tensor<4> {
        let inner = self.output.pullback(cotangent);
        self.input.pullback(kernels::times_trace(inner, rows.of(&trace.slope)))
    }
}
