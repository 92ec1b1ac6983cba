//! How operations that are not linear pull cotangents back.

use super::Activation;

/// How one operation of a trace pulls cotangents back.
///
/// A trace keeps the rule beside the values of the operation, so all rules share one pullback. Every operation that is not
/// linear has one arm per rule: norm statistics ([`NormTrace`](super::NormTrace)), attention weights, with the cotangents of
/// queries, keys and values ([`AttentionTrace`](super::AttentionTrace)), activations ([`Activation`]), gates
/// ([`FeedForwardTrace`](super::FeedForwardTrace), [`ShortConvolutionTrace`](super::ShortConvolutionTrace)), and the router of
/// experts ([`ExpertsTrace`](super::ExpertsTrace)). Code matches every variant, so that the compiler names the places that a new
/// one needs; a new one is a breaking change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rule<T> {
    /// The derivative at the input.
    #[default]
    Derivative,
    /// Difference quotients to a baseline: the pullback, multiplied by the difference of inputs, sums to the difference of
    /// outputs (DeepLIFT: Shrikumar et al., 2017, <https://arxiv.org/abs/1704.02685>).
    Between(T),
    /// Constant factors: the pullback, multiplied by the input, sums to the output without biases (CP-LRP: Ali et al., 2022,
    /// <https://arxiv.org/abs/2202.07304>). Norm statistics, attention weights, gates and shares of experts are constants. The
    /// factor of an activation is the difference quotient from zero, which is `f(x) / x` if `f(0)` is 0, and the slope at zero.
    Conservative,
}

impl<T> Rule<T> {
    /// The rule of a part, with the baseline's part.
    pub fn map<U>(self, part: impl FnOnce(T) -> U) -> Rule<U> {
        match self {
            Self::Derivative => Rule::Derivative,
            Self::Between(baseline) => Rule::Between(part(baseline)),
            Self::Conservative => Rule::Conservative,
        }
    }

    /// The same rule with a reference to the baseline.
    pub fn as_ref(&self) -> Rule<&T> {
        match self {
            Self::Derivative => Rule::Derivative,
            Self::Between(baseline) => Rule::Between(baseline),
            Self::Conservative => Rule::Conservative,
        }
    }
}

impl<T> Rule<Option<T>> {
    /// The rule with its baseline, or the derivative if the baseline is missing.
    pub fn or_derivative(self) -> Rule<T> {
        match self {
            Self::Between(Some(baseline)) => Rule::Between(baseline),
            Self::Between(None) | Self::Derivative => Rule::Derivative,
            Self::Conservative => Rule::Conservative,
        }
    }
}

/// Which [`Rule`] each operation of a model has. As with rules, a new variant is a breaking change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Propagation {
    /// The derivative everywhere.
    #[default]
    Gradient,
    /// Difference quotients to a baseline for the activations that
    /// [Captum's DeepLIFT rescales](Activation::captum_rescales), and the derivative elsewhere.
    Rectifiers,
    /// Difference quotients to a baseline everywhere.
    Differences,
    /// The conservative rule everywhere: gradient x input sums to the score of a model without biases.
    Conservative,
}

impl Propagation {
    /// Whether the trace is compared with that of a baseline.
    pub fn needs_baseline(self) -> bool {
        matches!(self, Self::Rectifiers | Self::Differences)
    }

    /// The rule of an activation: the derivative if the rule needs a baseline and there is none.
    pub fn of_activation<T>(self, activation: Activation, baseline: Option<T>) -> Rule<T> {
        match self {
            Self::Rectifiers if activation.captum_rescales() => Rule::Between(baseline).or_derivative(),
            _ => self.of_others(baseline),
        }
    }

    /// The rule of all other operations: the derivative if the rule needs a baseline and there is none.
    pub fn of_others<T>(self, baseline: Option<T>) -> Rule<T> {
        match self {
            Self::Gradient | Self::Rectifiers => Rule::Derivative,
            Self::Differences => Rule::Between(baseline).or_derivative(),
            Self::Conservative => Rule::Conservative,
        }
    }
}
