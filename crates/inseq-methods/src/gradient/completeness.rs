//! Sums of gradients along a path.

use burn::tensor::Tensor;
use inseq_models::model::InputCotangents;
use ndarray::Array1;

use crate::method::Attributions;

/// The weighted sum over entries, as one entry.
pub(crate) fn weighted(gradients: InputCotangents, weights: &[f32]) -> InputCotangents {
    let sum = |gradient: Tensor<4>| {
        let [entries, probes, rows, features] = gradient.dims();
        let weights = Tensor::<1>::from_data(weights, &gradient.device()).cast(gradient.dtype());
        // A product with a row of weights reads each gradient once.
        let flat = gradient.reshape([entries, probes * rows * features]);
        weights.reshape([1, entries]).matmul(flat).reshape([1, probes, rows, features])
    };
    InputCotangents { source: gradients.source.map(sum), target: gradients.target.map(sum) }
}

/// For each step, the sum of its scores minus the difference that completeness requires.
pub(crate) fn delta(result: &Attributions, start: &[f32], end: &[f32]) -> Array1<f32> {
    let mut sums = vec![0f64; start.len()];
    for array in [&result.source, &result.target].into_iter().flatten() {
        for rows in array.axis_iter(ndarray::Axis(0)) {
            for (sum, row) in sums.iter_mut().zip(rows.axis_iter(ndarray::Axis(0))) {
                *sum += row.iter().map(|v| f64::from(*v)).sum::<f64>();
            }
        }
    }
    sums.iter().zip(start.iter().zip(end)).map(|(sum, (s, e))| (sum - f64::from(e - s)) as f32).collect()
}
