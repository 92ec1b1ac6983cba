//! Cotangents of the input of a mixer.

use burn::tensor::Tensor;

use crate::layers::Rows;

/// Result of [`Mixer::pullback`](super::Mixer::pullback).
#[derive(Clone, Debug)]
pub struct MixerCotangents {
    /// Cotangent of the mixing positions' own input, in the given rows.
    pub own: Tensor<4>,
    /// Cotangent of the input of the positions that they read, in `rows`.
    pub reached: Tensor<4>,
    /// The rows that the given rows reach.
    pub rows: Rows,
}
