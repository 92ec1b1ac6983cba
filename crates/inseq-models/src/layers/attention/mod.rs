//! Multi-head attention.

mod between;
mod constant_weights;
mod left_out;
mod projected;
mod pullback;

use std::ops::Range;

use burn::tensor::Tensor;

use super::{Linear, Mask, Norm, NormTrace, Rotation, Rows, Rule, kernels};
pub use left_out::LeftOutValues;
pub use pullback::AttentionCotangents;

/// Number of attention weights that are computed at a time. They are never kept: the pullback computes them again, so memory
/// grows with the length of a text and not with its square.
const BLOCK: usize = 1 << 22;

/// Rows of a block under a causal mask.
const CAUSAL_ROWS: usize = 128;

/// Multi-head scaled dot-product attention (Vaswani et al., 2017, <https://arxiv.org/abs/1706.03762>). Several query heads
/// may share a key and value head (grouped-query attention: Ainslie et al., 2023, <https://arxiv.org/abs/2305.13245>).
#[derive(Clone, Debug)]
pub struct Attention {
    /// Projection of the attending positions to queries.
    pub query: Linear,
    /// Projection of the attended positions to keys, then values.
    pub key_value: Linear,
    /// Projection of the concatenated outputs of the heads.
    pub output: Linear,
    /// Number of query heads.
    pub heads: usize,
    /// Number of key and value heads, a divisor of `heads`.
    pub key_value_heads: usize,
    /// Factor of the scores, usually `1 / sqrt(head_dim)`.
    pub scale: f32,
    /// Soft cap: a hyperbolic tangent limits scores to plus and minus this value.
    pub soft_cap: Option<f32>,
    /// Norms of queries and keys.
    pub norms: Option<[Norm; 2]>,
}

/// Keys and values of the attended positions, each `[batch, key/value head, position, head_dim]`.
#[derive(Clone, Debug)]
pub struct KeyValues {
    /// Keys.
    pub keys: Tensor<4>,
    /// Values.
    pub values: Tensor<4>,
    norm: Option<NormTrace>,
}

impl KeyValues {
    /// Concatenates those of earlier positions with these.
    #[must_use]
    pub fn after(self, earlier: Option<KeyValues>) -> KeyValues {
        let Some(earlier) = earlier else { return self };
        KeyValues {
            keys: Tensor::cat(vec![earlier.keys, self.keys], 2),
            values: Tensor::cat(vec![earlier.values, self.values], 2),
            norm: None,
        }
    }

    /// The first `length` positions.
    #[must_use]
    pub fn prefix(&self, length: usize) -> KeyValues {
        let cut = |x: &Tensor<4>| x.clone().narrow(2, 0, length);
        KeyValues { keys: cut(&self.keys), values: cut(&self.values), norm: None }
    }

    /// The batch entries of `index`.
    #[must_use]
    pub fn select(self, index: &Tensor<1, burn::tensor::Int>) -> KeyValues {
        KeyValues { keys: self.keys.select(0, index.clone()), values: self.values.select(0, index.clone()), norm: None }
    }
}

/// Values of the forward that [`Attention::pullback`] needs.
#[derive(Clone, Debug)]
pub struct AttentionTrace {
    /// `[batch, key/value head, group, query, head_dim]`, scaled.
    queries: Tensor<5>,
    query_norm: Option<NormTrace>,
    key_values: KeyValues,
    mask: Mask,
    rotation: Option<Rotation>,
    /// Dropout factors of the weights, `[batch, head, query, key]`.
    dropout: Option<Tensor<4>>,
    /// Rule of the weights, and of the products around them.
    rule: Rule<Box<AttentionTrace>>,
}

impl AttentionTrace {
    /// Whether the mask is causal.
    pub(crate) fn is_causal(&self) -> bool {
        self.mask.is_causal()
    }

    /// Keys and values of the first `length` positions of one batch entry.
    pub(crate) fn key_values(&self, entry: usize, length: usize) -> KeyValues {
        let of = |x: &Tensor<4>| x.clone().narrow(0, entry, 1).narrow(2, 0, length);
        KeyValues { keys: of(&self.key_values.keys), values: of(&self.key_values.values), norm: None }
    }

