//! The pullback of attention scores through queries and keys that are multiplied with the weights of their projections.
//!
//! Per head, a probe's cotangents of scores are multiplied with the keys, `[key, head_dim]`, and the result for all heads with the
//! weight of the queries, `[head * head_dim, feature]`. Both factors are the same for all probes. If a text has fewer keys than
//! features per head, their product, `[head * key, feature]`, is smaller and is computed once. The same applies to queries, for the
//! cotangents of keys.

use burn::tensor::Tensor;

use super::pullback::{AttentionCotangents, Block};
use super::{Attention, AttentionTrace, Rows};

impl Attention {
    /// Whether [`pullback_through_projections`](Self::pullback_through_projections) is possible and needs fewer operations
    /// than the pullback per head, for `[batch, probe, row]` and `keys`.
    pub(super) fn is_less_through_projections(
        &self,
        trace: &AttentionTrace,
        given: &Rows,
        reached: &Rows,
        [batch, probes, count]: [usize; 3],
        keys: usize,
    ) -> bool {
        // What lies between a projection and the scores would have to be linear and the same for all rows; queries at each
        // probe's own position are not shared.
        let is_linear = trace.rotation.is_none() && self.norms.is_none();
        if !is_linear || matches!(given, Rows::Own { .. }) {
            return false;
        }
        let inner = self.heads * self.head_dim();
        let key_inner = self.key_value_heads * self.head_dim();
        let [rows, key_rows] = [(given, count), (reached, keys)].map(|(rows, each)| {
            let dense = batch * probes * each;
            let real = rows.total().unwrap_or(dense);
            (real, if rows.of_each_entry(batch).is_some() { real } else { dense })
        });
        // Products with a number for each feature.
        let by_head = rows.0 * inner + key_rows.0 * key_inner + 2 * batch * probes * count * keys;
        let through = rows.1 * self.heads * keys + key_rows.1 * self.heads * count + batch * (keys + count) * inner;
        through < by_head
    }

    /// The pullback of cotangents of the mixed values, `[batch, key/value head, probe, group, row, head_dim]`, to the inputs
    /// of the projections in the rows `given` and `reached`.
    pub(super) fn pullback_through_projections(
        &self,
        mixed: Tensor<6>,
        trace: &AttentionTrace,
        given: &Rows,
        reached: &Rows,
        keys: usize,
    ) -> AttentionCotangents {
        let [batch, heads, probes, group, count, head_dim] = mixed.dims();
        let features = self.query.input_size();
        let Block { to_scores, to_values, queries, keys: compared } =
            self.block_pullback(mixed, trace, &given.dense(), keys);

        // `[batch, head * key, feature]`
        let compared = (compared * self.scale)
            .reshape([batch, heads, 1, keys, head_dim])
            .expand([batch, heads, group, keys, head_dim])
            .reshape([batch, self.heads, keys, head_dim]);
        let of_keys = self.query.pullback_of_parts(compared).reshape([batch, self.heads * keys, features]);
        // `[batch, head * row, feature]`
        let queries = queries.reshape([batch, heads, group * count, head_dim]);
        let of_queries = self.key_value.pullback_of_parts(queries);
        let of_queries = of_queries.reshape([batch, self.heads * count, self.key_value.input_size()]);

        let to_queries = to_scores
            .clone()
            .reshape([batch, heads, probes, group, count, keys])
            .permute([0, 2, 4, 1, 3, 5])
            .reshape([batch, probes, count, self.heads * keys]);
        let to_keys = to_scores.permute([0, 2, 4, 1, 3]).reshape([batch, probes, keys, self.heads * count]);
        let inner = heads * head_dim;
        let to_values = to_values.permute([0, 2, 3, 1, 4]).reshape([batch, probes, keys, inner]);
        AttentionCotangents {
            queries: product_by_entry(to_queries, of_keys, given),
            memory: product_by_entry(to_keys, of_queries, reached)
                + self.key_value.pullback_of(inner..2 * inner, reached.unpadded(to_values)),
        }
    }
}

