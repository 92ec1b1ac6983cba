//! Element-wise and row-wise kernels for the CPU, beside the same formulas in Burn operations for every other device.
//!
//! Flex computes `exp`, `tanh` and `erf` one scalar at a time, so that an activation costs more than the matrix product
//! before it. Here they are polynomials in plain loops that the compiler turns into vector code, chosen for the machine
//! at run time by `pulp`. Tensors that take part in autodiff, or are not `f32`, use the Burn operations.

mod activation;
mod elementwise;
mod gather;
mod host;
mod norm;
mod reductions;
mod softmax;
mod transposed;

use burn::tensor::TensorData;

pub(super) use activation::{activation, activation_with_slope};
pub(super) use elementwise::{rotate, times_trace};
pub(super) use gather::gather_rows;
pub(super) use norm::{norm_pullback, normalize};
use reductions::{dot, exp, maximum, sum};
pub(crate) use softmax::log_softmax_row;
pub(super) use softmax::{softmax, softmax_pullback};
pub(super) use transposed::product_with_transposed;

/// Values that one task of the thread pool works on.
const TASK: usize = 1 << 14;

fn values_mut(data: &mut TensorData) -> &mut [f32] {
    data.as_mut_slice::<f32>().unwrap_or_default()
}
