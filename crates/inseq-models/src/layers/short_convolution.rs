//! A gated short convolution.

use std::ops::Range;

use burn::tensor::{Int, Tensor};

use super::rule::times;
use super::{Linear, MixerCotangents, Rows, Rule, kernels};

/// `y = W_out (c * (k ∗ (b * x)))` with `[b, x, c] = W_in u`: a separate causal convolution of each feature over the last few
/// gated positions (Liquid AI, 2025, <https://arxiv.org/abs/2511.23404>).
#[derive(Clone, Debug)]
pub struct ShortConvolution {
    /// Projection to the gates of the values, the values, and the gates of the output, each with the width of the model.
    pub input: Linear,
    /// Weights of positions, `[tap, feature]`; the last tap is the position itself.
    pub taps: Tensor<2>,
    /// Bias of the convolution, `[feature]`.
    pub bias: Option<Tensor<1>>,
    /// Projection back to the residual stream.
    pub output: Linear,
}

/// Values of the forward that [`ShortConvolution::pullback`] needs, each `[batch, position, any]`.
#[derive(Clone, Debug)]
pub struct ShortConvolutionTrace {
    /// Values, then their gates: each is the factor of the other's cotangents.
    factors: Tensor<3>,
    /// Output of the convolution.
    convolved: Tensor<3>,
    /// Gates of the output.
    gates: Tensor<3>,
    /// Rule of the gates.
    rule: Rule<()>,
}

impl ShortConvolutionTrace {
    /// The trace of some batch entries.
    pub(crate) fn entries(&self, range: &Range<usize>) -> ShortConvolutionTrace {
        let of = |x: &Tensor<3>| x.clone().narrow(0, range.start, range.len());
        Self { factors: of(&self.factors), convolved: of(&self.convolved), gates: of(&self.gates), rule: self.rule }
    }

    /// The first `length` gated positions of one batch entry.
    pub(super) fn gated(&self, entry: usize, length: usize) -> GatedPositions {
        let features = self.gates.dims()[2];
        let of = |start| self.factors.clone().narrow(0, entry, 1).narrow(1, 0, length).narrow(2, start, features);
        GatedPositions(of(0) * of(features))
    }

    /// The trace with another rule. Between two texts, the difference of a product is each factor's difference times the mean of
    /// the other factor.
    pub(super) fn ruled(self, rule: Rule<&ShortConvolutionTrace>) -> ShortConvolutionTrace {
        let middle = |own: Tensor<3>, other: &Tensor<3>| (own + other.clone()) * 0.5;
        let own = Self { rule: rule.map(|_| ()), ..self };
        match rule.baseline {
            None => own,
            Some(baseline) => Self {
                factors: middle(own.factors, &baseline.factors),
                convolved: middle(own.convolved, &baseline.convolved),
                gates: middle(own.gates, &baseline.gates),
                rule: own.rule,
            },
        }
    }
}

/// Earlier gated positions for a convolution, `[batch, position, feature]`.
#[derive(Clone, Debug)]
pub struct GatedPositions(Tensor<3>);

impl GatedPositions {
    /// The first `length` positions.
    pub(super) fn prefix(&self, length: usize) -> GatedPositions {
        Self(self.0.clone().narrow(1, 0, length))
    }

    /// The batch entries of `index`.
    pub(super) fn select(self, index: &Tensor<1, Int>) -> GatedPositions {
        Self(self.0.select(0, index.clone()))
    }
}

impl ShortConvolution {
    /// Size of the last axis of the input.
    pub fn features(&self) -> usize {
        self.output.output_size()
    }

    /// Output for `x`, both `[batch, position, feature]`, and the trace.
    pub fn forward(&self, x: Tensor<3>) -> (Tensor<3>, ShortConvolutionTrace) {
        let [gates, values, output_gates] = self.parts(x);
        let convolved = self.convolved(gates.clone() * values.clone());
        let y = self.output.forward(output_gates.clone() * convolved.clone());
        let factors = Tensor::cat(vec![values, gates], 2);
        (y, ShortConvolutionTrace { factors, convolved, gates: output_gates, rule: Rule::default() })
    }

    /// Output for the positions `x` `[batch, position, feature]` after those of `history`; adds them to `history`.
    pub fn step(&self, x: Tensor<3>, history: &mut Option<GatedPositions>) -> Tensor<3> {
        let count = x.dims()[1];
        let [gates, values, output_gates] = self.parts(x);
        let own = gates * values;
        let all = match history.take() {
            Some(GatedPositions(earlier)) => Tensor::cat(vec![earlier, own], 1),
            None => own,
        };
        let length = all.dims()[1];
        let reached = (count + self.taps.dims()[0] - 1).min(length);
        let convolved = self.convolved(all.clone().narrow(1, length - reached, reached));
        *history = Some(GatedPositions(all));
        self.output.forward(output_gates * convolved.narrow(1, reached - count, count))
    }