/// The product of padded rows `[batch, probe, row, any]` and a factor `[batch, any, feature]` per batch entry, without the
/// padding.
fn product_by_entry(x: Tensor<4>, factors: Tensor<3>, rows: &Rows) -> Tensor<4> {
    let [batch, probes, count, inner] = x.dims();
    let features = factors.dims()[2];
    match rows.of_each_entry(batch) {
        Some(each) => {
            rows.unpadded(x).reshape([batch, each, inner]).matmul(factors).reshape([1, 1, batch * each, features])
        }
        None => {
            let product = x.reshape([batch, probes * count, inner]).matmul(factors);
            rows.unpadded(product.reshape([batch, probes, count, features]))
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;
    use crate::layers::{Linear, Mask, Propagation, Rule, Softmax, Visibility};

    const FEATURES: usize = 20;
    const HEADS: usize = 2;
    const HEAD_DIM: usize = 32;

    struct Random(StdRng, Device);

    impl Random {
        fn tensor<const D: usize>(&mut self, shape: [usize; D]) -> Tensor<D> {
            let values: Vec<f32> = (0..shape.iter().product()).map(|_| self.0.random_range(-0.5..0.5)).collect();
            Tensor::<1>::from_data(values.as_slice(), &self.1).reshape(shape)
        }

        fn attention(&mut self, key_value_heads: usize) -> Attention {
            let mut linear = |input, output| Linear::new(self.tensor([output, input]), Some(self.tensor([output])));
            let key_value = linear(FEATURES, 2 * key_value_heads * HEAD_DIM);
            let mut attention = Attention::new(
                linear(FEATURES, HEADS * HEAD_DIM),
                key_value,
                linear(HEADS * HEAD_DIM, FEATURES),
                HEADS,
            );
            attention.soft_cap = Some(1.5);
            attention
        }
    }

    /// Both ways for a cotangent in `rows`, of a text or of the difference of two.
    fn agree(key_value_heads: usize, queries: usize, keys: usize, causal: bool, rows: &Rows, shape: [usize; 3]) {
        let device = crate::device::parse("auto").unwrap();
        let mut random = Random(StdRng::seed_from_u64(7), device.clone());
        let attention = random.attention(key_value_heads);
        let visibility = Visibility { causal, ..Visibility::default() };
        let mask = Mask::new(&visibility, 0..queries, keys, &[], &device);
        let trace = |random: &mut Random, dropout| {
            let memory = random.tensor([2, keys, FEATURES]);
            let x = if causal { memory.clone() } else { random.tensor([2, queries, FEATURES]) };
            attention.forward(x, &attention.key_values(memory, None), &mask, None, dropout).1
        };
        let dropout = random.tensor([2, HEADS, queries, keys]) + 1.0;
        let (dropped, plain, baseline) =
            (trace(&mut random, Some(dropout)), trace(&mut random, None), trace(&mut random, None));
        let [batch, probes, count] = shape;
        let mixed = rows.padded(random.tensor(match rows.total() {
            Some(total) => [1, 1, total, HEADS * HEAD_DIM],
            None => [batch, probes, count, HEADS * HEAD_DIM],
        }));
        let mixed = mixed.reshape([batch, probes, count, key_value_heads, HEADS / key_value_heads, HEAD_DIM]);
        let mixed = mixed.permute([0, 3, 1, 4, 2, 5]);
        let reached = if causal { rows.reached() } else { Rows::prefix(keys) };
        let compared = Rule { propagation: Propagation::DIFFERENCES, baseline: Some(&baseline) };
        let factors = Propagation {
            softmax: Softmax::Temperature(3.0),
            queries: 0.5,
            keys: 2.0,
            values: -1.5,
            ..Propagation::GRADIENT
        };
        for trace in [&dropped, &plain, &plain.clone().ruled(compared), &dropped.clone().ruled(factors.into())] {
            let by_head = attention.pullback_by_head(mixed.clone(), trace, rows, &reached, keys);
            let through = attention.pullback_through_projections(mixed.clone(), trace, rows, &reached, keys);
            for (one, other) in [(by_head.queries, through.queries), (by_head.memory, through.memory)] {
                assert_eq!(one.dims(), other.dims());
                let largest = one.clone().abs().max().into_scalar::<f32>();
                let difference = (one - other).abs().max().into_scalar::<f32>();
                assert!(largest > 1e-3 && difference < 1e-5 * largest, "{difference} of {largest}");
            }
        }
    }

    #[test]
    fn it_is_the_pullback_by_head() {
        for key_value_heads in [1, 2] {
            agree(key_value_heads, 5, 5, false, &Rows::prefix(5), [2, 3, 5]);
            agree(key_value_heads, 4, 6, false, &Rows::Span(1..4), [2, 3, 3]);
            agree(key_value_heads, 5, 5, true, &Rows::prefix(5), [2, 1, 5]);
            // Alike in both texts, and not.
            for positions in [[2, 4, 1, 2, 4, 1], [2, 4, 1, 0, 3, 3]] {
                let own = Rows::Own { positions: positions.to_vec(), first: vec![0, 1, 0, 0, 1, 0], probes: 3 };
                agree(key_value_heads, 5, 5, true, &own.reached(), [2, 3, 5]);
            }
        }
    }

    #[test]
    fn few_keys_are_less_through_projections_and_many_are_not() {
        let device = crate::device::parse("auto").unwrap();
        let mut random = Random(StdRng::seed_from_u64(7), device.clone());
        let attention = random.attention(HEADS);
        let mut is_less = |keys: usize| {
            let x = random.tensor([1, keys, FEATURES]);
            let mask = Mask::new(&Visibility::default(), 0..keys, keys, &[], &device);
            let trace = attention.forward(x.clone(), &attention.key_values(x, None), &mask, None, None).1;
            let rows = Rows::prefix(keys);
            attention.is_less_through_projections(&trace, &rows, &rows, [1, 16, keys], keys)
        };
        assert!(is_less(8) && !is_less(64));
    }
}
