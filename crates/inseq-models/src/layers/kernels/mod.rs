//! Element-wise and row-wise kernels for the CPU, each with the same formula in Burn operations for all other devices.
//!
//! Flex computes `exp`, `tanh` and `erf` one scalar at a time, so an activation costs more than the matrix product
//! before it. Here they are polynomials in plain loops that the compiler vectorizes; `pulp` chooses the instruction set
//! at run time. Tensors that take part in autodiff, or are not `f32`, use the Burn operations.

mod activation;
mod elementwise;
mod gather;
mod host;
mod norm;
mod reductions;
mod shared_rows;
mod softmax;
mod transposed;

pub(super) use activation::{activation, activation_with_slope};
pub(super) use elementwise::{rotate, times_trace};
pub(super) use gather::gather_rows;
pub(super) use norm::{norm_pullback, normalize};
use reductions::{dot, exp, maximum, sum, sum_of};
pub(super) use shared_rows::{RowScales, mixed_rows};
pub(crate) use softmax::log_softmax_row;
pub(super) use softmax::{softmax, softmax_pullback};
pub(super) use transposed::product_with_transposed;

/// Number of values per task of the thread pool.
const TASK: usize = 1 << 14;

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use pulp::{Arch, Simd, WithSimd};

    struct Lanes;

    impl WithSimd for Lanes {
        type Output = usize;

        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }

    /// Where they are not, a fused multiplication and addition is a call of a function for every value.
    #[test]
    fn vectors_of_the_processor_are_used() {
        let lanes = if !is_x86_feature_detected!("avx2") || !is_x86_feature_detected!("fma") {
            1
        } else if !is_x86_feature_detected!("avx512vl") {
            8
        } else {
            16
        };
        assert!(Arch::new().dispatch(Lanes) >= lanes);
    }
}
