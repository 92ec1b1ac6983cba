//! Element-wise products with traces, and rotations.

use burn::tensor::{Tensor, TensorData};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::TASK;
use super::host::{HostTensor, changed};

/// The products of cotangents `[batch, probe, row, inner]` and each of the `k` parts of a trace
/// `[batch, probe or 1, row, k * inner]`: `[batch, probe, row, k * inner]`.
pub(in crate::layers) fn times_trace(cotangent: Tensor<4>, trace: Tensor<4>) -> Tensor<4> {
    let [batch, probes, rows, inner] = cotangent.dims();
    let [_, of_probes, _, outer] = trace.dims();
    let parts = outer / inner.max(1);
    let portable = |cotangent: Tensor<4>| {
        let repeated = if parts == 1 { cotangent } else { cotangent.repeat_dim(3, parts) };
        repeated * trace.clone()
    };
    let Some(values) = HostTensor::of(&trace) else { return portable(cotangent) };
    let device = cotangent.device();
    let shared = of_probes == 1;
    let values: &[f32] = &values;
    let row_of = |row: usize| if shared { row / (probes * rows) * rows + row % rows } else { row };
    let group = (TASK / outer.max(1)).max(1);
    if parts == 1 {
        let rows = |cotangents: &mut [f32]| {
            cotangents.par_chunks_mut(inner * group).enumerate().for_each(|(task, chunk)| {
                for (i, row) in chunk.chunks_mut(inner).enumerate() {
                    let trace = row_of(task * group + i);
                    Arch::new().dispatch(Times { values: row, by: &values[trace * inner..(trace + 1) * inner] });
                }
            });
        };
        return changed(cotangent, rows, portable);
    }
    let Some(cotangents) = HostTensor::of(&cotangent) else { return portable(cotangent) };
    let cotangents: &[f32] = &cotangents;
    let mut product = vec![0f32; batch * probes * rows * outer];
    product.par_chunks_mut(outer * group).enumerate().for_each(|(task, chunk)| {
        for (i, row) in chunk.chunks_mut(outer).enumerate() {
            let index = task * group + i;
            let trace = &values[row_of(index) * outer..(row_of(index) + 1) * outer];
            let cotangent = &cotangents[index * inner..(index + 1) * inner];
            for (part, trace) in row.chunks_mut(inner).zip(trace.chunks(inner)) {
                part.copy_from_slice(cotangent);
                Arch::new().dispatch(Times { values: part, by: trace });
            }
        }
    });
    Tensor::from_data(TensorData::new(product, [batch, probes, rows, outer]), &device)
}

struct Times<'a> {
    values: &'a mut [f32],
    by: &'a [f32],
}

impl WithSimd for Times<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (value, by) in self.values.iter_mut().zip(self.by) {
            *value *= by;
        }
    }
}

/// Rotates the first `2 * pair` features of every head of `[batch, probe, row, head, head_dim]` by angles with the given
/// cosines and sines, `[batch or 1, probe or 1, row, pair]`.
pub(in crate::layers) fn rotate(x: Tensor<5>, cosines: Tensor<4>, sines: Tensor<4>) -> Tensor<5> {
    let [_, probes, rows, heads, head_dim] = x.dims();
    let [entries, of_probes, _, pairs] = cosines.dims();
    let tables = HostTensor::of(&cosines).zip(HostTensor::of(&sines));
    let portable = |x: Tensor<5>| {
        let (cosines, sines) = (cosines.clone().unsqueeze_dim::<5>(3), sines.clone().unsqueeze_dim::<5>(3));
        let first = x.clone().narrow(4, 0, pairs);
        let second = x.clone().narrow(4, pairs, pairs);
        let mut parts =
            vec![first.clone() * cosines.clone() - second.clone() * sines.clone(), second * cosines + first * sines];
        if head_dim > 2 * pairs {
            parts.push(x.narrow(4, 2 * pairs, head_dim - 2 * pairs));
        }
        Tensor::cat(parts, 4)
    };
    let Some((cosines, sines)) = tables else { return portable(x) };
    let (cosines, sines): (&[f32], &[f32]) = (&cosines, &sines);
    let row = (heads * head_dim).max(1);
    let group = (TASK / row).max(1);
    let rotated = |values: &mut [f32]| {
        values.par_chunks_mut(row * group).enumerate().for_each(|(task, chunk)| {
            for (i, values) in chunk.chunks_mut(row).enumerate() {
                let index = task * group + i;
                let (entry, probe, at) = (index / (probes * rows), index / rows % probes, index % rows);
                let angle = (entry.min(entries - 1) * of_probes + probe.min(of_probes - 1)) * rows + at;
                let angle = angle * pairs..(angle + 1) * pairs;
                let (cosines, sines) = (&cosines[angle.clone()], &sines[angle]);
                Arch::new().dispatch(Rotate { values, head_dim, cosines, sines });
            }
        });
    };
    changed(x, rotated, portable)
}

struct Rotate<'a> {
    values: &'a mut [f32],
    head_dim: usize,
    cosines: &'a [f32],
    sines: &'a [f32],
}

impl WithSimd for Rotate<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let pairs = self.cosines.len();
        for head in self.values.chunks_mut(self.head_dim) {
            let (first, rest) = head.split_at_mut(pairs);
            for (((a, b), cosine), sine) in first.iter_mut().zip(rest).zip(self.cosines).zip(self.sines) {
                (*a, *b) = (*a * cosine - *b * sine, *b * cosine + *a * sine);
            }
        }
    }
}
