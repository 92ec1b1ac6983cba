//! The pullback of attention.

use burn::tensor::Tensor;

use super::{Attention, AttentionTrace, Rows, blocks, cat, kernels};
use crate::layers::rule::times;
use crate::layers::{Slope, Softmax};

/// Result of [`Attention::pullback`].
#[derive(Clone, Debug)]
pub struct AttentionCotangents {
    /// Cotangent of the input of the attending positions, in the given rows.
    pub queries: Tensor<4>,
    /// Cotangent of the input of the attended positions: with a causal mask, in the rows that the given rows reach; otherwise
    /// `[batch, probe, key, feature]`.
    pub memory: Tensor<4>,
}

impl Attention {
    /// Pulls cotangents of the output in `rows` back to both inputs, by the trace's rule.
    ///
    /// With a causal mask no key after a row gets a cotangent from it: `memory` covers the rows that the given rows
    /// [reach](Rows::reached).
    pub fn pullback(&self, cotangent: Tensor<4>, trace: &AttentionTrace, rows: &Rows) -> AttentionCotangents {
        let all_keys = trace.mask.keys_before(rows.end()).min(trace.key_values.keys.dims()[2]);
        let reached = if trace.mask.is_causal() { rows.reached() } else { Rows::prefix(all_keys) };
        // Weights are products of all of a probe's rows with its keys, so that rows are padded to equal numbers.
        let mixed = rows.padded(self.output.pullback(cotangent));
        let [batch, probes, count, _] = mixed.dims();
        let mixed = mixed
            .reshape([batch, probes, count, self.key_value_heads, self.group(), self.head_dim()])
            .permute([0, 3, 1, 4, 2, 5]);
        if trace.rule.baseline.is_none() && !trace.rule.propagation.passes_weights() {
            return self.pullback_of_values(mixed, trace, rows, &reached, all_keys);
        }
        match self.is_less_through_projections(trace, rows, &reached, [batch, probes, count], all_keys) {
            true => self.pullback_through_projections(mixed, trace, rows, &reached, all_keys),
            false => self.pullback_by_head(mixed, trace, rows, &reached, all_keys),
        }
    }

    /// The pullback of cotangents of the mixed values, `[batch, key/value head, probe, group, row, head_dim]`, per head
    /// to queries and keys, then through their projections.
    pub(super) fn pullback_by_head(
        &self,
        mixed: Tensor<6>,
        trace: &AttentionTrace,
        given: &Rows,
        reached: &Rows,
        all_keys: usize,
    ) -> AttentionCotangents {
        let [batch, heads, probes, group, count, head_dim] = mixed.dims();
        let rows = given.dense();
        let mut to_queries = Vec::new();
        let to_keys_and_values = self.summed_over_blocks(&mixed, trace, &rows, all_keys, |mixed, rows, keys| {
            let part = mixed.dims()[4];
            let Block { to_scores, to_values, queries, keys: compared } = self.block_pullback(mixed, trace, rows, keys);
            let to_rows = to_scores.clone().reshape([batch, heads, probes * group * part, keys]).matmul(compared);
            to_queries.push(to_rows.reshape([batch, heads, probes, group, part, head_dim]));
            Tensor::cat(vec![to_scores.swap_dims(3, 4).matmul(queries), to_values], 1)
        });
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
        let memory = self.memory_pullback(to_keys_and_values.permute([0, 2, 3, 1, 4]), trace, reached);
        AttentionCotangents { queries: self.query.pullback(given.unpadded(to_queries)), memory }
    }

    /// Runs `each` for blocks of rows, with the cotangents of a block's mixed values and the number of keys that the block sees.
    /// Returns the sum of the cotangents of keys `[batch, head, probe, key, head_dim]` over the blocks; `None` without rows.
    pub(super) fn summed_over_blocks(
        &self,
        mixed: &Tensor<6>,
        trace: &AttentionTrace,
        rows: &Rows,
        all_keys: usize,
        mut each: impl FnMut(Tensor<6>, &Rows, usize) -> Tensor<5>,
    ) -> Option<Tensor<5>> {
        let [batch, _, probes, _, count, _] = mixed.dims();
        let mut sum: Option<Tensor<5>> = None;
        for part in blocks(&trace.mask, count, batch * self.heads * probes * all_keys) {
            let rows = rows.part(&part);
            let keys = trace.mask.keys_before(rows.end()).min(all_keys);
            let to_keys = each(mixed.clone().narrow(4, part.start, part.len()), &rows, keys);
            sum = Some(match sum.take() {
                Some(sum) => lengthened(sum, keys) + to_keys,
                None => to_keys,
            });
        }
        sum
    }

