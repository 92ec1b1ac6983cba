//! Functions that make one score of many.

use std::{fmt, str::FromStr};

use ndarray::{ArrayD, IxDyn};

use crate::{Error, Result};

/// Makes one score of the scores along an axis.
///
/// # Example
/// ```
/// use inseq_core::aggregators::AggregationFunction;
///
/// let function: AggregationFunction = "absmax".parse()?;
/// assert_eq!(function.apply(&[0.3, -0.7, 0.1]), Some(-0.7));
/// # Ok::<(), inseq_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AggregationFunction {
    /// Arithmetic mean; NaN of nothing.
    Mean,
    /// Sum.
    Sum,
    /// Product.
    Prod,
    /// Smallest; NaN if any is NaN.
    Min,
    /// Largest; NaN if any is NaN.
    Max,
    /// The score of largest absolute value, with its sign; the first of equals, NaN counting as 0.
    AbsMax,
    /// The vector norm of the given order (`vnorm`; order 2 unless said).
    VectorNorm {
        /// The order: any number, infinities included; 0 counts scores other than 0.
        order: f64,
    },
}

impl AggregationFunction {
    /// The Euclidean norm, the reference's `vnorm`.
    pub const VNORM: Self = Self::VectorNorm { order: 2.0 };

    /// Every name that can be parsed.
    pub const NAMES: [&'static str; 7] = ["mean", "sum", "prod", "min", "max", "absmax", "vnorm"];

    /// The name the reference knows it by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Sum => "sum",
            Self::Prod => "prod",
            Self::Min => "min",
            Self::Max => "max",
            Self::AbsMax => "absmax",
            Self::VectorNorm { .. } => "vnorm",
        }
    }

    /// One score of `scores`; `None` where an extreme of nothing is asked for.
    pub fn apply(self, scores: &[f32]) -> Option<f32> {
        Some(match self {
            Self::Mean => (sum(scores, f64::from) / scores.len() as f64) as f32,
            Self::Sum => sum(scores, f64::from) as f32,
            Self::Prod => scores.iter().map(|&x| f64::from(x)).product::<f64>() as f32,
            Self::Min => extreme(scores, |x, best| x < best)?,
            Self::Max => extreme(scores, |x, best| x > best)?,
            Self::AbsMax => abs_max(scores)?,
            Self::VectorNorm { order } => vector_norm(scores, order)?,
        })
    }

    /// Reduces the last axis of `scores`.
    ///
    /// # Shapes
    /// `[..., n]` to `[...]`
    pub(crate) fn reduce_last_axis(self, scores: &ArrayD<f32>) -> Result<ArrayD<f32>> {
        let Some((&n, outer)) = scores.shape().split_last() else {
            return Err(Error::Invalid(format!("`{self}` needs an axis to reduce, but the scores are one number")));
        };
        let nothing =
            || Error::Invalid(format!("`{self}` of an axis of length 0, in scores of shape {:?}", scores.shape()));
        let dense = scores.as_standard_layout();
        let values = dense.as_slice().ok_or_else(nothing)?;
        if n == 0 {
            return Err(nothing());
        }
        let reduced =
            values.chunks_exact(n).map(|chunk| self.apply(chunk)).collect::<Option<_>>().ok_or_else(nothing)?;
        ArrayD::from_shape_vec(IxDyn(outer), reduced).map_err(|error| Error::Invalid(error.to_string()))
    }
}

impl fmt::Display for AggregationFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for AggregationFunction {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Ok(match name {
            "mean" => Self::Mean,
            "sum" => Self::Sum,
            "prod" => Self::Prod,
            "min" => Self::Min,
            "max" => Self::Max,
            "absmax" => Self::AbsMax,
            "vnorm" => Self::VNORM,
            _ => {
                return Err(Error::Unknown {
                    what: "aggregation function",
                    name: name.to_owned(),
                    known: Self::NAMES.map(str::to_owned).to_vec(),
                });
            }
        })
    }
}

