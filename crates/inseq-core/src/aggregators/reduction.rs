//! Arithmetic of the aggregation functions, in lanes that the compiler can vectorize, over many rows in parallel.
//!
//! Scores of every feature of a long text fill gigabytes, and each score needs few operations. The code therefore aims to read
//! them at the speed of the memory.

use std::fmt;

use ndarray::{ArrayD, IxDyn};
use pulp::{Arch, NullaryFnOnce};
use rayon::iter::{IndexedParallelIterator as _, ParallelIterator as _};
use rayon::slice::{ParallelSlice as _, ParallelSliceMut as _};

use super::AggregationFunction;
use crate::{Error, Result};

/// Number of scores that are processed together; enough to fill the vector registers of any processor.
const LANES: usize = 16;

/// Smallest number of scores that one task reduces: 256 KiB.
const TASK: usize = 1 << 16;

impl AggregationFunction {
    /// Reduces `scores` to one score; `None` for an empty slice, except for sum (0), product (1) and mean (NaN).
    pub fn apply(self, scores: &[f32]) -> Option<f32> {
        match (self, scores.is_empty()) {
            (_, false) => Some(reduce(self, scores)),
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
        self.checked()?;
        reduce_last_axis(scores, &self, |values, n| reduce_rows(self, values, n))
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

/// Reduces each row of `n` scores.
///
/// # Shapes
/// `[row * n]` to `[row]`; `n` is not 0.
fn reduce_rows(function: AggregationFunction, scores: &[f32], n: usize) -> Vec<f32> {
    let mut reduced = vec![0.0; scores.len() / n];
    let rows = (TASK / n).max(1);
    let task = |(reduced, scores): (&mut [f32], &[f32])| Arch::new().dispatch(Rows { function, scores, n, reduced });
    if scores.len() <= TASK {
        task((&mut reduced, scores));
    } else {
        reduced.par_chunks_mut(rows).zip(scores.par_chunks(rows * n)).for_each(task);
    }
    reduced
}

/// Rows that are reduced with the widest instructions of the current processor.
struct Rows<'a> {
    function: AggregationFunction,
    scores: &'a [f32],
    n: usize,
    reduced: &'a mut [f32],
}

impl NullaryFnOnce for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (reduced, row) in self.reduced.iter_mut().zip(self.scores.chunks_exact(self.n)) {
            *reduced = reduce(self.function, row);
        }
    }
}

/// Reduces `scores`, which are not empty, to one score.
#[inline(always)]
fn reduce(function: AggregationFunction, scores: &[f32]) -> f32 {
    match function {
        AggregationFunction::Mean => (sum(scores, f64::from) / scores.len() as f64) as f32,
        AggregationFunction::Sum => sum(scores, f64::from) as f32,
        AggregationFunction::Prod => product(scores) as f32,
        AggregationFunction::Min => extreme(scores, |x| x, |x, best| x < best),
        AggregationFunction::Max => extreme(scores, |x| x, |x, best| x > best),
        AggregationFunction::AbsMax => abs_max(scores),
        AggregationFunction::VectorNorm { order } => vector_norm(scores, order),
    }
}

#[inline(always)]
fn sum(scores: &[f32], term: impl Fn(f32) -> f64) -> f64 {
    let (chunks, rest) = scores.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane += term(x);
        }
    }
    lanes.iter().sum::<f64>() + rest.iter().map(|&x| term(x)).sum::<f64>()
}

#[inline(always)]
fn product(scores: &[f32]) -> f64 {
    let (chunks, rest) = scores.as_chunks::<LANES>();
    let mut lanes = [1.0; LANES];
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane *= f64::from(x);
        }
    }
    lanes.iter().product::<f64>() * rest.iter().map(|&x| f64::from(x)).product::<f64>()
}

/// The value of the score that `better` prefers to all others, or NaN if there is one.
#[inline(always)]
fn extreme(scores: &[f32], value: impl Fn(f32) -> f32, better: impl Fn(f32, f32) -> bool) -> f32 {
    let choose = |best: f32, x: f32| if better(x, best) || x.is_nan() { x } else { best };
    let (chunks, rest) = scores.as_chunks::<LANES>();
    let mut lanes = [value(scores[0]); LANES];
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane = choose(*lane, value(x));
        }
    }
    rest.iter().map(|&x| value(x)).chain(lanes).fold(lanes[0], choose)
}

