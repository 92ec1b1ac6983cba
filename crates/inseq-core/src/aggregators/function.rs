//! Functions from many scores to one.

use std::str::FromStr;

use ndarray::{ArrayD, ArrayView1, Axis};

use crate::{Error, Result};

/// A function from the scores along an axis to one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AggregationFunction {
    /// Their mean.
    Mean,
    /// Their sum.
    Sum,
    /// Their product.
    Prod,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// The one with the greatest absolute value, with its sign.
    AbsMax,
    /// Their vector norm.
    VectorNorm {
        /// 1 for the sum of absolute values, 2 for the Euclidean norm, infinity for the greatest absolute value.
        order: f32,
    },
}

impl AggregationFunction {
    /// The reference's names.
    pub const NAMES: [&'static str; 7] = ["mean", "max", "min", "sum", "prod", "absmax", "vnorm"];

    /// Replaces the last axis by its aggregate. NaN makes the aggregate NaN.
    pub fn apply(&self, scores: &ArrayD<f32>) -> ArrayD<f32> {
        let axis = Axis(scores.ndim().saturating_sub(1));
        scores.map_axis(axis, |row| self.of(row))
    }

    fn of(&self, row: ArrayView1<f32>) -> f32 {
        // NaN wins, as in PyTorch.
        let pick = |better: fn(f32, f32) -> bool| {
            row.iter().copied().reduce(|a, b| if a.is_nan() || (!b.is_nan() && !better(b, a)) { a } else { b })
        };
        let sum = |f: &dyn Fn(f64) -> f64| row.iter().map(|&v| f(f64::from(v))).sum::<f64>();
        match *self {
            Self::Mean => (sum(&|v| v) / row.len() as f64) as f32,
            Self::Sum => sum(&|v| v) as f32,
            Self::Prod => row.iter().map(|&v| f64::from(v)).product::<f64>() as f32,
            Self::Min => pick(|b, a| b < a).unwrap_or(f32::NAN),
            Self::Max => pick(|b, a| b > a).unwrap_or(f32::NAN),
            Self::AbsMax => {
                // As in the reference, NaN counts as 0 here.
                let size = |v: f32| if v.is_nan() { 0.0 } else { v.abs() };
                row.iter().copied().reduce(|a, b| if size(b) > size(a) { b } else { a }).unwrap_or(f32::NAN)
            }
            Self::VectorNorm { order } if order == 2.0 => sum(&|v| v * v).sqrt() as f32,
            Self::VectorNorm { order } if order == 1.0 => sum(&f64::abs) as f32,
            Self::VectorNorm { order } if order == f32::INFINITY => {
                row.iter().map(|v| v.abs()).reduce(|a, b| if a.is_nan() || a > b { a } else { b }).unwrap_or(0.0)
            }
            Self::VectorNorm { order } => {
                let order = f64::from(order);
                sum(&|v| v.abs().powf(order)).powf(1.0 / order) as f32
            }
        }
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
            "vnorm" => Self::VectorNorm { order: 2.0 },
            _ => {
                return Err(Error::Invalid(format!(
                    "unknown aggregation function `{name}`; known: {}",
                    Self::NAMES.join(", ")
                )));
            }
        })
    }
}
