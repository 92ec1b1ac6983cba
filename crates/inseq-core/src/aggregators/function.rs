//! Functions that reduce several scores to one.

use std::{fmt, str::FromStr};

use ndarray::{ArrayD, IxDyn};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::reduction;
use crate::{Error, Result};

/// Function that reduces the scores along an axis to one score.
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
#[non_exhaustive]
pub enum AggregationFunction {
    /// Arithmetic mean.
    Mean,
    /// Sum.
    Sum,
    /// Product.
    Prod,
    /// Smallest; NaN if any is NaN.
    Min,
    /// Largest; NaN if any is NaN.
    Max,
    /// Score with the largest absolute value, with its sign; the first of equal ones. NaN counts as 0.
    AbsMax,
    /// Vector norm of the given order (`vnorm`; default order 2).
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

    /// Name of the function in the reference.
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

    /// Reduces `scores` to one score; `None` for an empty slice, except for sum (0), product (1) and mean (NaN).
    pub fn apply(self, scores: &[f32]) -> Option<f32> {
        match (self, scores.is_empty()) {
            (_, false) => Some(reduction::reduce(self, scores)),
            (Self::Sum, true) => Some(0.0),
            (Self::Prod, true) => Some(1.0),
            (Self::Mean, true) => Some(f32::NAN),
            (Self::Min | Self::Max | Self::AbsMax | Self::VectorNorm { .. }, true) => None,
        }
    }

    /// Reduces the last axis of `scores`.
    ///
    /// # Shapes
    /// `[..., n]` to `[...]`
    pub(crate) fn reduce_last_axis(self, scores: &ArrayD<f32>) -> Result<ArrayD<f32>> {
        reduce_last_axis(scores, &self, |values, n| reduction::reduce_rows(self, values, n))
    }
}

/// Reduces the last axis of `scores` by `rows`, which takes the scores of all rows and the length of one.
///
/// # Shapes
/// `[..., n]` to `[...]`
pub(super) fn reduce_last_axis(
    scores: &ArrayD<f32>,
    name: &impl fmt::Display,
    rows: impl FnOnce(&[f32], usize) -> Vec<f32>,
) -> Result<ArrayD<f32>> {
    let Some((&n, outer)) = scores.shape().split_last() else {
        return Err(Error::Invalid(format!("`{name}` needs an axis to reduce, but the scores are one number")));
    };
    let dense = scores.as_standard_layout();
    let Some(values) = dense.as_slice().filter(|_| n > 0) else {
        return Err(Error::Invalid(format!(
            "`{name}` of an axis of length 0, in scores of shape {:?}",
            scores.shape()
        )));
    };
    ArrayD::from_shape_vec(IxDyn(outer), rows(values, n)).map_err(|error| Error::Invalid(error.to_string()))
}

impl fmt::Display for AggregationFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for AggregationFunction {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::VectorNorm { order } if *order != 2.0 => serializer.collect_str(&format_args!("vnorm:{order}")),
            other => serializer.serialize_str(other.name()),
        }
    }
}

impl<'de> Deserialize<'de> for AggregationFunction {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl FromStr for AggregationFunction {
    type Err = Error;

    /// A name, or `vnorm:` with an order.
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
                let order = name.strip_prefix("vnorm:").and_then(|order| order.parse().ok());
                let order = order.filter(|order: &f64| !order.is_nan());
                let norm = order.map(|order| Self::VectorNorm { order });
                return norm.ok_or_else(|| Error::unknown("aggregation function", name, Self::NAMES));
            }
        })
    }
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
    fn functions_are_saved_by_name_with_their_order() -> Result<()> {
        for (function, text) in [
            (AggregationFunction::Sum, "\"sum\""),
            (AggregationFunction::VNORM, "\"vnorm\""),
            (AggregationFunction::VectorNorm { order: 2.5 }, "\"vnorm:2.5\""),
            (AggregationFunction::VectorNorm { order: f64::NEG_INFINITY }, "\"vnorm:-inf\""),
        ] {
            let saved = serde_json::to_string(&function).unwrap_or_default();
            assert_eq!(saved, text);
            assert_eq!(serde_json::from_str::<AggregationFunction>(&saved).ok(), Some(function));
        }
        assert!(
            "vnorm:x".parse::<AggregationFunction>().is_err() && "vnorm:nan".parse::<AggregationFunction>().is_err()
        );
        Ok(())
    }

    #[test]
    fn nan_spreads_but_not_through_absmax() {
        let scores = [1.0, f32::NAN, -2.0];
        for name in ["mean", "sum", "prod", "min", "max", "vnorm"] {
            let function: AggregationFunction = name.parse().unwrap_or(AggregationFunction::AbsMax);
            assert!(function.apply(&scores).is_some_and(f32::is_nan), "{name}");
        }
        for order in [0.0, 1.0, 3.0, f64::INFINITY, f64::NEG_INFINITY] {
            let norm = AggregationFunction::VectorNorm { order };
            assert!(norm.apply(&scores).is_some_and(f32::is_nan), "order {order}");
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
        let expected = "unknown aggregation function `mode`; choose from mean, sum, prod, min, max, absmax, vnorm";
        assert_eq!(error, Err(expected.to_owned()));
    }
}