/// The first score with the largest absolute value; NaN counts as 0, and infinity as the largest number, as in the reference.
#[inline(always)]
fn abs_max(scores: &[f32]) -> f32 {
    let size = |x: f32| if x.is_nan() { 0.0 } else { x.abs().min(f32::MAX) };
    let largest = extreme(scores, size, |x, best| x > best);
    scores.iter().copied().find(|&x| size(x) == largest).unwrap_or(f32::NAN)
}

#[inline(always)]
fn vector_norm(scores: &[f32], order: f64) -> f32 {
    let magnitude = |x: f32| f64::from(x).abs();
    let norm = if order == 2.0 {
        sum(scores, |x| f64::from(x) * f64::from(x)).sqrt()
    } else if order == 1.0 {
        sum(scores, magnitude)
    } else if order == 0.0 {
        // What is not a number is not counted as one other than 0.
        sum(scores, |x| if x.is_nan() { f64::NAN } else { f64::from(u8::from(x != 0.0)) })
    } else if order == f64::INFINITY {
        return extreme(scores, f32::abs, |x, best| x > best);
    } else if order == f64::NEG_INFINITY {
        return extreme(scores, f32::abs, |x, best| x < best);
    } else {
        sum(scores, |x| magnitude(x).powf(order)).powf(1.0 / order)
    };
    norm as f32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
        for order in [0.0, 1.0, 3.0, f64::INFINITY, f64::NEG_INFINITY] {
            let norm = AggregationFunction::VectorNorm { order };
            assert!(norm.apply(&scores).is_some_and(f32::is_nan), "order {order}");
        }
        assert_eq!(AggregationFunction::AbsMax.apply(&scores), Some(-2.0));
    }

    #[test]
    fn a_norm_has_an_order() {
        let norm = AggregationFunction::VectorNorm { order: f64::NAN };
        let error = norm.reduce_last_axis(&ArrayD::zeros(IxDyn(&[2, 3]))).unwrap_err();
        assert!(matches!(&error, Error::Argument { name, .. } if name == "order"), "{error:?}");
    }

    #[test]
    fn an_axis_without_scores_is_an_error() {
        let nothing = ArrayD::zeros(IxDyn(&[2, 3, 0]));
        for function in [AggregationFunction::Mean, AggregationFunction::Max, AggregationFunction::VNORM] {
            let error = function.reduce_last_axis(&nothing).map_err(|error| error.to_string());
            assert_eq!(error, Err(format!("`{function}` of an axis of length 0, in scores of shape [2, 3, 0]")));
        }
    }

    /// The same reduction by its definition, one score after another.
    fn plain(function: AggregationFunction, scores: &[f32]) -> f32 {
        let precise = || scores.iter().map(|&x| f64::from(x));
        let nan = |extreme: f32| if scores.iter().any(|x| x.is_nan()) { f32::NAN } else { extreme };
        match function {
            AggregationFunction::Mean => (precise().sum::<f64>() / scores.len() as f64) as f32,
            AggregationFunction::Sum => precise().sum::<f64>() as f32,
            AggregationFunction::Prod => precise().product::<f64>() as f32,
            AggregationFunction::Min => nan(scores.iter().copied().fold(f32::INFINITY, f32::min)),
            AggregationFunction::Max => nan(scores.iter().copied().fold(f32::NEG_INFINITY, f32::max)),
            AggregationFunction::AbsMax => {
                let zeroed = |x: f32| if x.is_nan() { 0.0 } else { x.abs() };
                scores
                    .iter()
                    .copied()
                    .reduce(|best, x| if zeroed(x) > zeroed(best) { x } else { best })
                    .unwrap_or(f32::NAN)
            }
            AggregationFunction::VectorNorm { .. } => precise().map(|x| x * x).sum::<f64>().sqrt() as f32,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn lanes_and_tasks_change_nothing(
            n in 1..100_usize,
            rows in prop_oneof![0..4_usize, 1_000..3_000_usize],
            pool in proptest::collection::vec(prop_oneof![20 => -2.0..2.0_f32, 1 => Just(f32::NAN), 1 => Just(0.0)], 61),
        ) {
            let scores: Vec<f32> = pool.iter().copied().cycle().take(n * rows).collect();
            for name in AggregationFunction::NAMES {
                let function: AggregationFunction = name.parse().expect("a known name");
                let reduced = reduce_rows(function, &scores, n);
                prop_assert_eq!(reduced.len(), rows);
                for (found, row) in reduced.iter().zip(scores.chunks_exact(n)) {
                    let expected = plain(function, row);
                    let close = (found - expected).abs() <= 1e-6 * expected.abs() || (found.is_nan() && expected.is_nan());
                    prop_assert!(close, "{name} of {row:?}: {found} instead of {expected}");
                }
            }
        }
    }
}
