//! Multi-head attention.

mod rescaled;

use std::ops::Range;

use burn::tensor::Tensor;

use super::{Linear, Mask, Norm, NormTrace, Rotation, Rows, kernels};

/// Attention weights made at a time, in values. They are never kept: the pullback makes them again, so that memory grows
/// with the length of a text and not with its square.
const BLOCK: usize = 1 << 22;

/// Rows of a block under a causal mask.
const CAUSAL_ROWS: usize = 128;

/// Multi-head scaled dot-product attention (Vaswani et al., 2017, <https://arxiv.org/abs/1706.03762>), several query heads
/// to each key and value head where there are fewer of those (Ainslie et al., 2023, <https://arxiv.org/abs/2305.13245>).
#[derive(Clone, Debug)]
pub struct Attention {
    /// Of the attending positions.
    pub query: Linear,
    /// Keys, then values, of the positions attended to, in one product.
    pub key_value: Linear,
    /// Of the heads' outputs, side by side.
    pub output: Linear,
    /// Number of query heads.
    pub heads: usize,
    /// Number of key and value heads, a divisor of `heads`.
    pub key_value_heads: usize,
    /// Factor on the scores, usually `1 / sqrt(head_dim)`.
    pub scale: f32,
    /// Scores are squeezed into plus and minus this by a hyperbolic tangent.
    pub soft_cap: Option<f32>,
    /// Norms of queries and of keys.
    pub norms: Option<[Norm; 2]>,
}

/// Keys and values of the positions attended to, each `[batch, key/value head, position, head_dim]`.
#[derive(Clone, Debug)]
pub struct KeyValues {
    /// What queries are compared with.
    pub keys: Tensor<4>,
    /// What is averaged.
    pub values: Tensor<4>,
    norm: Option<NormTrace>,
}

impl KeyValues {
    /// Those of earlier positions, then these.
    pub fn after(self, earlier: Option<KeyValues>) -> KeyValues {
        let Some(earlier) = earlier else { return self };
        KeyValues {
            keys: Tensor::cat(vec![earlier.keys, self.keys], 2),
            values: Tensor::cat(vec![earlier.values, self.values], 2),
            norm: None,
        }
    }

    /// The one batch entry, `count` times.
    pub fn repeat(self, count: usize) -> KeyValues {
        KeyValues { keys: self.keys.repeat_dim(0, count), values: self.values.repeat_dim(0, count), norm: None }
    }

    /// The first `length` positions.
    pub fn prefix(&self, length: usize) -> KeyValues {
        let cut = |x: &Tensor<4>| x.clone().narrow(2, 0, length);
        KeyValues { keys: cut(&self.keys), values: cut(&self.values), norm: None }
    }

    /// The batch entries of `index`.
    pub fn select(self, index: &Tensor<1, burn::tensor::Int>) -> KeyValues {
        KeyValues { keys: self.keys.select(0, index.clone()), values: self.values.select(0, index.clone()), norm: None }
    }
}

/// What [`Attention::pullback`] needs of the forward.
#[derive(Clone, Debug)]
pub struct AttentionTrace {
    /// `[batch, key/value head, group, query, head_dim]`, scaled.
    queries: Tensor<5>,
    query_norm: Option<NormTrace>,
    key_values: KeyValues,
    mask: Mask,
    rotation: Option<Rotation>,
    /// What the weights were multiplied by, `[batch, head, query, key]`.
    dropout: Option<Tensor<4>>,
    /// Where the pullback is that of differences to a baseline, the baseline's trace.
    baseline: Option<Box<AttentionTrace>>,
}

impl AttentionTrace {
    /// Whether no position was looked at from an earlier one.
    pub(crate) fn is_causal(&self) -> bool {
        self.mask.is_causal()
    }

    /// What one batch entry looked at in its first `length` positions.
    pub(crate) fn key_values(&self, entry: usize, length: usize) -> KeyValues {
        let of = |x: &Tensor<4>| x.clone().narrow(0, entry, 1).narrow(2, 0, length);
        KeyValues { keys: of(&self.key_values.keys), values: of(&self.key_values.values), norm: None }
    }

