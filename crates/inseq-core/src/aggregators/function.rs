//! Functions that reduce several scores to one.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _};

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
        /// The order: any number, including infinities, but not NaN; 0 counts scores other than 0.
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

    /// The same function, if its order is a number.
    ///
    /// # Errors
    /// It is a vector norm of order NaN.
    ///
    /// ```
    /// use inseq_core::aggregators::AggregationFunction;
    ///
    /// let norm = |order| AggregationFunction::VectorNorm { order };
    /// assert_eq!(norm(3.0).checked()?, norm(3.0));
    /// assert!(norm(f64::NAN).checked().is_err());
    /// # Ok::<(), inseq_core::Error>(())
    /// ```
    pub fn checked(self) -> Result<Self> {
        match self {
            Self::VectorNorm { order } if order.is_nan() => Err(Error::argument(
                "order",
                "the order of a vector norm is NaN; expected a number, which may be infinite".into(),
            )),
            other => Ok(other),
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
        match self.checked().map_err(S::Error::custom)? {
            Self::VectorNorm { order } if order != 2.0 => serializer.collect_str(&format_args!("vnorm:{order}")),
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
    fn a_norm_has_an_order() {
        let norm = AggregationFunction::VectorNorm { order: f64::NAN };
        assert!(serde_json::to_string(&norm).unwrap_err().to_string().contains("order of a vector norm is NaN"));
    }

    #[test]
    fn an_unknown_name_lists_the_known() {
        let error = "mode".parse::<AggregationFunction>().map_err(|error| error.to_string());
        let expected = "unknown aggregation function `mode`; choose from mean, sum, prod, min, max, absmax, vnorm";
        assert_eq!(error, Err(expected.to_owned()));
    }
}
