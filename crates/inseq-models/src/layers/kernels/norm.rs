//! Normalization and its pullback.

use burn::tensor::Tensor;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::host::{HostTensor, is_host};
use super::{TASK, dot, sum, values_mut};

/// Each row of `[batch, row, feature]` centred (where asked for) and divided by its deviation, and one over the deviation,
/// `[batch, row, 1]`.
pub(in crate::layers) fn normalize(x: Tensor<3>, centred: bool, epsilon: f64) -> (Tensor<3>, Tensor<3>) {
    let x = if centred { x.clone() - x.mean_dim(2) } else { x };
    let inverse_deviation = (x.clone().square().mean_dim(2) + epsilon).sqrt().recip();
    (x * inverse_deviation.clone(), inverse_deviation)
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
/// Cotangents `[batch, probe, row, feature]`; the traces the same or with a probe axis of 1.
pub(in crate::layers) fn norm_pullback(
    cotangent: Tensor<4>,
    gain: &Tensor<1>,
    normalized: Tensor<4>,
    inverse_deviation: Tensor<4>,
    centred: bool,
) -> Tensor<4> {
    let traces = HostTensor::of(gain).zip(HostTensor::of(&normalized)).zip(HostTensor::of(&inverse_deviation));
    let Some(((gain, along_trace), inverse)) = traces.filter(|_| is_host(&cotangent)) else {
        let scaled = cotangent * gain.clone().unsqueeze();
        let along = (scaled.clone() * normalized.clone()).mean_dim(3);
        let scaled = if centred { scaled.clone() - scaled.mean_dim(3) } else { scaled };
        return (scaled - normalized * along) * inverse_deviation;
    };
    let device = cotangent.device();
    let [_, probes, rows, features] = cotangent.dims();
    let shared = normalized.dims()[1] == 1;
    let mut data = cotangent.into_data();
    let (gain, normalized, inverse): (&[f32], &[f32], &[f32]) = (&gain, &along_trace, &inverse);
    let group = (TASK / features.max(1)).max(1);
    values_mut(&mut data).par_chunks_mut(features * group).enumerate().for_each(|(task, chunk)| {
        for (i, cotangents) in chunk.chunks_mut(features).enumerate() {
            let row = task * group + i;
            let trace = if shared { row / (probes * rows) * rows + row % rows } else { row };
            let normalized = &normalized[trace * features..(trace + 1) * features];
            Arch::new().dispatch(NormPullback { cotangents, gain, normalized, inverse: inverse[trace], centred });
        }
    });
    Tensor::from_data(data, &device)
}