    /// Of some batch entries.
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
            baseline: self.baseline.as_ref().map(|baseline| Box::new(baseline.entries(range))),
        }
    }
}

/// Where [`Attention::pullback`] leads.
#[derive(Clone, Debug)]
pub struct AttentionCotangents {
    /// To the attending positions' input, in the rows that came in.
    pub queries: Tensor<4>,
    /// To the input of the positions attended to: with a causal mask in the rows that those that came in reach, else
    /// `[batch, probe, key, feature]`.
    pub memory: Tensor<4>,
}

impl Attention {
    /// With as many key and value heads as fit, scores scaled by `1 / sqrt(head_dim)`, no cap and no norms.
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

    /// `[batch, query, feature]` to the same, with the trace. The weights are multiplied by `dropout`
    /// `[batch, head, query, key]`.
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
            baseline: None,
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

    /// Scores `[batch, head, query, key]` of queries `[batch, key/value head, group, query, head_dim]` over the first
    /// `keys` keys.
    fn scores(&self, queries: Tensor<5>, key_values: &KeyValues, keys: usize) -> Tensor<4> {
        self.capped(self.products(queries, key_values, keys))
    }

    /// The scores before they are capped.
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
        let [_, _, _, length, _] = trace.queries.dims();
        let keys = trace.key_values.keys.dims()[2];
        let scores = self.scores(trace.queries.clone(), &trace.key_values, keys);
        self.weights_of(scores, trace.mask.of_queries(0..length, keys).as_ref())
    }

    /// The output `[entry, query, feature]` of a forward when chosen heads cannot take the values of a span of positions: of
    /// batch entry `i`, those of the `i`th span of `left_out`.
    pub fn without_values(&self, trace: &AttentionTrace, left_out: &[Range<usize>], heads: &[bool]) -> Tensor<3> {
        let weights = self.weights(trace);
        let [entries, _, queries, keys] = weights.dims();
        let (groups, head_dim) = (self.group(), self.head_dim());
        let mut kept = vec![1f32; entries * self.heads * keys];
        for (entry, span) in left_out.iter().enumerate() {
            for head in (0..self.heads).filter(|&head| heads.get(head).copied().unwrap_or(false)) {
                let row = (entry * self.heads + head) * keys;
                kept[row + span.start..row + span.end].fill(0.0);
            }
        }
        let kept = Tensor::<1>::from_data(kept.as_slice(), &weights.device());
        let weights = weights * kept.reshape([entries, self.heads, 1, keys]);
        let weights = weights.reshape([entries, self.key_value_heads, groups * queries, keys]);
        let mixed = weights.matmul(trace.key_values.values.clone());
        let mixed = mixed.reshape([entries, self.heads, queries, head_dim]).swap_dims(1, 2);
        self.output.forward(mixed.reshape([entries, queries, self.output.input_size()]))
    }

    /// Cotangents of the output in `rows` to those of both inputs.
    ///
    /// With a causal mask no key after a row gets a cotangent from it: `memory` covers what the rows
    /// [reach](Rows::reached).
    pub fn pullback(&self, cotangent: Tensor<4>, trace: &AttentionTrace, rows: &Rows) -> AttentionCotangents {
        let [heads, group, head_dim] = [self.key_value_heads, self.group(), self.head_dim()];
        let all_keys = trace.mask.keys_before(rows.end()).min(trace.key_values.keys.dims()[2]);
        let reached = if trace.mask.is_causal() { rows.reached() } else { Rows::prefix(all_keys) };
        // Weights are products of all of a probe's rows with its keys, so that rows are padded to equal numbers.
        let mixed = rows.padded(self.output.pullback(cotangent));
        let (given, rows) = (rows, rows.dense());
        let [batch, probes, count, _] = mixed.dims();
        // `[batch, key/value head, probe, group, row, head_dim]`
        let mixed = mixed.reshape([batch, probes, count, heads, group, head_dim]).permute([0, 3, 1, 4, 2, 5]);

        let mut to_queries = Vec::new();
        let mut to_keys_and_values: Option<Tensor<5>> = None;
        for part in blocks(&trace.mask, count, batch * self.heads * probes * all_keys) {
            let rows = rows.part(&part);
            let keys = trace.mask.keys_before(rows.end()).min(all_keys);
            let mixed = mixed.clone().narrow(4, part.start, part.len());
            let (queries, both) = self.block_pullback(mixed, trace, &rows, keys);
            to_queries.push(queries);
            to_keys_and_values = Some(match to_keys_and_values.take() {
                Some(sum) => lengthened(sum, keys) + both,
                None => both,
            });
        }
        // The last block's keys are all of them.
        let to_keys_and_values = to_keys_and_values
            .unwrap_or_else(|| Tensor::zeros([batch, 2 * heads, probes, all_keys, head_dim], &mixed.device()));
        let to_queries = cat(to_queries, 4).permute([0, 2, 4, 1, 3, 5]);
        let to_queries = to_queries.reshape([batch, probes, count, self.heads, head_dim]) * self.scale;
        let to_queries = match &trace.rotation {
            Some(rotation) => rotation.pullback(to_queries, &rows),
            None => to_queries,
        };
        let mut to_queries = to_queries.reshape([batch, probes, count, self.heads * head_dim]);
        if let (Some(norms), Some(norm)) = (&self.norms, &trace.query_norm) {
            to_queries = norms[0].pullback(to_queries, norm, &rows);
        }
        let memory = self.memory_pullback(to_keys_and_values.permute([0, 2, 3, 1, 4]), trace, &reached);
        AttentionCotangents { queries: self.query.pullback(given.unpadded(to_queries)), memory }
    }

    /// Of cotangents of the mixed values `[batch, key/value head, probe, group, row, head_dim]`: those of the queries, in
    /// the same layout, and those of keys and values, `[batch, 2 key/value head, probe, key, head_dim]`.
    fn block_pullback(
        &self,
        mixed: Tensor<6>,
        trace: &AttentionTrace,
        rows: &Rows,
        keys: usize,
    ) -> (Tensor<6>, Tensor<5>) {
        let [batch, heads, probes, group, count, head_dim] = mixed.dims();
        let attended = match &trace.baseline {
            None => self.attended(trace, rows, keys),
            Some(baseline) => self.attended_between(trace, baseline, rows, keys),
        };
        let mixed = mixed.reshape([batch, heads, probes, group * count, head_dim]);
        let to_weights = mixed
            .clone()
            .reshape([batch, heads, probes * group * count, head_dim])
            .matmul(attended.values.swap_dims(2, 3))
            .reshape([batch, heads, probes, group * count, keys]);
        let to_weights = match attended.dropout {
            Some(factors) => to_weights * factors,
            None => to_weights,
        };
        let mut to_scores = kernels::softmax_pullback(to_weights, attended.softmax);
        if let Some(slope) = attended.cap_slope {
            to_scores = to_scores * slope;
        }
        let to_queries = to_scores.clone().reshape([batch, heads, probes * group * count, keys]).matmul(attended.keys);
        let to_keys = to_scores.swap_dims(3, 4).matmul(attended.queries);
        let to_values = attended.weights.swap_dims(3, 4).matmul(mixed);
        let both = Tensor::cat(vec![to_keys, to_values], 1);
        (to_queries.reshape([batch, heads, probes, group, count, head_dim]), both)
    }

    /// What a block of rows is pulled back with.
    fn attended(&self, trace: &AttentionTrace, rows: &Rows, keys: usize) -> Attended {
        let queries = rows.of_heads(&trace.queries);
        let scores = self.scores(queries.clone(), &trace.key_values, keys);
        let cap_slope = self.soft_cap.map(|cap| (scores.clone() / cap).square().neg() + 1.0);
        let weights = self.by_probe(self.weights_of(scores, trace.mask.of_rows(rows, keys).as_ref()), rows);
        let dropout = trace.dropout.as_ref().map(|factors| {
            let [batch, _, queries, all_keys] = factors.dims();
            let factors = factors.clone().reshape([batch, self.key_value_heads, self.group(), queries, all_keys]);
            rows.by_probe(rows.of_heads(&factors)).narrow(4, 0, keys)
        });
        Attended {
            queries: rows.by_probe(queries),
            keys: trace.key_values.keys.clone().narrow(2, 0, keys),
            values: trace.key_values.values.clone().narrow(2, 0, keys),
            softmax: weights.clone(),
            weights: match &dropout {
                Some(factors) => weights * factors.clone(),
                None => weights,
            },
            dropout,
            cap_slope: cap_slope.map(|slope| self.by_probe(slope, rows)),
        }
    }

    /// Of all rows `[batch, head, row, key]`, by probe: `[batch, key/value head, probe or 1, group * row, key]`.
    fn by_probe(&self, x: Tensor<4>, rows: &Rows) -> Tensor<5> {
        let [batch, _, count, keys] = x.dims();
        rows.by_probe(x.reshape([batch, self.key_value_heads, self.group(), count, keys]))
    }

    /// Of cotangents of keys and values `[batch, probe, key, 2 key/value head, head_dim]`, to those of the positions
    /// attended to that are `reached`.
    fn memory_pullback(&self, both: Tensor<5>, trace: &AttentionTrace, reached: &Rows) -> Tensor<4> {
        let [batch, probes, keys, _, head_dim] = both.dims();
        let inner = self.key_value_heads * head_dim;
        if trace.rotation.is_none() && self.norms.is_none() {
            return self.key_value.pullback(reached.unpadded(both.reshape([batch, probes, keys, 2 * inner])));
        }
        let rows = Rows::prefix(keys);
        let mut to_keys = both.clone().narrow(3, 0, self.key_value_heads);
        if let Some(rotation) = &trace.rotation {
            to_keys = rotation.pullback(to_keys, &rows);
        }
        let mut to_keys = to_keys.reshape([batch, probes, keys, inner]);
        if let (Some(norms), Some(norm)) = (&self.norms, &trace.key_values.norm) {
            to_keys = norms[1].pullback(to_keys, norm, &rows);
        }
        let to_values =
            both.narrow(3, self.key_value_heads, self.key_value_heads).reshape([batch, probes, keys, inner]);
        self.key_value.pullback(reached.unpadded(Tensor::cat(vec![to_keys, to_values], 3)))
    }
}

