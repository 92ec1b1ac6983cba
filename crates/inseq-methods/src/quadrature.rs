//! Rules for the integral over a path, with Captum's points and weights.

use inseq_core::Argument;
use serde::{Deserialize, Serialize};

use crate::{Count, Error, Result};

/// A rule for an integral over [0, 1].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Quadrature {
    /// Gauss-Legendre nodes and weights.
    #[default]
    #[serde(rename = "gausslegendre")]
    GaussLegendre,
    /// Right ends of equal intervals.
    #[serde(rename = "riemann_right")]
    RiemannRight,
    /// Left ends of equal intervals.
    #[serde(rename = "riemann_left")]
    RiemannLeft,
    /// Middles of equal intervals.
    #[serde(rename = "riemann_middle")]
    RiemannMiddle,
    /// Ends of equal intervals, the outermost with half the weight; as in Captum the weights sum to `(n - 1) / n`.
    #[serde(rename = "riemann_trapezoid")]
    RiemannTrapezoid,
}

impl Quadrature {
    /// The argument of methods that chooses a rule.
    pub(crate) const ARGUMENT: Argument = Argument::new(
        "method",
        "gausslegendre",
        "Rule of the integral: gausslegendre, riemann_right, riemann_left, riemann_middle or riemann_trapezoid; \
         sums of intervals need 2 points.",
    );

    /// Names in the reference.
    pub const NAMES: [&'static str; 5] =
        ["gausslegendre", "riemann_right", "riemann_left", "riemann_middle", "riemann_trapezoid"];

    /// Refuses fewer points than the rule needs; `method` is the name for the error.
    ///
    /// # Errors
    /// There is only one point, and the rule is not Gauss-Legendre.
    pub(crate) fn check(self, method: &str, n_steps: Count<1>) -> Result<()> {
        if self == Quadrature::GaussLegendre || n_steps.get() > 1 {
            return Ok(());
        }
        Err(Error::argument(
            "n_steps",
            format!(
                "{method}: `n_steps` must be at least 2 for sums of intervals, found 1; give more, or `method` gausslegendre"
            ),
        ))
    }

    /// `n` points in [0, 1] with their weights.
    pub fn points(self, n: usize) -> Vec<(f32, f32)> {
        let equal = 1.0 / n as f64;
        let at =
            |f: fn(f64, f64) -> f64| (0..n).map(|i| (f(i as f64, n as f64) as f32, equal as f32)).collect::<Vec<_>>();
        match self {
            Quadrature::GaussLegendre => gauss_legendre(n),
            Quadrature::RiemannRight => at(|i, n| (i + 1.0) / n),
            Quadrature::RiemannLeft => at(|i, n| i / n),
            Quadrature::RiemannMiddle => at(|i, n| (i + 0.5) / n),
            Quadrature::RiemannTrapezoid => {
                let mut points = at(|i, n| i / (n - 1.0).max(1.0));
                for end in [0, n - 1] {
                    points[end].1 = (equal / 2.0) as f32;
                }
                points
            }
        }
    }
}

/// Nodes and weights on [0, 1], in ascending order, by Newton's method on the Legendre polynomial.
fn gauss_legendre(n: usize) -> Vec<(f32, f32)> {
    let polynomial = |x: f64| {
        let (mut previous, mut current) = (1.0, x);
        for k in 2..=n {
            let k = k as f64;
            (previous, current) = (current, ((2.0 * k - 1.0) * x * current - (k - 1.0) * previous) / k);
        }
        let derivative = n as f64 * (x * current - previous) / (x * x - 1.0);
        (current, derivative)
    };
    (0..n)
        .map(|i| {
            let mut x = -(std::f64::consts::PI * (i as f64 + 0.75) / (n as f64 + 0.5)).cos();
            for _ in 0..100 {
                let (value, derivative) = polynomial(x);
                let step = value / derivative;
                x -= step;
                if step.abs() < 1e-16 {
                    break;
                }
            }
            let (_, derivative) = polynomial(x);
            let weight = 1.0 / ((1.0 - x * x) * derivative * derivative);
            (((1.0 + x) / 2.0) as f32, weight as f32)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gauss_legendre_integrates_polynomials_exactly() {
        for n in [1usize, 2, 5, 20, 50, 101] {
            let points = Quadrature::GaussLegendre.points(n);
            for degree in 0..(2 * n).min(12) {
                let sum: f64 = points.iter().map(|(x, w)| f64::from(*x).powi(degree as i32) * f64::from(*w)).sum();
                assert!((sum - 1.0 / (degree as f64 + 1.0)).abs() < 1e-6, "n {n}, degree {degree}: {sum}");
            }
        }
    }

    #[test]
    fn trapezoid_weights_sum_as_captums_do() {
        let sum: f32 = Quadrature::RiemannTrapezoid.points(20).iter().map(|p| p.1).sum();
        assert!((sum - 19.0 / 20.0).abs() < 1e-6);
    }
}
