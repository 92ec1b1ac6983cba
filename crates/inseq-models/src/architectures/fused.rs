//! Queries, keys and values that a checkpoint stores in one weight.

use crate::layers::Linear;

/// Splits a layer whose outputs are query, key and value per head into query, and key with value.
pub(super) fn by_head(joined: &Linear, heads: usize) -> (Linear, Linear) {
    let head_dim = joined.output_size() / 3 / heads;
    let part = |part: usize| (0..heads * head_dim).map(move |i| (3 * (i / head_dim) + part) * head_dim + i % head_dim);
    (joined.outputs(part(0)), joined.outputs(part(1).chain(part(2))))
}

/// Reorders a query or key whose rotated features are paired with their neighbours, so that partners are half of the rotated
/// features apart, as in [`Rotary`](crate::layers::Rotary). Queries and keys have the same order, so scores do not change.
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