    /// The trace with another rule, for its norms as well.
    #[must_use]
    pub fn ruled(self, rule: Rule<&AttentionTrace>) -> AttentionTrace {
        let ruled = |own: Option<NormTrace>, part: fn(&AttentionTrace) -> Option<&NormTrace>| {
            own.map(|own| own.ruled(rule.and_then(part)))
        };
        AttentionTrace {
            query_norm: ruled(self.query_norm, |trace| trace.query_norm.as_ref()),
            key_values: KeyValues {
                norm: ruled(self.key_values.norm, |trace| trace.key_values.norm.as_ref()),
                ..self.key_values
            },
            rule: rule.map(|baseline| Box::new(baseline.clone())),
            ..self
        }
    }

    /// The trace of some batch entries.
    pub(crate) fn entries(&self, range: &Range<usize>) -> AttentionTrace {
        let of = |x: &Tensor<4>| x.clone().narrow(0, range.start, range.len());
        let norm = |norm: &Option<NormTrace>| norm.as_ref().map(|norm| norm.entries(range));
        AttentionTrace {
            queries: self.queries.clone().narrow(0, range.start, range.len()),
            query_norm: norm(&self.query_norm),
            key_values: KeyValues {
                keys: of(&self.key_values.keys),
                values: of(&self.key_values.values),
                norm: norm(&self.key_values.norm),
            },
            mask: self.mask.entries(range),
            rotation: self.rotation.clone(),
            dropout: self.dropout.as_ref().map(of),
            rule: self.rule.as_ref().map(|baseline| Box::new(baseline.entries(range))),
        }
    }
}

impl Attention {
    /// Attention with the number of key and value heads that follows from the sizes, scores scaled by `1 / sqrt(head_dim)`, and no
    /// soft cap or norms.
    pub fn new(query: Linear, key_value: Linear, output: Linear, heads: usize) -> Self {
        let head_dim = query.output_size() / heads;
        Self {
            key_value_heads: key_value.output_size() / 2 / head_dim,
            scale: (head_dim as f32).powf(-0.5),
            query,
            key_value,
            output,
            heads,
            soft_cap: None,
            norms: None,
        }
    }

    fn head_dim(&self) -> usize {
        self.output.input_size() / self.heads
    }

    fn group(&self) -> usize {
        self.heads / self.key_value_heads
    }

    /// Keys and values of `memory`, `[batch, position, feature]`.
    pub fn key_values(&self, memory: Tensor<3>, rotation: Option<&Rotation>) -> KeyValues {
        let [batch, length, _] = memory.dims();
        let both = self.key_value.forward(memory);
        let inner = self.key_value.output_size() / 2;
        let by_head = [batch, length, self.key_value_heads, self.head_dim()];
        let (keys, norm) = self.normed(1, both.clone().narrow(2, 0, inner));
        let keys = keys.reshape(by_head);
        let keys = match rotation {
            Some(rotation) => rotation.rotate(keys),
            None => keys,
        };
        let values = both.narrow(2, inner, inner).reshape(by_head);
        KeyValues { keys: keys.swap_dims(1, 2), values: values.swap_dims(1, 2), norm }
    }

    fn normed(&self, which: usize, x: Tensor<3>) -> (Tensor<3>, Option<NormTrace>) {
        match &self.norms {
            Some(norms) => {
                let (x, trace) = norms[which].forward(x);
                (x, Some(trace))
            }
            None => (x, None),
        }
    }

