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

    /// The activation of every element and its slope there, the derivative.
    pub fn forward_with_slope(self, x: Tensor<3>) -> (Tensor<3>, Tensor<3>) {
        kernels::activation_with_slope(self, x)
    }
}
