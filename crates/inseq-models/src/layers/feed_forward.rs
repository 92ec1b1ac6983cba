//! The position-wise feed-forward block.

use std::ops::Range;

use burn::tensor::Tensor;

use super::rule::times;
use super::{Activation, Linear, Propagation, Rows, kernels};

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
    /// Factors of the inner layer's cotangents, `[batch, position, output of the first layer]`: the derivative, or the factors
    /// of another rule.
    pub(super) factors: Tensor<3>,
    /// The outputs of the first layer that have factors: if a rule closes one side of the gated product, those of the other side.
    pub(super) outputs: Range<usize>,
    /// Output of the first layer, if it is kept.
    pub(super) first: Option<Tensor<3>>,
}

impl FeedForwardTrace {
    /// The trace of some batch entries.
    pub(crate) fn entries(&self, range: &Range<usize>) -> FeedForwardTrace {
        let of = |x: &Tensor<3>| x.clone().narrow(0, range.start, range.len());
        let (factors, first) = (of(&self.factors), self.first.as_ref().map(of));
        FeedForwardTrace { factors, outputs: self.outputs.clone(), first }
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
        let inner = match self.halves(&x) {
            Some([gate, up]) => self.activation.forward(gate) * up,
            None => self.activation.forward(x),
        };
        self.output.forward(inner)
    }

    /// As [`forward`](Self::forward), with the trace; [`between`](Self::between) can compare it if it keeps the output of the
    /// first layer. The inner values are multiplied by the factors of `dropout`.
    pub fn forward_traced(
        &self,
        x: Tensor<3>,
        propagation: Propagation,
        keeps_first: bool,
        dropout: impl FnOnce(&Tensor<3>) -> Option<Tensor<3>>,
    ) -> (Tensor<3>, FeedForwardTrace) {
        let x = self.input.forward(x);
        let first = keeps_first.then(|| x.clone());
        let (mut inner, mut factors) = self.inner(x, None, propagation);
        if let Some(dropped) = dropout(&inner) {
            let parts = factors.dims()[2] / inner.dims()[2].max(1);
            inner = inner * dropped.clone();
            factors = factors * dropped.repeat_dim(2, parts);
        }
        (self.output.forward(inner), FeedForwardTrace { factors, outputs: self.outputs(propagation), first })
    }

    /// The trace with difference quotients to a baseline in place of derivatives. Both traces must keep the output of
    /// the first layer; otherwise the trace does not change.
    pub fn between(
        &self,
        trace: FeedForwardTrace,
        baseline: &FeedForwardTrace,
        propagation: Propagation,
    ) -> FeedForwardTrace {
        let (Some(x), Some(b)) = (&trace.first, &baseline.first) else { return trace };
        let (_, factors) = self.inner(x.clone(), Some(b.clone()), propagation);
        FeedForwardTrace { factors, outputs: trace.outputs, first: None }
    }

    /// Whether Captum's DeepLIFT rescales the activation.
    pub fn captum_rescales(&self) -> bool {
        self.activation.captum_rescales()
    }

    /// The two halves of the first layer's output: the gate, and the values that it multiplies. `None` without a gate.
    fn halves(&self, x: &Tensor<3>) -> Option<[Tensor<3>; 2]> {
        let inner = self.output.input_size();
        self.is_gated().then(|| [0, inner].map(|start| x.clone().narrow(2, start, inner)))
    }

    /// The outputs of the first layer that have cotangents.
    pub(super) fn outputs(&self, propagation: Propagation) -> Range<usize> {
        let (all, inner) = (self.input.output_size(), self.output.input_size());
        match (self.is_gated(), propagation.gate == 0.0, propagation.up == 0.0) {
            (true, true, false) => inner..all,
            (true, false, true) => 0..inner,
            _ => 0..all,
        }
    }

    /// Values of the inner layer for an output of the first layer, and the factors of the cotangents of its
    /// [`outputs`](Self::outputs).
    fn inner(&self, x: Tensor<3>, baseline: Option<Tensor<3>>, propagation: Propagation) -> (Tensor<3>, Tensor<3>) {
        let rule = |baseline| propagation.of_activation(self.activation, baseline);
        let Some([gate, up]) = self.halves(&x) else {
            return self.activation.forward_with_factor(x, rule(baseline));
        };
        let [gate_baseline, up_baseline] = match baseline.and_then(|baseline| self.halves(&baseline)) {
            Some(halves) => halves.map(Some),
            None => [None, None],
        };
        // A product's difference is each factor's difference times the other's mean.
        if let Some((other_gate, other_up)) = propagation.of_others(gate_baseline.clone().zip(up_baseline)).baseline {
            let (activated, factor) = self.activation.forward_with_factor(gate, rule(gate_baseline));
            let middle_gate = (activated.clone() + self.activation.forward(other_gate)) * 0.5;
            let middle_up = (up.clone() + other_up) * 0.5;
            return (activated * up, Tensor::cat(vec![factor * middle_up, middle_gate], 2));
        }
        let outputs = self.outputs(propagation);
        if outputs.start > 0 {
            let activated = self.activation.forward(gate);
            return (activated.clone() * up, times(activated, propagation.up));
        }
        let (activated, factor) = self.activation.forward_with_factor(gate, rule(gate_baseline));
        let inner = activated.clone() * up.clone();
        let to_gate = times(factor * up, propagation.gate);
        match outputs.len() == self.input.output_size() {
            true => (inner, Tensor::cat(vec![to_gate, times(activated, propagation.up)], 2)),
            false => (inner, to_gate),
        }
    }

    /// Pulls cotangents `[batch, probe, row, feature]` of the output back to the input.
    pub fn pullback(&self, cotangent: Tensor<4>, trace: &FeedForwardTrace, rows: &Rows) -> Tensor<4> {
        let inner = self.output.pullback(cotangent);
        let first = kernels::times_trace(inner, rows.of(&trace.factors));
        self.input.pullback_of(trace.outputs.clone(), first)
    }
}
