//! Normalization and its pullback.

use burn::tensor::{Tensor, TensorData};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::host::{HostTensor, changed};
use super::{TASK, dot, sum, sum_of};

/// Three results: each row of `[batch, row, feature]`, centred if requested, divided by its deviation; the same times `gain`
/// plus `bias`, `[feature]`; and one over the deviation, `[batch, row, 1]`.
pub(in crate::layers) fn normalize(
    x: Tensor<3>,
    gain: &Tensor<1>,
    bias: Option<&Tensor<1>>,
    centred: bool,
    epsilon: f64,
) -> [Tensor<3>; 3] {
    let host_bias = bias.map(HostTensor::of);
    let host = HostTensor::of(&x).zip(HostTensor::of(gain)).filter(|_| !matches!(host_bias, Some(None)));
    let Some((values, gain)) = host else {
        let x = if centred { x.clone() - x.mean_dim(2) } else { x };
        let inverse_deviation = (x.clone().square().mean_dim(2) + epsilon).sqrt().recip();
        let normalized = x * inverse_deviation.clone();
        let y = normalized.clone() * gain.clone().unsqueeze();
        let y = match bias {
            Some(bias) => y + bias.clone().unsqueeze(),
            None => y,
        };
        return [normalized, y, inverse_deviation];
    };
    let (device, [batch, rows, features]) = (x.device(), x.dims());
    let (values, gain): (&[f32], &[f32]) = (&values, &gain);
    let bias = host_bias.flatten();
    let bias: &[f32] = bias.as_deref().unwrap_or_default();
    let mut normalized = vec![0f32; values.len()];
    let mut y = vec![0f32; values.len()];
    let mut inverse_deviation = vec![0f32; batch * rows];
    let group = (TASK / features.max(1)).max(1);
    let size = (features * group).max(1);
    let tasks =
        normalized.par_chunks_mut(size).zip(y.par_chunks_mut(size)).zip(inverse_deviation.par_chunks_mut(group));
    tasks.zip(values.par_chunks(size)).for_each(|(((normalized, y), inverse_deviation), x)| {
        let rows = normalized.chunks_mut(features).zip(y.chunks_mut(features)).zip(inverse_deviation);
        for (((normalized, y), inverse_deviation), x) in rows.zip(x.chunks(features)) {
            let row = Normalize { x, normalized, y, gain, bias, centred, epsilon };
            *inverse_deviation = Arch::new().dispatch(row);
        }
    });
    let tensor = |values, features| Tensor::from_data(TensorData::new(values, [batch, rows, features]), &device);
    [tensor(normalized, features), tensor(y, features), tensor(inverse_deviation, 1)]
}

struct Normalize<'a> {
    x: &'a [f32],
    normalized: &'a mut [f32],
    y: &'a mut [f32],
    gain: &'a [f32],
    /// Has the length of a row, or is empty.
    bias: &'a [f32],
    centred: bool,
    epsilon: f64,
}

impl WithSimd for Normalize<'_> {
    /// One over the deviation.
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f32 {
        let Self { x, normalized, y, gain, bias, centred, epsilon } = self;
        // Every value of a row has the mean's error and the deviation's, so that these are taken in double precision.
        let features = x.len() as f64;
        let mean = if centred { sum_of(x, |x| x) / features } else { 0.0 };
        for (n, x) in normalized.iter_mut().zip(x) {
            *n = (f64::from(*x) - mean) as f32;
        }
        let inverse = (sum_of(normalized, |n| n * n) / features + epsilon).sqrt().recip() as f32;
        for ((n, y), gain) in normalized.iter_mut().zip(y.iter_mut()).zip(gain) {
            *n *= inverse;
            *y = *n * gain;
        }
        for (y, bias) in y.iter_mut().zip(bias) {
            *y += bias;
        }
        inverse
    }
}

struct NormPullback<'a> {
    cotangents: &'a mut [f32],
    gain: &'a [f32],
    normalized: &'a [f32],
    inverse: f32,
    centred: bool,
}

impl WithSimd for NormPullback<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { cotangents, gain, normalized, inverse, centred } = self;
        for (d, g) in cotangents.iter_mut().zip(gain) {
            *d *= *g;
        }
        let features = cotangents.len() as f32;
        let mean = if centred { sum(cotangents) / features } else { 0.0 };
        let along = dot(cotangents, normalized) / features;
        for (d, n) in cotangents.iter_mut().zip(normalized) {
            *d = (*d - mean - n * along) * inverse;
        }
    }
}

