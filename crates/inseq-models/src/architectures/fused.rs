//! Queries, keys and values that a checkpoint has in one weight.

use crate::layers::Linear;

/// Query, and key with value, of a layer whose outputs are, head by head, query, key and value.
pub(super) fn by_head(joined: &Linear, heads: usize) -> (Linear, Linear) {
    let head_dim = joined.output_size() / 3 / heads;
    let part = |part: usize| (0..heads * head_dim).map(move |i| (3 * (i / head_dim) + part) * head_dim + i % head_dim);
    (joined.outputs(part(0)), joined.outputs(part(1).chain(part(2))))
}

/// A query or key whose rotated features are paired with their neighbours, with the partners brought half of the rotated
/// features apart, as [`Rotary`](crate::layers::Rotary) has them. Both being reordered alike, scores stay what they are.
pub(super) fn partners_apart(layer: &Linear, heads: usize, rotated: usize) -> Linear {
    let (head_dim, half) = (layer.output_size() / heads, rotated / 2);
    layer.outputs((0..heads * head_dim).map(|i| {
        let (head, feature) = (i / head_dim, i % head_dim);
        head * head_dim
            + match feature {
                _ if feature < half => 2 * feature,
                _ if feature < 2 * half => 2 * (feature - half) + 1,
                _ => feature,
            }
    }))
}
