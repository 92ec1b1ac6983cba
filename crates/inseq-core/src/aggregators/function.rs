//! Functions that reduce several scores to one.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

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
    fn an_unknown_name_lists_the_known() {
        let error = "mode".parse::<AggregationFunction>().map_err(|error| error.to_string());
        let expected = "unknown aggregation function `mode`; choose from mean, sum, prod, min, max, absmax, vnorm";
        assert_eq!(error, Err(expected.to_owned()));
    }
}