    /// The cotangents of scores and values for cotangents of the mixed values `[batch, key/value head, probe, group, row, head_dim]`
    /// of a block of rows.
    pub(super) fn block_pullback(&self, mixed: Tensor<6>, trace: &AttentionTrace, rows: &Rows, keys: usize) -> Block {
        let [batch, heads, probes, group, count, head_dim] = mixed.dims();
        let attended = match &trace.rule.baseline {
            Some(baseline) => self.attended_between(trace, baseline, rows, keys),
            None => self.attended(trace, rows, keys),
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
        let to_values = attended.weights.swap_dims(3, 4).matmul(mixed);
        Block { to_scores, to_values, queries: attended.queries, keys: attended.keys }
    }

    /// The parts of the trace for the pullback of a block of rows, by the trace's rules. The factor of the cotangents of one side
    /// of a product multiplies the other side, because the cotangents are products with it.
    pub(super) fn attended(&self, trace: &AttentionTrace, rows: &Rows, keys: usize) -> Attended {
        let rules = trace.rule.propagation;
        let queries = rows.of_heads(&trace.queries);
        let products = self.products(queries.clone(), &trace.key_values, keys);
        let (scores, cap_slope) = match self.soft_cap {
            Some(cap) => {
                let scores = self.capped(products.clone());
                let slope = cap_slope(cap, products, &scores, rules.activation);
                (scores, Some(slope))
            }
            None => (products, None),
        };
        let weights = self.by_probe(self.weights_of(scores, trace.mask.of_rows(rows, keys).as_ref()), rows);
        let dropout = trace.dropout.as_ref().map(|factors| {
            let [batch, _, queries, all_keys] = factors.dims();
            let factors = factors.clone().reshape([batch, self.key_value_heads, self.group(), queries, all_keys]);
            rows.by_probe(rows.of_heads(&factors)).narrow(4, 0, keys)
        });
        Attended {
            queries: times(rows.by_probe(queries), rules.keys),
            keys: times(trace.key_values.keys.clone().narrow(2, 0, keys), rules.queries),
            values: trace.key_values.values.clone().narrow(2, 0, keys),
            softmax: match rules.softmax {
                Softmax::Temperature(temperature) if temperature != 1.0 => tempered(weights.clone(), temperature),
                Softmax::Temperature(_) | Softmax::Differentiated | Softmax::Closed => weights.clone(),
            },
            weights: match &dropout {
                Some(factors) => times(weights * factors.clone(), rules.values),
                None => times(weights, rules.values),
            },
            dropout,
            cap_slope: cap_slope.map(|slope| self.by_probe(slope, rows)),
        }
    }

    /// Reorders all rows `[batch, head, row, key]` by probe: `[batch, key/value head, probe or 1, group * row, key]`.
    pub(super) fn by_probe(&self, x: Tensor<4>, rows: &Rows) -> Tensor<5> {
        let [batch, _, count, keys] = x.dims();
        rows.by_probe(x.reshape([batch, self.key_value_heads, self.group(), count, keys]))
    }

    /// Pulls cotangents of keys and values `[batch, probe, key, 2 key/value head, head_dim]` back to the attended
    /// positions that are `reached`.
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

/// The factors of the cotangents of capped scores, for the `products` of queries and keys before the cap.
fn cap_slope(cap: f32, products: Tensor<4>, scores: &Tensor<4>, rule: Slope) -> Tensor<4> {
    let slope = (scores.clone() / cap).square().neg() + 1.0;
    match rule {
        Slope::Derivative | Slope::Closed => slope,
        Slope::Quotient => {
            let is_near = products.clone().abs().lower_elem(1e-3 * cap);
            (scores.clone() / products).mask_where(is_near, slope)
        }
    }
}

/// The weights of a softmax at another temperature, for those at 1: `s^(1 / T)`, divided by its sum.
fn tempered(weights: Tensor<5>, temperature: f32) -> Tensor<5> {
    let roots = match temperature == 2.0 {
        true => weights.sqrt(),
        false => weights.powf_scalar(1.0 / temperature),
    };
    let total = roots.clone().sum_dim(4);
    roots / total
}

/// Parts of the trace for the pullback of a block of rows; `softmax` and `cap_slope` are the factors of the scores' pullback.
pub(super) struct Attended {
    /// `[batch, key/value head, probe or 1, group * row, head_dim]`.
    pub(super) queries: Tensor<5>,
    /// `[batch, key/value head, key, head_dim]`.
    pub(super) keys: Tensor<4>,
    /// `[batch, key/value head, key, head_dim]`.
    pub(super) values: Tensor<4>,
    /// `[batch, key/value head, probe or 1, group * row, key]`.
    pub(super) weights: Tensor<5>,
    pub(super) softmax: Tensor<5>,
    pub(super) cap_slope: Option<Tensor<5>>,
    /// Dropout factors of the weights.
    pub(super) dropout: Option<Tensor<5>>,
}

/// Cotangents of a block of rows, and the factors of the scores.
pub(super) struct Block {
    /// `[batch, key/value head, probe, group * row, key]`.
    pub(super) to_scores: Tensor<5>,
    /// `[batch, key/value head, probe, key, head_dim]`.
    pub(super) to_values: Tensor<5>,
    /// Scaled, `[batch, key/value head, probe or 1, group * row, head_dim]`.
    pub(super) queries: Tensor<5>,
    /// `[batch, key/value head, key, head_dim]`.
    pub(super) keys: Tensor<4>,
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
