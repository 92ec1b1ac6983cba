//! Multi-head attention.

use burn::tensor::{Tensor, activation::softmax};

use super::{Linear, Rows, kernels};

/// Multi-head scaled dot-product attention (Vaswani et al., 2017, <https://arxiv.org/abs/1706.03762>).
#[derive(Clone, Debug)]
pub struct Attention {
    /// Of the attending positions.
    pub query: Linear,
    /// Keys, then values, of the positions attended to, in one product.
    pub key_value: Linear,
    /// Of the heads' outputs, side by side.
    pub output: Linear,
    /// Number of heads.
    pub heads: usize,
    /// Factor on the scores, usually `1 / sqrt(head_dim)`.
    pub scale: f32,
}

/// Keys and values of the positions attended to, each `[batch, head, position, head_dim]`.
#[derive(Clone, Debug)]
pub struct KeyValues {
    /// What queries are compared with.
    pub keys: Tensor<4>,
    /// What is averaged.
    pub values: Tensor<4>,
}

/// What [`Attention::pullback`] needs of the forward.
#[derive(Clone, Debug)]
pub struct AttentionTrace {
    /// `[batch, head, query, head_dim]`, scaled.
    queries: Tensor<4>,
    key_values: KeyValues,
    /// `[batch, head, query, key]`, rows sum to 1.
    weights: Tensor<4>,
}

impl AttentionTrace {
    /// The attention weights `[batch, head, query, key]`; rows sum to 1.
    pub fn weights(&self) -> &Tensor<4> {
        &self.weights
    }
}

/// Where [`Attention::pullback`] leads.
#[derive(Clone, Debug)]
pub struct AttentionCotangents {
    /// To the attending positions' input, `[batch, probe, row, feature]`, in the rows that came in.
    pub queries: Tensor<4>,
    /// To the input of the positions attended to, `[batch, probe, key, feature]`.
    pub memory: Tensor<4>,
}

impl Attention {
    fn split_heads(&self, x: Tensor<3>) -> Tensor<4> {
        let [batch, length, features] = x.dims();
        x.reshape([batch, length, self.heads, features / self.heads]).swap_dims(1, 2)
    }

    /// Keys and values of `memory`, `[batch, position, feature]`.
    pub fn key_values(&self, memory: Tensor<3>) -> KeyValues {
        let both = self.key_value.forward(memory);
        let inner = self.key_value.output_size() / 2;
        let keys = self.split_heads(both.clone().narrow(2, 0, inner));
        let values = self.split_heads(both.narrow(2, inner, inner));
        KeyValues { keys, values }
    }

    /// `[batch, query, feature]` to the same, with the trace.
    ///
    /// `mask` is added to the scores, `[batch or 1, head or 1, query, key]`.
    pub fn forward(
        &self,
        x: Tensor<3>,
        key_values: &KeyValues,
        mask: Option<&Tensor<4>>,
    ) -> (Tensor<3>, AttentionTrace) {
        let [batch, length, _] = x.dims();
        let queries = self.split_heads(self.query.forward(x)) * self.scale;
        let mut scores = queries.clone().matmul(key_values.keys.clone().swap_dims(2, 3));
        if let Some(mask) = mask {
            scores = scores + mask.clone();
        }
        let weights = softmax(scores, 3);
        let mixed = weights.clone().matmul(key_values.values.clone());
        let mixed = mixed.swap_dims(1, 2).reshape([batch, length, self.output.input_size()]);
        (self.output.forward(mixed), AttentionTrace { queries, key_values: key_values.clone(), weights })
    }

    /// Cotangents `[batch, probe, row, feature]` of the output to those of both inputs.
    ///
    /// `keys` cuts the positions attended to: with a causal mask nothing after the last row gets any weight.
    pub fn pullback(
        &self,
        cotangent: Tensor<4>,
        trace: &AttentionTrace,
        rows: &Rows,
        keys: usize,
    ) -> AttentionCotangents {
        let [batch, probes, count, _] = cotangent.dims();
        let heads = self.heads;
        let inner = self.output.input_size();
        let head_dim = inner / heads;
        let key = trace.key_values.keys.clone().narrow(2, 0, keys);
        let value = trace.key_values.values.clone().narrow(2, 0, keys);
        let weights = rows.of_heads(&trace.weights.clone().narrow(3, 0, keys));
        let queries = rows.of_heads(&trace.queries);

        let mixed = self.output.pullback(cotangent);
        let by_row = mixed.clone().reshape([batch, probes * count, heads, head_dim]).swap_dims(1, 2);
        let weights_cotangent = by_row.matmul(value.swap_dims(2, 3)).reshape([batch, heads, probes, count, keys]);
        let scores = kernels::softmax_pullback(weights_cotangent, weights.clone());

        let to_queries = scores.clone().reshape([batch, heads, probes * count, keys]).matmul(key) * self.scale;
        let to_queries = to_queries.swap_dims(1, 2).reshape([batch, probes, count, inner]);
        let to_keys = scores.swap_dims(3, 4).matmul(queries);
        let by_probe = mixed.reshape([batch, probes, count, heads, head_dim]).permute([0, 3, 1, 2, 4]);
        let to_values = weights.swap_dims(3, 4).matmul(by_probe);
        let to_memory = Tensor::cat(vec![to_keys, to_values], 1)
            .reshape([batch, 2 * heads, probes, keys, head_dim])
            .permute([0, 2, 3, 1, 4])
            .reshape([batch, probes, keys, 2 * inner]);

        AttentionCotangents { queries: self.query.pullback(to_queries), memory: self.key_value.pullback(to_memory) }
    }
}