    fn parts(&self, x: Tensor<3>) -> [Tensor<3>; 3] {
        let (features, all) = (self.input.output_size() / 3, self.input.forward(x));
        [0, 1, 2].map(|part| all.clone().narrow(2, part * features, features))
    }

    /// The convolution of `[batch, position, feature]`, with zeros before the first position.
    fn convolved(&self, x: Tensor<3>) -> Tensor<3> {
        let length = x.dims()[1];
        let sum = self.shifted_by(length).map(|(by, tap)| shifted(x.clone(), by) * tap.unsqueeze::<3>());
        let sum = sum.reduce(|sum, part| sum + part).unwrap_or_else(|| x.zeros_like());
        match &self.bias {
            Some(bias) => sum + bias.clone().unsqueeze::<3>(),
            None => sum,
        }
    }

    /// The distances of the taps among `length` positions, with their weights `[1, feature]`.
    fn shifted_by(&self, length: usize) -> impl Iterator<Item = (usize, Tensor<2>)> {
        let taps = self.taps.dims()[0];
        (0..taps.min(length)).map(move |by| (by, self.taps.clone().narrow(0, taps - 1 - by, 1)))
    }

    /// Pulls cotangents of the output in `rows` back to the input, in these rows and the rows that they reach, by the trace's
    /// rule. A factor of 0 closes the way to the gates, or to the values.
    pub fn pullback(&self, cotangent: Tensor<4>, trace: &ShortConvolutionTrace, rows: &Rows) -> MixerCotangents {
        let features = self.features();
        let to_product = self.output.pullback(cotangent);
        let [to_gates, to_values] = [trace.rule.propagation.gate, trace.rule.propagation.up];
        let own = match to_gates == 0.0 {
            true => to_product.zeros_like(),
            false => {
                let factors = times(rows.of(&trace.convolved), to_gates);
                let to_gates = kernels::times_trace(to_product.clone(), factors);
                self.input.pullback_of(2 * features..3 * features, to_gates)
            }
        };
        let to_convolved = kernels::times_trace(to_product, times(rows.of(&trace.gates), to_values));
        let reached = rows.reached();
        let to_convolved = reached.padded(rows.among_reached(to_convolved));
        let length = to_convolved.dims()[2];
        let to_gated = self
            .shifted_by(length)
            .map(|(by, tap)| shifted_back(to_convolved.clone(), by) * tap.unsqueeze::<4>())
            .reduce(|sum, part| sum + part)
            .unwrap_or_else(|| to_convolved.zeros_like());
        // Values are the factors of the cotangents of gates, and gates those of values.
        let part = |outputs: Range<usize>, factor| {
            let factors = trace.factors.clone().narrow(2, outputs.start, outputs.len());
            (outputs, times(factors, factor))
        };
        let (outputs, factors) = match (to_gates == 0.0, to_gates == to_values) {
            (true, _) => part(features..2 * features, to_values),
            (false, true) => part(0..2 * features, to_gates),
            (false, false) => {
                let parts = [part(0..features, to_gates).1, part(features..2 * features, to_values).1];
                (0..2 * features, Tensor::cat(parts.to_vec(), 2))
            }
        };
        let to_factors = kernels::times_trace(reached.unpadded(to_gated), reached.of(&factors));
        MixerCotangents { own, reached: self.input.pullback_of(outputs, to_factors), rows: reached }
    }
}

/// Shifts `[batch, position, feature]` by a number of positions, with zeros at the start.
fn shifted(x: Tensor<3>, by: usize) -> Tensor<3> {
    let [batch, length, features] = x.dims();
    if by == 0 {
        return x;
    }
    let zeros = Tensor::zeros([batch, by, features], (&x.device(), x.dtype()));
    Tensor::cat(vec![zeros, x.narrow(1, 0, length - by)], 1)
}

/// The pullback of [`shifted`] for `[batch, probe, row, feature]`.
fn shifted_back(x: Tensor<4>, by: usize) -> Tensor<4> {
    let [batch, probes, rows, features] = x.dims();
    if by == 0 {
        return x;
    }
    let zeros = Tensor::zeros([batch, probes, by, features], (&x.device(), x.dtype()));
    Tensor::cat(vec![x.narrow(2, by, rows - by), zeros], 2)
}
