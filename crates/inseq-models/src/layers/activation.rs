//! Element-wise non-linearities.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::kernels;

/// An element-wise non-linearity, by the names that `config.json` files use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Activation {
    /// `max(x, 0)`.
    #[serde(rename = "relu")]
    Relu,
    /// `x sigmoid(x)` (Elfwing et al., 2017, <https://arxiv.org/abs/1702.03118>).
    #[serde(rename = "silu", alias = "swish")]
    Silu,
    /// `x Φ(x)` with the normal distribution function (Hendrycks & Gimpel, 2016, <https://arxiv.org/abs/1606.08415>).
    #[serde(rename = "gelu")]
    Gelu,
    /// The hyperbolic-tangent approximation of [`Gelu`](Self::Gelu).
    #[serde(rename = "gelu_new", alias = "gelu_pytorch_tanh", alias = "gelu_fast")]
    GeluTanh,
}

impl Activation {
    /// The activation of every element.
    pub fn forward(self, x: Tensor<3>) -> Tensor<3> {
        kernels::activation(self, x)
    }

    /// Whether it is linear on either side of zero.
    pub fn is_rectifier(self) -> bool {
        self == Activation::Relu
    }

    /// The difference quotient from `b` to `x` (DeepLIFT's rescale rule: Shrikumar et al., 2017,
    /// <https://arxiv.org/abs/1704.02685>), of a rectifier or, with `all`, of any activation; else the slope at `x`.
    pub fn quotient(self, x: Tensor<3>, b: Tensor<3>, all: bool) -> Tensor<3> {
        let (y, slope) = self.forward_with_slope(x.clone());
        // Rectifiers are linear on either side of zero, so that their quotient keeps its precision; others lose it where
        // the difference is small, and there the mean of the slopes at both ends is as good.
        let (near, limit) = match (self.is_rectifier(), all) {
            (true, _) => (1e-10, slope),
            (false, false) => return slope,
            (false, true) => (1e-3, (slope + self.forward_with_slope(b.clone()).1) * 0.5),
        };
        let way = x - b.clone();
        let is_near = way.clone().abs().lower_elem(near);
        ((y - self.forward(b)) / way).mask_where(is_near, limit)
    }

    /// The activation of every element and its slope there, the derivative.
    pub fn forward_with_slope(self, x: Tensor<3>) -> (Tensor<3>, Tensor<3>) {
        kernels::activation_with_slope(self, x)
    }
}