/// What a block of rows is pulled back with; `softmax` and `cap_slope` are the factors of the scores' pullback.
struct Attended {
    /// `[batch, key/value head, probe or 1, group * row, head_dim]`.
    queries: Tensor<5>,
    /// `[batch, key/value head, key, head_dim]`.
    keys: Tensor<4>,
    /// `[batch, key/value head, key, head_dim]`.
    values: Tensor<4>,
    /// `[batch, key/value head, probe or 1, group * row, key]`.
    weights: Tensor<5>,
    softmax: Tensor<5>,
    cap_slope: Option<Tensor<5>>,
    /// What the weights were multiplied by.
    dropout: Option<Tensor<5>>,
}

/// Ranges of `count` rows, each of which takes no more than [`BLOCK`] values of `row_values` a row, and few enough under a
/// causal mask that what their first rows cannot see is little.
fn blocks(mask: &Mask, count: usize, row_values: usize) -> impl Iterator<Item = Range<usize>> {
    let most = if mask.is_causal() { CAUSAL_ROWS } else { usize::MAX };
    let size = (BLOCK / row_values.max(1)).clamp(1, count.max(1)).min(most);
    (0..count).step_by(size).map(move |start| start..(start + size).min(count))
}

/// Zeros after the keys of `[batch, head, probe, key, head_dim]`, up to `keys`.
fn lengthened(sum: Tensor<5>, keys: usize) -> Tensor<5> {
    let [batch, heads, probes, before, head_dim] = sum.dims();
    if before == keys {
        return sum;
    }
    let zeros = Tensor::zeros([batch, heads, probes, keys - before, head_dim], (&sum.device(), sum.dtype()));
    Tensor::cat(vec![sum, zeros], 3)
}

fn cat<const D: usize>(mut parts: Vec<Tensor<D>>, axis: usize) -> Tensor<D> {
    if parts.len() == 1 { parts.remove(0) } else { Tensor::cat(parts, axis) }
}
