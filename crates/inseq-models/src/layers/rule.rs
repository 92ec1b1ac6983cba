//! The rule of one operation of a trace.

use burn::tensor::Tensor;

use super::Propagation;

/// How one operation of a trace pulls cotangents back.
///
/// A trace keeps the rule beside the values of the operation, so all rules share one pullback. The operations that are not linear
/// read it: norm statistics ([`NormTrace`](super::NormTrace)), attention weights and the products around them
/// ([`AttentionTrace`](super::AttentionTrace)), activations ([`Activation`](super::Activation)), gates
/// ([`FeedForwardTrace`](super::FeedForwardTrace), [`ShortConvolutionTrace`](super::ShortConvolutionTrace)), and the shares of
/// experts ([`ExpertsTrace`](super::ExpertsTrace)).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule<T> {
    /// The rules of all operations, of which the operation reads its own.
    pub propagation: Propagation,
    /// The operation at the baseline, if it is compared with one. Difference quotients then replace the other rules.
    pub baseline: Option<T>,
}

impl<T> From<Propagation> for Rule<T> {
    fn from(propagation: Propagation) -> Self {
        Self { propagation, baseline: None }
    }
}

impl<T> Default for Rule<T> {
    fn default() -> Self {
        Propagation::GRADIENT.into()
    }
}

impl<T> Rule<T> {
    /// The rule of a part, with the baseline's part.
    pub fn map<U>(self, part: impl FnOnce(T) -> U) -> Rule<U> {
        Rule { propagation: self.propagation, baseline: self.baseline.map(part) }
    }

    /// The rule of a part that the baseline may lack.
    pub fn and_then<U>(self, part: impl FnOnce(T) -> Option<U>) -> Rule<U> {
        Rule { propagation: self.propagation, baseline: self.baseline.and_then(part) }
    }

    /// The same rule with a reference to the baseline.
    pub fn as_ref(&self) -> Rule<&T> {
        Rule { propagation: self.propagation, baseline: self.baseline.as_ref() }
    }
}

/// A tensor times the factor of a rule; the factor 1 costs nothing.
pub(super) fn times<const D: usize>(x: Tensor<D>, factor: f32) -> Tensor<D> {
    if factor == 1.0 { x } else { x * factor }
}