/// The pullback of a normalization (see [`super::super::Norm::pullback`]).
///
/// Cotangents have the shape `[batch, probe, row, feature]`; traces have the same shape or a probe axis of 1.
pub(in crate::layers) fn norm_pullback(
    cotangent: Tensor<4>,
    gain: &Tensor<1>,
    normalized: Tensor<4>,
    inverse_deviation: Tensor<4>,
    centred: bool,
) -> Tensor<4> {
    let traces = HostTensor::of(gain).zip(HostTensor::of(&normalized)).zip(HostTensor::of(&inverse_deviation));
    let portable = |cotangent: Tensor<4>| {
        let scaled = cotangent * gain.clone().unsqueeze();
        let along = (scaled.clone() * normalized.clone()).mean_dim(3);
        let scaled = if centred { scaled.clone() - scaled.mean_dim(3) } else { scaled };
        (scaled - normalized.clone() * along) * inverse_deviation.clone()
    };
    let Some(((gain, along_trace), inverse)) = traces else { return portable(cotangent) };
    let [_, probes, rows, features] = cotangent.dims();
    let shared = normalized.dims()[1] == 1;
    let (gain, normalized, inverse): (&[f32], &[f32], &[f32]) = (&gain, &along_trace, &inverse);
    let group = (TASK / features.max(1)).max(1);
    let pulled = |cotangents: &mut [f32]| {
        cotangents.par_chunks_mut(features * group).enumerate().for_each(|(task, chunk)| {
            for (i, cotangents) in chunk.chunks_mut(features).enumerate() {
                let row = task * group + i;
                let trace = if shared { row / (probes * rows) * rows + row % rows } else { row };
                let normalized = &normalized[trace * features..(trace + 1) * features];
                Arch::new().dispatch(NormPullback { cotangents, gain, normalized, inverse: inverse[trace], centred });
            }
        });
    };
    changed(cotangent, pulled, portable)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEATURES: usize = 37;

    /// A common offset leaves few digits for what differs.
    #[test]
    fn rows_are_normalized_as_in_double_precision() {
        let device = crate::device::parse("auto").unwrap();
        let values: Vec<f32> = (0..3 * FEATURES).map(|i| ((i * 37 % 41) as f32 - 20.0) / 16.0 + 50.0).collect();
        let [x, gain, bias] = [0..3 * FEATURES, 0..FEATURES, 5..5 + FEATURES]
            .map(|range| Tensor::<1>::from_data(&values[range], &device));
        let x = x.reshape([1, 3, FEATURES]);
        for (centred, has_bias) in [(true, true), (true, false), (false, false)] {
            let bias = has_bias.then_some(&bias);
            let found = normalize(x.clone(), &gain, bias, centred, 1e-5);
            // What takes part in autodiff goes by Burn's operations, in single precision.
            let bias_of_graph = bias.map(|bias| bias.clone().autodiff());
            let by_burn =
                normalize(x.clone().autodiff(), &gain.clone().autodiff(), bias_of_graph.as_ref(), centred, 1e-5);
            let by_burn = by_burn.map(Tensor::inner);
            for (row, x) in values.chunks(FEATURES).enumerate() {
                let x: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
                let mean = if centred { x.iter().sum::<f64>() / FEATURES as f64 } else { 0.0 };
                let square = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / FEATURES as f64;
                let inverse = (square + 1e-5).sqrt().recip();
                for (results, tolerance) in [(&found, 2e-7), (&by_burn, 5e-4)] {
                    let [normalized, y, deviation] =
                        results.each_ref().map(|x| x.clone().narrow(1, row, 1).try_into_vec_as::<f32>().unwrap());
                    let near = |a: f32, b: f64, scale: f64| {
                        assert!((f64::from(a) - b).abs() <= tolerance * scale.max(1.0), "{a} for {b}")
                    };
                    near(deviation[0], inverse, inverse);
                    for (feature, x) in x.iter().enumerate() {
                        let n = (x - mean) * inverse;
                        near(normalized[feature], n, n.abs());
                        let scaled = n * f64::from(values[feature]);
                        let bias = if has_bias { f64::from(values[5 + feature]) } else { 0.0 };
                        near(y[feature], scaled + bias, scaled.abs() + bias.abs());
                    }
                }
            }
        }
    }
}
