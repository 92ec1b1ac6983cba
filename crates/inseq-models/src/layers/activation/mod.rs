//! Element-wise activations.

mod kinds;

use burn::tensor::Tensor;

pub use kinds::Activation;

use super::{Rule, Slope, kernels};

impl Activation {
    /// Applies the activation to every element.
    pub fn forward(self, x: Tensor<3>) -> Tensor<3> {
        kernels::activation(self, x)
    }

    /// The activation of every element, and the factor of its cotangents: the difference quotient from the baseline to `x`, if
    /// there is a baseline (DeepLIFT's rescale rule: Shrikumar et al., 2017, <https://arxiv.org/abs/1704.02685>), and the factor of
    /// the rule's [`Slope`] otherwise.
    pub fn forward_with_factor(self, x: Tensor<3>, rule: Rule<Tensor<3>>) -> (Tensor<3>, Tensor<3>) {
        match (rule.baseline, rule.propagation.activation) {
            (Some(baseline), _) => self.forward_with_quotient(x, baseline),
            (None, Slope::Derivative) => self.forward_with_slope(x),
            (None, Slope::Quotient) => self.forward_with_quotient(x.clone(), x.zeros_like()),
            (None, Slope::Closed) => (self.forward(x.clone()), x.zeros_like()),
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
