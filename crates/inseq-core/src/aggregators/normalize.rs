//! Scaling of source and target scores together.

use ndarray::{ArrayD, ArrayViewMutD, Axis, RemoveAxis, Zip};

use crate::{Error, Result};

/// Smallest divisor, so that rows of zeros stay zeros.
const SMALLEST_SUM: f64 = 1e-12;

/// Divides each step's scores by the sum of their absolute values, over all arrays together.
///
/// NaN scores do not count and stay NaN.
///
/// # Shapes
/// Each array `[..., attributed, ...]` with `attributed` at `axis` and all other axes equal.
pub(super) fn normalize(arrays: &mut [&mut ArrayD<f32>], axis: Axis) -> Result<()> {
    // Of an array without rows, the other axes may claim any length.
    let Some(first) = arrays.iter().find(|array| !array.is_empty()) else { return Ok(()) };
    let mut sums = ArrayD::<f64>::zeros(first.raw_dim().remove_axis(axis));
    for array in arrays.iter() {
        for row in array.axis_iter(axis) {
            if row.shape() != sums.shape() {
                return Err(Error::Invalid(format!(
                    "source and target scores cannot be normalized together: apart from the attributed tokens, their \
                     shapes are {:?} and {:?}",
                    sums.shape(),
                    row.shape()
                )));
            }
            Zip::from(&mut sums).and(&row).for_each(|sum, &x| {
                if !x.is_nan() {
                    *sum += f64::from(x).abs();
                }
            });
        }
    }
    let divide = |mut row: ArrayViewMutD<'_, f32>| {
        Zip::from(&mut row).and(&sums).for_each(|x, &sum| *x = (f64::from(*x) / sum.max(SMALLEST_SUM)) as f32);
    };
    for array in arrays.iter_mut() {
        array.axis_iter_mut(axis).for_each(divide);
    }
    Ok(())
}

/// Divides all scores by their largest absolute value; scores that are all 0 stay 0.
pub(super) fn rescale(arrays: &mut [&mut ArrayD<f32>]) {
    let largest = arrays.iter().flat_map(|array| array.iter()).fold(0.0_f32, |largest, x| largest.max(x.abs()));
    if largest > 0.0 {
        arrays.iter_mut().for_each(|array| array.mapv_inplace(|x| x / largest));
    }
}
