//! The product with a transposed weight.
//!
//! `gemm` copies a transposed right-hand side into its panels against the grain, which for few rows costs many times the
//! product itself. Where rows are few, dot products of rows of both sides, four by four in registers, read everything
//! along its grain, the weight once.

use burn::tensor::{Tensor, TensorData};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::host::HostTensor;

/// Above this many rows `gemm`'s copy of the weight pays off.
const FEW_ROWS: usize = 100;

/// Lanes of a sum: two vectors of AVX2, one of AVX-512.
const LANES: usize = 16;

/// Rows of the weight that a task takes.
const TASK: usize = 32;

/// `x W^T` for `x` `[row, input]` and `weight` `[output, input]`.
pub(in crate::layers) fn product_with_transposed(x: Tensor<2>, weight: &Tensor<2>) -> Tensor<2> {
    let [rows, inner] = x.dims();
    let outputs = weight.dims()[0];
    if rows <= FEW_ROWS
        && let (Some(left), Some(right)) = (HostTensor::of(&x), HostTensor::of(weight))
    {
        let device = x.device();
        let product = TensorData::new(few_rows(&left, &right, rows, inner, outputs), [rows, outputs]);
        return Tensor::from_data(product, &device);
    }
    x.matmul(weight.clone().transpose())
}

fn few_rows(x: &[f32], weight: &[f32], rows: usize, inner: usize, outputs: usize) -> Vec<f32> {
    let mut transposed = vec![0f32; outputs * rows];
    let run = |(task, out): (usize, &mut [f32])| {
        let from = task * TASK;
        let weight = &weight[from * inner..(from + out.len() / rows) * inner];
        Arch::new().dispatch(Outputs { x, weight, rows, inner, out });
    };
    if rows * inner * outputs < 1 << 18 {
        transposed.chunks_mut(TASK * rows).enumerate().for_each(run);
    } else {
        transposed.par_chunks_mut(TASK * rows).enumerate().for_each(run);
    }
    if rows == 1 {
        return transposed;
    }
    let mut product = vec![0f32; rows * outputs];
    product.par_chunks_mut(outputs).enumerate().for_each(|(row, out)| {
        for (out, column) in out.iter_mut().zip(transposed.chunks(rows)) {
            *out = column[row];
        }
    });
    product
}

/// Products of all rows of `x` with some rows of the weight; `out` is `[output, row]`.
struct Outputs<'a> {
    x: &'a [f32],
    weight: &'a [f32],
    rows: usize,
    inner: usize,
    out: &'a mut [f32],
}

impl WithSimd for Outputs<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { x, weight, rows, inner, out } = self;
        for (weights, out) in weight.chunks(4 * inner).zip(out.chunks_mut(4 * rows)) {
            if out.len() == 4 * rows {
                four_outputs(x, weights, rows, inner, out);
            } else {
                for (weight, out) in weights.chunks(inner).zip(out.chunks_mut(rows)) {
                    for (x, out) in x.chunks(inner).zip(out) {
                        *out = tile::<1, 1>(x, weight, inner)[0][0];
                    }
                }
            }
        }
    }
}

/// Products of all rows of `x` with four rows of the weight; `out` is `[4, row]`.
#[inline(always)]
fn four_outputs(x: &[f32], weights: &[f32], rows: usize, inner: usize, out: &mut [f32]) {
    let mut row = 0;
    while row + 4 <= rows {
        put(out, rows, row, &tile::<4, 4>(&x[row * inner..(row + 4) * inner], weights, inner));
        row += 4;
    }
    match rows - row {
        3 => put(out, rows, row, &tile::<3, 4>(&x[row * inner..], weights, inner)),
        2 => put(out, rows, row, &tile::<2, 4>(&x[row * inner..], weights, inner)),
        1 => put(out, rows, row, &tile::<1, 4>(&x[row * inner..], weights, inner)),
        _ => {}
    }
}

#[inline(always)]
fn put(out: &mut [f32], rows: usize, row: usize, sums: &[[f32; 4]]) {
    for (i, sums) in sums.iter().enumerate() {
        for (output, sum) in sums.iter().enumerate() {
            out[output * rows + row + i] = *sum;
        }
    }
}

/// Dot products of `M` rows of `x` with `N` rows of `w`.
#[inline(always)]
fn tile<const M: usize, const N: usize>(x: &[f32], w: &[f32], inner: usize) -> [[f32; N]; M] {
    let mut sums = [[[0f32; LANES]; N]; M];
    let whole = inner / LANES * LANES;
    let mut at = 0;
    while at < whole {
        let mut right = [[0f32; LANES]; N];
        for (j, right) in right.iter_mut().enumerate() {
            right.copy_from_slice(&w[j * inner + at..j * inner + at + LANES]);
        }
        for (i, sums) in sums.iter_mut().enumerate() {
            let left = &x[i * inner + at..i * inner + at + LANES];
            for (sums, right) in sums.iter_mut().zip(&right) {
                for lane in 0..LANES {
                    sums[lane] = left[lane].mul_add(right[lane], sums[lane]);
                }
            }
        }
        at += LANES;
    }
    let mut out = [[0f32; N]; M];
    for i in 0..M {
        for j in 0..N {
            let tail: f32 = (whole..inner).map(|k| x[i * inner + k] * w[j * inner + k]).sum();
            out[i][j] = sums[i][j].iter().sum::<f32>() + tail;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_rows_equal_a_plain_product() {
        for (rows, inner, outputs) in [(1, 16, 4), (3, 21, 7), (9, 64, 70), (5, 5, 1)] {
            let x: Vec<f32> = (0..rows * inner).map(|i| ((i * 37 % 19) as f32 - 9.0) / 8.0).collect();
            let w: Vec<f32> = (0..outputs * inner).map(|i| ((i * 53 % 23) as f32 - 11.0) / 8.0).collect();
            let product = few_rows(&x, &w, rows, inner, outputs);
            for row in 0..rows {
                for output in 0..outputs {
                    let expected: f32 = (0..inner).map(|k| x[row * inner + k] * w[output * inner + k]).sum();
                    assert!((product[row * outputs + output] - expected).abs() < 1e-4);
                }
            }
        }
    }
}
