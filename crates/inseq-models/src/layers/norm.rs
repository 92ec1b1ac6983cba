//! Layer normalization.

use burn::tensor::Tensor;

use super::{Rows, kernels};

/// `y = (x - mean) / sqrt(variance + epsilon) * gain + bias` over the last axis (Ba et al., 2016,
/// <https://arxiv.org/abs/1607.06450>).
#[derive(Clone, Debug)]
pub struct LayerNorm {
    gain: Tensor<1>,
    bias: Option<Tensor<1>>,
    epsilon: f64,
}

/// What [`LayerNorm::pullback`] needs of the forward.
#[derive(Clone, Debug)]
pub struct NormTrace {
    /// `[batch, position, feature]`: the input, centred and divided by its deviation.
    normalized: Tensor<3>,
    /// `[batch, position, 1]`: one over the deviation.
    inverse_deviation: Tensor<3>,
}

impl LayerNorm {
    /// From gain and bias `[feature]`.
    pub fn new(gain: Tensor<1>, bias: Option<Tensor<1>>, epsilon: f64) -> Self {
        Self { gain, bias, epsilon }
    }

    /// `[batch, position, feature]` to the same, with the trace.
    pub fn forward(&self, x: Tensor<3>) -> (Tensor<3>, NormTrace) {
        let centred = x.clone() - x.mean_dim(2);
        let variance = centred.clone().square().mean_dim(2);
        let inverse_deviation = (variance + self.epsilon).sqrt().recip();
        let normalized = centred * inverse_deviation.clone();
        let mut y = normalized.clone() * self.gain.clone().unsqueeze();
        if let Some(bias) = &self.bias {
            y = y + bias.clone().unsqueeze();
        }
        (y, NormTrace { normalized, inverse_deviation })
    }

    /// Cotangents `[batch, probe, row, feature]` of the output to those of the input.
    ///
    /// `dx = (g - mean(g) - n mean(g n)) / deviation` with `g = dy * gain` and `n` the normalized input.
    pub fn pullback(&self, cotangent: Tensor<4>, trace: &NormTrace, rows: &Rows) -> Tensor<4> {
        let normalized = rows.of(&trace.normalized);
        let inverse_deviation = rows.of(&trace.inverse_deviation);
        kernels::layer_norm_pullback(cotangent, &self.gain, normalized, inverse_deviation)
    }
}
