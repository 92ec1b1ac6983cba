//! Which activations there are, and their names.

use serde::Deserialize;

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

    /// Whether Captum's DeepLIFT rescales the activation: ReLU, leaky ReLU, sigmoid and tanh.
    pub fn captum_rescales(self) -> bool {
        matches!(self, Activation::Relu | Activation::LeakyRelu | Activation::Sigmoid | Activation::Tanh)
    }

    /// Whether the activation is piecewise linear.
    pub(super) fn is_piecewise_linear(self) -> bool {
        matches!(self, Activation::Relu | Activation::Relu6 | Activation::LeakyRelu | Activation::Linear)
    }
}
