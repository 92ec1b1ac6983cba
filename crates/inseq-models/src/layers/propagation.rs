//! Rules of propagation, as data.

use serde::{Deserialize, Serialize};

use super::{Activation, Rule};

/// How the operations that are not linear pull cotangents back.
///
/// Every field is the rule of one kind of operation. The default is the derivative everywhere, so the pullback is the gradient. The
/// forward is the same under all rules.
///
/// The five factors multiply the cotangents of the two sides of a product: queries and keys, where they enter the scores of
/// attention; values, where the weights mix them; and `gate` and `up`, the two sides of a gated product. A product of two
/// inputs has twice the relevance of its output if both sides get their whole cotangent, so rules that conserve relevance give each
/// side a half, or one side all of it.
///
/// ```
/// use inseq_models::layers::{Propagation, Statistics};
///
/// let constant_norms = Propagation { norm: Statistics::Constant, ..Propagation::GRADIENT };
/// assert!(constant_norms.validate().is_ok());
/// assert!(Propagation { values: f32::NAN, ..constant_norms }.validate().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Propagation {
    /// Rule of the statistics of norms. The mean is subtracted under every rule; the rule concerns the deviation.
    pub norm: Statistics,
    /// Rule of the softmax of attention weights, and of the shares of experts.
    pub softmax: Softmax,
    /// Factor of the cotangents of queries, after their norm and rotation.
    pub queries: f32,
    /// Factor of the cotangents of keys, after their norm and rotation.
    pub keys: f32,
    /// Factor of the cotangents of values.
    pub values: f32,
    /// Rule of activations, and of soft caps of scores and logits.
    pub activation: Slope,
    /// Factor of the cotangents of gates: of a feed-forward network, of a short convolution, and of the shares of experts.
    pub gate: f32,
    /// Factor of the cotangents of the values that gates multiply.
    pub up: f32,
    /// Operations that are compared with a baseline. Their difference quotients replace the other rules.
    #[serde(skip)]
    pub compared: Compared,
}

/// Rule of the deviation of a norm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Statistics {
    /// The deviation is a function of the input.
    #[default]
    Differentiated,
    /// The deviation is a constant.
    Constant,
}

/// Rule of a softmax.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Softmax {
    /// Its Jacobian at the weights.
    #[default]
    Differentiated,
    /// The Jacobian of the softmax at this temperature, without the factor `1 / T`. It follows from the weights `s` alone:
    /// `softmax(z / T)` is `s^(1 / T)`, divided by its sum. It is the rule of attention weights; shares of experts keep their
    /// Jacobian.
    Temperature(f32),
    /// The weights are constants.
    Closed,
}

/// Rule of an element-wise function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Slope {
    /// The derivative `f'(x)`.
    #[default]
    Derivative,
    /// The difference quotient from zero: `f(x) / x` for functions with `f(0) = 0`, and `f'(0)` at zero.
    Quotient,
    /// No cotangents. Soft caps, which are no activations, keep their derivative.
    Closed,
}

/// Operations that are compared with a baseline: their cotangents are multiplied by difference quotients, so that the pullback,
/// multiplied by the difference of inputs, sums to the difference of outputs (DeepLIFT: Shrikumar et al., 2017,
/// <https://arxiv.org/abs/1704.02685>).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compared {
    /// None.
    #[default]
    Nothing,
    /// The activations that [Captum's DeepLIFT rescales](Activation::captum_rescales).
    Rectifiers,
    /// All.
    Everything,
}

impl Default for Propagation {
    fn default() -> Self {
        Self::GRADIENT
    }
}

impl Propagation {
    /// The derivative everywhere.
    pub const GRADIENT: Self = Self {
        norm: Statistics::Differentiated,
        softmax: Softmax::Differentiated,
        queries: 1.0,
        keys: 1.0,
        values: 1.0,
        activation: Slope::Derivative,
        gate: 1.0,
        up: 1.0,
        compared: Compared::Nothing,
    };

    /// Difference quotients to a baseline for the activations that [Captum's DeepLIFT rescales](Activation::captum_rescales),
    /// and the derivative elsewhere.
    pub const RECTIFIERS: Self = Self { compared: Compared::Rectifiers, ..Self::GRADIENT };

    /// Difference quotients to a baseline everywhere.
    pub const DIFFERENCES: Self = Self { compared: Compared::Everything, ..Self::GRADIENT };

    /// Constant factors (CP-LRP: Ali et al., 2022, <https://arxiv.org/abs/2202.07304>): norm statistics, attention weights, gates
    /// and shares of experts are constants. Gradient x input sums to the logit of a model without biases.
    pub const CONSERVATIVE: Self = Self {
        norm: Statistics::Constant,
        softmax: Softmax::Closed,
        activation: Slope::Quotient,
        gate: 0.0,
        ..Self::GRADIENT
    };

    /// Refuses rules that contradict each other, and numbers without a meaning.
    ///
    /// # Errors
    /// The name of the field, and what is wrong with it.
    pub fn validate(&self) -> Result<(), (&'static str, String)> {
        let Self { queries, keys, values, gate, up, .. } = *self;
        let factors = [("queries", queries), ("keys", keys), ("values", values), ("gate", gate), ("up", up)];
        if let Some((name, factor)) = factors.into_iter().find(|(_, factor)| !factor.is_finite()) {
            return Err((name, format!("must be a finite number, found {factor}")));
        }
        match self.softmax {
            Softmax::Temperature(temperature) if !(temperature.is_finite() && temperature > 0.0) => {
                return Err(("softmax", format!("must have a temperature above 0, found {temperature}")));
            }
            Softmax::Closed => {
                let idle = factors[..2].iter().find(|(_, factor)| ![0.0, 1.0].contains(factor));
                if let Some((name, factor)) = idle {
                    return Err((
                        name,
                        format!(
                            "must be absent or 0 if `softmax` is \"closed\", because nothing reaches queries and keys; found {factor}"
                        ),
                    ));
                }
            }
            Softmax::Temperature(_) | Softmax::Differentiated => {}
        }
        if values == 0.0 && !self.passes_weights() {
            return Err((
                "values",
                "must not be 0 if nothing reaches queries and keys, because no token would get a score from another"
                    .into(),
            ));
        }
        if gate == 0.0 && up == 0.0 {
            return Err(("up", "must not be 0 if `gate` is 0, because nothing would pass a gated product".into()));
        }
        Ok(())
    }

    /// Whether the trace is compared with that of a baseline.
    pub fn needs_baseline(self) -> bool {
        self.compared != Compared::Nothing
    }

    /// Whether cotangents of attention weights reach queries or keys.
    pub(super) fn passes_weights(self) -> bool {
        self.softmax != Softmax::Closed && (self.queries != 0.0 || self.keys != 0.0)
    }

    /// The rule of an activation, with the activation's input at the baseline, if there is a baseline.
    pub fn of_activation<T>(self, activation: Activation, baseline: Option<T>) -> Rule<T> {
        let is_compared = match self.compared {
            Compared::Nothing => false,
            Compared::Rectifiers => activation.captum_rescales(),
            Compared::Everything => true,
        };
        Rule { propagation: self, baseline: baseline.filter(|_| is_compared) }
    }

    /// The rule of all other operations, with the operation's part of the baseline, if there is a baseline.
    pub fn of_others<T>(self, baseline: Option<T>) -> Rule<T> {
        Rule { propagation: self, baseline: baseline.filter(|_| self.compared == Compared::Everything) }
    }
}