/// The sum of `term` over `scores`, in eight lanes so that the compiler can vectorize it.
fn sum(scores: &[f32], term: impl Fn(f32) -> f64) -> f64 {
    let mut lanes = [0.0; 8];
    let chunks = scores.chunks_exact(lanes.len());
    let rest: f64 = chunks.remainder().iter().map(|&x| term(x)).sum();
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane += term(x);
        }
    }
    lanes.iter().sum::<f64>() + rest
}

/// The first score that `better` prefers to all others, or NaN if there is one.
fn extreme(scores: &[f32], better: impl Fn(f32, f32) -> bool) -> Option<f32> {
    scores.iter().copied().reduce(|best, x| if best.is_nan() || !(x.is_nan() || better(x, best)) { best } else { x })
}

fn abs_max(scores: &[f32]) -> Option<f32> {
    let size = |x: f32| if x.is_nan() { 0.0 } else { x.abs().min(f32::MAX) };
    scores.iter().copied().reduce(|best, x| if size(x) > size(best) { x } else { best })
}

fn vector_norm(scores: &[f32], order: f64) -> Option<f32> {
    let magnitude = |x: f32| f64::from(x).abs();
    let norm = if order == 2.0 {
        sum(scores, |x| f64::from(x) * f64::from(x)).sqrt()
    } else if order == 1.0 {
        sum(scores, magnitude)
    } else if order == 0.0 {
        sum(scores, |x| f64::from(u8::from(x != 0.0)))
    } else if order.is_infinite() {
        let magnitudes: Vec<f32> = scores.iter().map(|x| x.abs()).collect();
        return extreme(&magnitudes, |x, best| if order > 0.0 { x > best } else { x < best });
    } else {
        sum(scores, |x| magnitude(x).powf(order)).powf(1.0 / order)
    };
    Some(norm as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_follow_their_definitions() -> Result<()> {
        let scores = [1.0, -4.0, 2.0];
        for (name, expected) in
            [("mean", -1.0 / 3.0), ("sum", -1.0), ("prod", -8.0), ("min", -4.0), ("max", 2.0), ("absmax", -4.0)]
        {
            assert_eq!(name.parse::<AggregationFunction>()?.apply(&scores), Some(expected), "{name}");
        }
        let norm = |order| AggregationFunction::VectorNorm { order }.apply(&scores);
        assert_eq!(norm(2.0), Some(21f32.sqrt()));
        assert_eq!(norm(1.0), Some(7.0));
        assert_eq!(norm(f64::INFINITY), Some(4.0));
        assert_eq!(norm(f64::NEG_INFINITY), Some(1.0));
        assert_eq!(norm(0.0), Some(3.0));
        assert!((norm(3.0).unwrap_or(0.0) - 73f32.cbrt()).abs() < 1e-6);
        Ok(())
    }

    #[test]
    fn nan_spreads_but_not_through_absmax() {
        let scores = [1.0, f32::NAN, -2.0];
        for name in ["mean", "sum", "prod", "min", "max", "vnorm"] {
            let function: AggregationFunction = name.parse().unwrap_or(AggregationFunction::AbsMax);
            assert!(function.apply(&scores).is_some_and(f32::is_nan), "{name}");
        }
        assert_eq!(AggregationFunction::AbsMax.apply(&scores), Some(-2.0));
    }

    #[test]
    fn an_axis_without_scores_is_an_error() {
        let nothing = ArrayD::zeros(IxDyn(&[2, 3, 0]));
        for function in [AggregationFunction::Mean, AggregationFunction::Max, AggregationFunction::VNORM] {
            let error = function.reduce_last_axis(&nothing).map_err(|error| error.to_string());
            assert_eq!(error, Err(format!("`{function}` of an axis of length 0, in scores of shape [2, 3, 0]")));
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known() {
        let error = "mode".parse::<AggregationFunction>().map_err(|error| error.to_string());
        let expected = "unknown aggregation function \"mode\"; choose from mean, sum, prod, min, max, absmax, vnorm";
        assert_eq!(error, Err(expected.to_owned()));
    }
}
