//! Element-wise activations.

use burn::tensor::Tensor;
use serde::Deserialize;

use super::{Rule, kernels};

/// An element-wise activation, by its name in `config.json`, which is a name of transformers' `ACT2FN`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
#[non_exhaustive]
pub enum Activation {
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
    /// `max(x, 0)²` (So et al., 2021, <https://arxiv.org/abs/2109.08668>).
    ReluSquared,
    /// `x` above zero, `0.01 x` below.
    LeakyRelu,
    /// `x sigmoid(x)` (Elfwing et al., 2017, <https://arxiv.org/abs/1702.03118>).
    Silu,
    /// `x min(max(x + 3, 0), 6) / 6` (Howard et al., 2019, <https://arxiv.org/abs/1905.02244>).
    HardSwish,
    /// `x tanh(log(1 + exp(x)))` (Misra, 2019, <https://arxiv.org/abs/1908.08681>).
    Mish,
    /// `x Φ(x)` with the normal distribution function (Hendrycks & Gimpel, 2016, <https://arxiv.org/abs/1606.08415>).
    Gelu,
    /// The hyperbolic-tangent approximation of [`Gelu`](Self::Gelu).
    GeluTanh,
    /// [`Gelu`](Self::Gelu), cut at minus and plus 10.
    GeluClipped,
    /// `x sigmoid(1.702 x)`.
    QuickGelu,
    /// `tanh(x)`.
    Tanh,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// `Φ((x - 0.707107) / 0.282095)` with the normal distribution function (Ma et al., 2022,
    /// <https://arxiv.org/abs/2209.10655>).
    Laplace,
    /// `sqrt(log(1 + exp(x)))`.
    SqrtSoftplus,
    /// `x`.
    Linear,
}

/// Every name of an activation.
const NAMES: [(&str, Activation); 22] = [
    ("relu", Activation::Relu),
    ("relu6", Activation::Relu6),
    ("relu2", Activation::ReluSquared),
    ("leaky_relu", Activation::LeakyRelu),
    ("silu", Activation::Silu),
    ("swish", Activation::Silu),
    ("hardswish", Activation::HardSwish),
    ("mish", Activation::Mish),
    ("gelu", Activation::Gelu),
    ("gelu_python", Activation::Gelu),
    ("gelu_new", Activation::GeluTanh),
    ("gelu_fast", Activation::GeluTanh),
    ("gelu_accurate", Activation::GeluTanh),
    ("gelu_pytorch_tanh", Activation::GeluTanh),
    ("gelu_python_tanh", Activation::GeluTanh),
    ("gelu_10", Activation::GeluClipped),
    ("quick_gelu", Activation::QuickGelu),
    ("tanh", Activation::Tanh),
    ("sigmoid", Activation::Sigmoid),
    ("laplace", Activation::Laplace),
    ("sqrtsoftplus", Activation::SqrtSoftplus),
    ("linear", Activation::Linear),
];

/// Activations with weights, which are not supported.
const WITH_WEIGHTS: [&str; 2] = ["prelu", "xielu"];

impl TryFrom<String> for Activation {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        if let Some((_, activation)) = NAMES.iter().find(|(known, _)| *known == name) {
            return Ok(*activation);
        }
        let why = if WITH_WEIGHTS.contains(&name.as_str()) { "has weights of its own" } else { "is unknown" };
        let names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
        Err(format!("the activation `{name}` {why}, and is not supported; supported: {}", names.join(", ")))
    }
}

impl Activation {
    /// Every one.
    #[cfg(test)]
    pub(crate) const ALL: [Activation; 16] = [
        Activation::Relu,
        Activation::Relu6,
        Activation::ReluSquared,
        Activation::LeakyRelu,
        Activation::Silu,
        Activation::HardSwish,
        Activation::Mish,
        Activation::Gelu,
        Activation::GeluTanh,
        Activation::GeluClipped,
        Activation::QuickGelu,
        Activation::Tanh,
        Activation::Sigmoid,
        Activation::Laplace,
        Activation::SqrtSoftplus,
        Activation::Linear,
    ];

    /// Applies the activation to every element.
    pub fn forward(self, x: Tensor<3>) -> Tensor<3> {
        kernels::activation(self, x)
    }

    /// Whether Captum's DeepLIFT rescales the activation: ReLU, leaky ReLU, sigmoid and tanh.
    pub fn captum_rescales(self) -> bool {
        matches!(self, Activation::Relu | Activation::LeakyRelu | Activation::Sigmoid | Activation::Tanh)
    }

    /// Whether the activation is piecewise linear.
    fn is_piecewise_linear(self) -> bool {
        matches!(self, Activation::Relu | Activation::Relu6 | Activation::LeakyRelu | Activation::Linear)
    }

    /// The activation of every element, and the factor of its cotangents: the slope at `x`, the difference quotient from the
    /// baseline to `x` (DeepLIFT's rescale rule: Shrikumar et al., 2017, <https://arxiv.org/abs/1704.02685>), or the
    /// difference quotient from zero to `x`.
    pub fn forward_with_factor(self, x: Tensor<3>, rule: Rule<Tensor<3>>) -> (Tensor<3>, Tensor<3>) {
        match rule {
            Rule::Derivative => self.forward_with_slope(x),
            Rule::Between(baseline) => self.forward_with_quotient(x, baseline),
            Rule::Conservative => self.forward_with_quotient(x.clone(), x.zeros_like()),
        }
    }

    /// The activation of every element, and the difference quotient from `b` to `x`.
    fn forward_with_quotient(self, x: Tensor<3>, b: Tensor<3>) -> (Tensor<3>, Tensor<3>) {
        let (y, slope) = self.forward_with_slope(x.clone());
        // The quotient of what is piecewise linear keeps its precision; others lose it where the difference is small, and
        // there the mean of the slopes at both ends is as good.
        let (near, limit) = match self.is_piecewise_linear() {
            true => (1e-10, slope),
            false => (1e-3, (slope + self.forward_with_slope(b.clone()).1) * 0.5),
        };
        let way = x - b.clone();
        let is_near = way.clone().abs().lower_elem(near);
        let quotient = ((y.clone() - self.forward(b)) / way).mask_where(is_near, limit);
        (y, quotient)
    }

    /// The activation of every element, and its slope (the derivative) there.
    pub fn forward_with_slope(self, x: Tensor<3>) -> (Tensor<3>, Tensor<3>) {
        kernels::activation_with_slope(self, x)
    }
}
