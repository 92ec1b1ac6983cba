//! The product with a transposed weight.
//!
//! `gemm` copies a transposed right-hand side into its panels with strided reads, which for few rows costs many times the
//! product itself. For few rows, this kernel computes dot products of rows of both sides, a tile of them in registers. It reads
//! memory contiguously and the weight only once.

use burn::tensor::{Tensor, TensorData};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::host::HostTensor;

/// Largest number of rows for this kernel; with more rows, `gemm`'s copy of the weight pays off.
const FEW_ROWS: usize = 128;

/// Number of rows of the weight in a tile.
const TILE_OUTPUTS: usize = 4;

/// Number of rows of the weight per task.
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
    let panels = Arch::new().dispatch(Panels { x, rows, inner });
    let run = |(task, out): (usize, &mut [f32])| {
        let from = task * TASK;
        let weight = &weight[from * inner..(from + out.len() / rows) * inner];
        Arch::new().dispatch(Outputs { x, panels: &panels, weight, rows, inner, out });
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
    let together = rows.div_ceil(rayon::current_num_threads());
    product.par_chunks_mut(together * outputs).enumerate().for_each(|(part, out)| {
        for (task, columns) in transposed.chunks(TASK * rows).enumerate() {
            for (row, out) in out.chunks_mut(outputs).enumerate() {
                for (out, column) in out[task * TASK..].iter_mut().zip(columns.chunks_exact(rows)) {
                    *out = column[part * together + row];
                }
            }
        }
    });
    product
}

/// Number of rows of `x` in a tile, which leaves registers for the other values.
const fn tile_rows<S: Simd>() -> usize {
    if S::REGISTER_COUNT >= 32 { 6 } else { 3 }
}

/// `x` in panels with the rows of a tile, in which the same vector of each row is adjacent. Missing rows of the last panel are 0.
/// Features that do not fill a vector are omitted.
struct Panels<'a> {
    x: &'a [f32],
    rows: usize,
    inner: usize,
}

impl WithSimd for Panels<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Vec<f32> {
        let Self { x, rows, inner } = self;
        let (tile, lanes) = (tile_rows::<S>(), S::F32_LANES);
        let panel = tile * (inner / lanes * lanes);
        let mut panels = vec![0f32; rows.div_ceil(tile) * panel];
        for (row, x) in x.chunks_exact(inner.max(1)).enumerate() {
            let panel = &mut panels[row / tile * panel..][..panel];
            for (to, from) in panel.chunks_exact_mut(tile * lanes).zip(x.chunks_exact(lanes)) {
                to[row % tile * lanes..][..lanes].copy_from_slice(from);
            }
        }
        panels
    }
}

/// Products of all rows of `x` with some rows of the weight; `out` is `[output, row]`.
struct Outputs<'a> {
    x: &'a [f32],
    panels: &'a [f32],
    weight: &'a [f32],
    rows: usize,
    inner: usize,
    out: &'a mut [f32],
}

impl WithSimd for Outputs<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (inner, rows) = (self.inner, self.rows);
        let tiles = self.weight.chunks(TILE_OUTPUTS * inner);
        for (weights, out) in tiles.zip(self.out.chunks_mut(TILE_OUTPUTS * rows)) {
            if out.len() < TILE_OUTPUTS * rows {
                for (weight, out) in weights.chunks(inner).zip(out.chunks_mut(rows)) {
                    for (x, out) in self.x.chunks(inner).zip(out) {
                        *out = x.iter().zip(weight).map(|(a, b)| a * b).sum();
                    }
                }
            } else if tile_rows::<S>() == 6 {
                outputs_of_tile::<S, 6>(simd, self.x, self.panels, weights, [rows, inner], out);
            } else {
                outputs_of_tile::<S, 3>(simd, self.x, self.panels, weights, [rows, inner], out);
            }
        }
    }
}

/// Products of all rows of `x` with a tile's rows of the weight.
#[inline(always)]
fn outputs_of_tile<S: Simd, const ROWS: usize>(
    simd: S,
    x: &[f32],
    panels: &[f32],
    weights: &[f32],
    [rows, inner]: [usize; 2],
    out: &mut [f32],
) {
    let whole = inner / S::F32_LANES * S::F32_LANES;
    let weights: [&[f32]; TILE_OUTPUTS] = std::array::from_fn(|i| &weights[i * inner..(i + 1) * inner]);
    for first in (0..rows).step_by(ROWS) {
        let panel = S::as_simd_f32s(&panels[first * whole..(first + ROWS) * whole]).0.as_chunks::<ROWS>().0;
        let sums = match rows - first {
            1 => tile::<S, ROWS, 1>(simd, panel, weights),
            2 => tile::<S, ROWS, 2>(simd, panel, weights),
            3 => tile::<S, ROWS, 3>(simd, panel, weights),
            4 => tile::<S, ROWS, 4>(simd, panel, weights),
            5 => tile::<S, ROWS, 5>(simd, panel, weights),
            _ => tile::<S, ROWS, 6>(simd, panel, weights),
        };
        let live = ROWS.min(rows - first);
        for (j, out) in out.chunks_exact_mut(rows).enumerate() {
            for (out, sums) in out[first..first + live].iter_mut().zip(&sums) {
                *out = sums[j];
            }
        }
        if whole < inner {
            for (row, x) in x.chunks_exact(inner).enumerate().skip(first).take(live) {
                for (weight, out) in weights.iter().zip(out.chunks_exact_mut(rows)) {
                    out[row] += x[whole..].iter().zip(&weight[whole..]).map(|(a, b)| a * b).sum::<f32>();
                }
            }
        }
    }
}

/// Dot products of the first `LIVE` rows of a panel with rows of the weight, without the features that do not fill a vector.
// Counted loops keep the sums in registers.
#[inline(always)]
fn tile<S: Simd, const ROWS: usize, const LIVE: usize>(
    simd: S,
    panel: &[[S::f32s; ROWS]],
    weights: [&[f32]; TILE_OUTPUTS],
) -> [[f32; TILE_OUTPUTS]; ROWS] {
    let [a, b, c, d] = weights.map(|weight| S::as_simd_f32s(weight).0);
    let live = const { if LIVE < ROWS { LIVE } else { ROWS } };
    let mut sums = [[simd.splat_f32s(0.0); TILE_OUTPUTS]; LIVE];
    for ((((x, a), b), c), d) in panel.iter().zip(a).zip(b).zip(c).zip(d) {
        // The rows' vectors stay in registers while those of the weight pass: with the sums they are as many as there are.
        for (j, weight) in [a, b, c, d].into_iter().enumerate() {
            for i in 0..live {
                sums[i][j] = simd.mul_add_f32s(x[i], *weight, sums[i][j]);
            }
        }
    }
    let mut out = [[0f32; TILE_OUTPUTS]; ROWS];
    for i in 0..live {
        for j in 0..TILE_OUTPUTS {
            out[i][j] = simd.reduce_sum_f32s(sums[i][j]);
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
