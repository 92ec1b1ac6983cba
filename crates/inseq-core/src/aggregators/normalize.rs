//! Scores of a step made comparable.

use ndarray::{ArrayD, Axis};

use super::Normalization;

/// Normalizes each step's scores (and each entry of further axes) over source and target together. NaN, which marks
/// what a step could not see, stays and counts for nothing.
pub(super) fn normalize(
    normalization: Normalization,
    source: Option<&mut ArrayD<f32>>,
    target: Option<&mut ArrayD<f32>>,
) {
    if normalization == Normalization::None {
        return;
    }
    let mut sides: Vec<&mut ArrayD<f32>> = source.into_iter().chain(target).collect();
    if normalization == Normalization::GreatestToOne {
        let greatest = sides.iter().flat_map(|array| array.iter()).map(|v| v.abs()).fold(0f32, f32::max);
        sides.iter_mut().for_each(|array| array.mapv_inplace(|v| v / greatest));
        return;
    }
    let mut total: Option<ArrayD<f64>> = None;
    for array in &sides {
        let sums =
            array.map_axis(Axis(0), |column| column.iter().filter(|v| !v.is_nan()).map(|v| f64::from(v.abs())).sum());
        total = Some(total.map_or(sums.clone(), |t| t + sums));
    }
    let Some(total) = total else { return };
    for array in &mut sides {
        for mut row in array.axis_iter_mut(Axis(0)) {
            // The least divisor is PyTorch's.
            ndarray::Zip::from(&mut row)
                .and(&total)
                .for_each(|v, total| *v = (f64::from(*v) / total.max(1e-12)) as f32);
        }
    }
}
