//! Additive attention masks.

use burn::tensor::{Device, Tensor};

/// What a masked score is lowered by: enough to vanish in a softmax, and finite in every float type but half precision.
const MASKED: f32 = -1e30;

/// Hides positions at and after each text's length, `[batch, 1, 1, length]`; `None` where nothing is hidden.
pub(super) fn padding(lengths: &[usize], length: usize, device: &Device) -> Option<Tensor<4>> {
    if lengths.iter().all(|&l| l >= length) {
        return None;
    }
    let values: Vec<f32> =
        lengths.iter().flat_map(|&l| (0..length).map(move |i| if i < l { 0.0 } else { MASKED })).collect();
    Some(Tensor::<1>::from_data(values.as_slice(), device).reshape([lengths.len(), 1, 1, length]))
}

/// Hides later positions, `[1, 1, length, length]`; `None` where there are none.
pub(super) fn causal(length: usize, device: &Device) -> Option<Tensor<4>> {
    if length <= 1 {
        return None;
    }
    let values: Vec<f32> =
        (0..length).flat_map(|q| (0..length).map(move |k| if k <= q { 0.0 } else { MASKED })).collect();
    Some(Tensor::<1>::from_data(values.as_slice(), device).reshape([1, 1, length, length]))
}
