//! The pullback of attention whose weights count as constants.

use burn::tensor::Tensor;

use super::pullback::AttentionCotangents;
use super::{Attention, AttentionTrace, Rows};

impl Attention {
    /// The pullback of cotangents of the mixed values, `[batch, key/value head, probe, group, row, head_dim]`, to the inputs
    /// of the values. Nothing leads to queries and keys.
    pub(super) fn pullback_of_values(
        &self,
        mixed: Tensor<6>,
        trace: &AttentionTrace,
        given: &Rows,
        reached: &Rows,
        all_keys: usize,
    ) -> AttentionCotangents {
        let [batch, heads, probes, group, count, head_dim] = mixed.dims();
        let rows = given.dense();
        let to_values = self.summed_over_blocks(&mixed, trace, &rows, all_keys, |mixed, rows, keys| {
            let count = mixed.dims()[4];
            let mixed = mixed.reshape([batch, heads, probes, group * count, head_dim]);
            self.attended(trace, rows, keys).weights.swap_dims(3, 4).matmul(mixed)
        });
        let like = (&mixed.device(), mixed.dtype());
        let to_values = to_values.unwrap_or_else(|| Tensor::zeros([batch, heads, probes, all_keys, head_dim], like));
        let inner = heads * head_dim;
        let to_values = to_values.permute([0, 2, 3, 1, 4]).reshape([batch, probes, all_keys, inner]);
        let to_queries = given.unpadded(Tensor::zeros([batch, probes, count, self.query.input_size()], like));
        AttentionCotangents {
            queries: to_queries,
            memory: self.key_value.pullback_of(inner..2 * inner, reached.unpadded(to_values)),
        }
    }
}