    /// Attends from `[batch, query, feature]`; returns the output, of the same shape, and the trace. The weights are multiplied by
    /// `dropout`, `[batch, head, query, key]`.
    pub fn forward(
        &self,
        x: Tensor<3>,
        key_values: &KeyValues,
        mask: &Mask,
        rotation: Option<&Rotation>,
        dropout: Option<Tensor<4>>,
    ) -> (Tensor<3>, AttentionTrace) {
        let [batch, length, _] = x.dims();
        let [heads, group, head_dim] = [self.key_value_heads, self.group(), self.head_dim()];
        let (queries, query_norm) = self.normed(0, self.query.forward(x));
        let queries = queries.reshape([batch, length, self.heads, head_dim]);
        let queries = match rotation {
            Some(rotation) => rotation.rotate(queries),
            None => queries,
        };
        let queries = queries.swap_dims(1, 2).reshape([batch, heads, group, length, head_dim]) * self.scale;
        let trace = AttentionTrace {
            queries,
            query_norm,
            key_values: key_values.clone(),
            mask: mask.clone(),
            rotation: rotation.cloned(),
            dropout,
            rule: Rule::default(),
        };
        let all_keys = key_values.keys.dims()[2];
        let mixed = blocks(mask, length, batch * self.heads * all_keys).map(|rows| {
            let keys = mask.keys_before(rows.end).min(all_keys);
            let queries = trace.queries.clone().narrow(3, rows.start, rows.len());
            let bias = mask.of_queries(rows.clone(), keys);
            let mut weights = self.weights_of(self.scores(queries, &trace.key_values, keys), bias.as_ref());
            if let Some(factors) = &trace.dropout {
                weights = weights * factors.clone().narrow(2, rows.start, rows.len()).narrow(3, 0, keys);
            }
            let weights = weights.reshape([batch, heads, group * rows.len(), keys]);
            weights.matmul(key_values.values.clone().narrow(2, 0, keys)).reshape([
                batch,
                self.heads,
                rows.len(),
                head_dim,
            ])
        });
        let mixed = cat(mixed.collect(), 2).swap_dims(1, 2).reshape([batch, length, self.output.input_size()]);
        (self.output.forward(mixed), trace)
    }

    /// The output for other queries `[batch, query, feature]` over the keys and values of a forward, if all queries see the same
    /// keys.
    pub fn forward_of_others(&self, x: Tensor<3>, trace: &AttentionTrace) -> Tensor<3> {
        self.forward(x, &trace.key_values, &trace.mask, None, None).0
    }

    /// Scores `[batch, head, query, key]` of queries `[batch, key/value head, group, query, head_dim]` over the first
    /// `keys` keys.
    fn scores(&self, queries: Tensor<5>, key_values: &KeyValues, keys: usize) -> Tensor<4> {
        self.capped(self.products(queries, key_values, keys))
    }

    /// The scores before the soft cap.
    fn products(&self, queries: Tensor<5>, key_values: &KeyValues, keys: usize) -> Tensor<4> {
        let [batch, heads, group, count, head_dim] = queries.dims();
        queries
            .reshape([batch, heads, group * count, head_dim])
            .matmul(key_values.keys.clone().narrow(2, 0, keys).swap_dims(2, 3))
            .reshape([batch, heads * group, count, keys])
    }

    fn capped(&self, scores: Tensor<4>) -> Tensor<4> {
        match self.soft_cap {
            Some(cap) => (scores / cap).tanh() * cap,
            None => scores,
        }
    }

    fn weights_of(&self, scores: Tensor<4>, bias: Option<&Tensor<4>>) -> Tensor<4> {
        kernels::softmax(scores, bias)
    }

    /// The attention weights `[batch, head, query, key]` of a forward; rows sum to 1.
    pub fn weights(&self, trace: &AttentionTrace) -> Tensor<4> {
        self.weights_of_queries(trace, 0..trace.queries.dims()[3])
    }

    /// As [`weights`](Self::weights), of some queries.
    pub fn weights_of_queries(&self, trace: &AttentionTrace, queries: Range<usize>) -> Tensor<4> {
        let keys = trace.key_values.keys.dims()[2];
        let own = trace.queries.clone().narrow(3, queries.start, queries.len());
        self.weights_of(self.scores(own, &trace.key_values, keys), trace.mask.of_queries(queries, keys).as_ref())
    }
}

/// Divides `count` rows into ranges of at most [`BLOCK`] values, with `row_values` values per row. Under a causal mask the
/// ranges are short, so that their first rows have few hidden keys.
fn blocks(mask: &Mask, count: usize, row_values: usize) -> impl Iterator<Item = Range<usize>> {
    let most = if mask.is_causal() { CAUSAL_ROWS } else { usize::MAX };
    let size = (BLOCK / row_values.max(1)).clamp(1, count.max(1)).min(most);
    (0..count).step_by(size).map(move |start| start..(start + size).min(count))
}

fn cat<const D: usize>(mut parts: Vec<Tensor<D>>, axis: usize) -> Tensor<D> {
    if parts.len() == 1 { parts.remove(0) } else { Tensor::cat(parts, axis) }
}
