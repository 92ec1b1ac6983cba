//! Softmax, its logarithm, and its pullback.

use burn::tensor::{Tensor, activation as burn_activation};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::host::{HostTensor, changed};
use super::{TASK, dot, exp, maximum, sum};

/// Softmax over the keys of scores `[batch, head, query, key]` plus `bias` `[batch or 1, head or 1, query, key]`.
pub(in crate::layers) fn softmax(scores: Tensor<4>, bias: Option<&Tensor<4>>) -> Tensor<4> {
    let bias_values = bias.map(HostTensor::of);
    if matches!(bias_values, Some(None)) {
        return portable_softmax(scores, bias);
    }
    let [_, heads, queries, keys] = scores.dims();
    let bias_values = bias_values.flatten();
    let values = bias.zip(bias_values.as_deref()).map(|(bias, values)| (bias.dims(), values));
    let group = (TASK / keys.max(1)).max(1);
    let rows = |scores: &mut [f32]| {
        scores.par_chunks_mut(keys.max(1) * group).enumerate().for_each(|(task, chunk)| {
            for (i, row) in chunk.chunks_mut(keys.max(1)).enumerate() {
                let index = task * group + i;
                let (entry, head, query) = (index / (heads * queries), index / queries % heads, index % queries);
                let bias = values.map_or(&[][..], |([entries, of_heads, _, _], values)| {
                    let row = (entry.min(entries - 1) * of_heads + head.min(of_heads - 1)) * queries + query;
                    &values[row * keys..(row + 1) * keys]
                });
                Arch::new().dispatch(Softmax { row, bias });
            }
        });
    };
    changed(scores, rows, |scores| portable_softmax(scores, bias))
}

fn portable_softmax(scores: Tensor<4>, bias: Option<&Tensor<4>>) -> Tensor<4> {
    let scores = match bias {
        Some(bias) => {
            let bias = bias.clone();
            let cast = bias.dtype() != scores.dtype();
            let bias = if cast { bias.cast(scores.dtype()) } else { bias };
            scores + bias
        }
        None => scores,
    };
    burn_activation::softmax(scores, 3)
}

struct Softmax<'a> {
    row: &'a mut [f32],
    /// Has the length of the row, or is empty.
    bias: &'a [f32],
}

impl WithSimd for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { row, bias } = self;
        for (x, bias) in row.iter_mut().zip(bias) {
            *x += bias;
        }
        let max = maximum(row);
        for x in row.iter_mut() {
            *x = exp(*x - max);
        }
        let scale = 1.0 / sum(row);
        for x in row {
            *x *= scale;
        }
    }
}

struct SoftmaxPullback<'a> {
    cotangents: &'a mut [f32],
    weights: &'a [f32],
    keys: usize,
}

impl WithSimd for SoftmaxPullback<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (d, w) in self.cotangents.chunks_mut(self.keys).zip(self.weights.chunks(self.keys)) {
            let total = dot(d, w);
            for (d, w) in d.iter_mut().zip(w) {
                *d = *w * (*d - total);
            }
        }
    }
}

/// The pullback of a softmax over the last axis: `w (dw - sum(dw w))`.
///
/// Cotangents have the shape `[batch, head, probe, row, key]`; weights have the same shape or a probe axis of 1.
pub(in crate::layers) fn softmax_pullback(cotangent: Tensor<5>, weights: Tensor<5>) -> Tensor<5> {
    let portable = |cotangent: Tensor<5>| {
        let product = cotangent * weights.clone();
        let total = product.clone().sum_dim(4);
        product - weights.clone() * total
    };
    let Some(trace) = HostTensor::of(&weights) else { return portable(cotangent) };
    let [_, _, probes, rows, keys] = cotangent.dims();
    let shared = weights.dims()[2] == 1;
    let all: &[f32] = &trace;
    // One task is one probe's rows, so that a shared trace is found by the probe's group.
    let block = (rows * keys).max(1);
    let group = (TASK / block).max(1);
    let rows = |cotangents: &mut [f32]| {
        cotangents.par_chunks_mut(block * group).enumerate().for_each(|(task, chunk)| {
            for (i, cotangents) in chunk.chunks_mut(block).enumerate() {
                let index = task * group + i;
                let start = if shared { index / probes } else { index } * block;
                Arch::new().dispatch(SoftmaxPullback { cotangents, weights: &all[start..start + block], keys });
            }
        });
    };
    changed(cotangent, rows, portable)
}

/// Turns scores into log probabilities.
pub(crate) fn log_softmax_row(row: &mut [f32]) {
    Arch::new().dispatch(LogSoftmax(row));
}

struct LogSoftmax<'a>(&'a mut [f32]);

impl WithSimd for LogSoftmax<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let row = self.0;
        let max = maximum(row);
        // A row without a finite maximum has no distribution, and stays as it is.
        if !max.is_finite() {
            return;
        }
        let mut lanes = [0f32; 16];
        let (head, tail) = row.as_chunks::<16>();
        for chunk in head {
            for (lane, x) in lanes.iter_mut().zip(chunk) {
                *lane += exp(x - max);
            }
        }
        let mut total: f32 = lanes.iter().sum();
        for x in tail {
            total += exp(x - max);
        }
        let shift = max + total.ln();
        for x in row {
            *x -= shift;
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn softmax_with_a_bias_equals_the_formula() {
        let Ok(device) = crate::device::parse("flex") else { return };
        let values = |shape: [usize; 4], device: &Device| {
            let count = shape.iter().product::<usize>();
            let values: Vec<f32> = (0..count).map(|i| ((i * 37) % 29) as f32 / 5.0 - 3.0).collect();
            Tensor::<1>::from_data(values.as_slice(), device).reshape(shape)
        };
        for bias in [[1, 1, 3, 21], [2, 1, 3, 21], [1, 4, 3, 21], [2, 4, 3, 21]] {
            let (scores, bias) = (values([2, 4, 3, 21], &device), values(bias, &device));
            let expected = burn_activation::softmax(scores.clone() + bias.clone(), 3);
            let difference: f32 = (softmax(scores, Some(&bias)) - expected).abs().max().into_scalar();
            assert!(difference < 1e-6, "{difference}");
        }
    }

    #[test]
    fn log_softmax_sums_to_one() {
        let mut row: Vec<f32> = (0..1003).map(|i| ((i * 31) % 97) as f32 / 7.0 - 5.0).collect();
        let exact: f64 = row.iter().map(|x| f64::from(*x).exp()).sum();
        let first = f64::from(row[0]) - exact.ln();
        log_softmax_row(&mut row);
        assert!((f64::from(row[0]) - first).abs() < 1e-5);
        let mut hopeless = [f32::NEG_INFINITY; 20];
        log_softmax_row(&mut hopeless);
        assert!(hopeless.iter().all(|x| *x == f32::NEG_INFINITY));
    }
}
