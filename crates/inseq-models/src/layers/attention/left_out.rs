//! Attention without the values of some positions.

use std::ops::Range;

use burn::tensor::{Device, Int, Tensor};

use super::super::SharedRows;
use super::{Attention, AttentionTrace};

/// Spans of positions whose values are left out one at a time, with the requested queries for each span.
///
/// Rows are the queries of the first span, then those of the next span, without padding.
#[derive(Clone, Debug)]
pub struct LeftOutValues<'a> {
    /// Spans of positions without values; none is empty.
    pub spans: &'a [Range<usize>],
    /// Queries of each span.
    pub queries: Vec<Range<usize>>,
}

impl<'a> LeftOutValues<'a> {
    /// For each of `spans`, the requested queries that change: under a causal mask, no query before the span changes.
    pub fn new(spans: &'a [Range<usize>], wanted: Range<usize>, causal: bool) -> Self {
        let queries = spans.iter().map(|span| match causal {
            true => span.start.clamp(wanted.start, wanted.end)..wanted.end,
            false => wanted.clone(),
        });
        Self { spans, queries: queries.collect() }
    }

    /// Each row's span (counted from the first) and query.
    pub fn rows(&self) -> impl Iterator<Item = (usize, usize)> {
        self.queries.iter().enumerate().flat_map(|(span, queries)| queries.clone().map(move |query| (span, query)))
    }

    /// The features `[1, query, feature]` of each row's query: `[1, row, feature]`.
    pub fn of_rows(&self, x: Tensor<3>) -> Tensor<3> {
        let index: Vec<i64> = self.rows().map(|(_, query)| query as i64).collect();
        x.clone().select(1, Tensor::from_data(index.as_slice(), &x.device()))
    }
}

fn index(of: &[usize], device: &Device) -> Tensor<1, Int> {
    let of: Vec<i64> = of.iter().map(|&i| i as i64).collect();
    Tensor::from_data(of.as_slice(), device)
}

impl Attention {
    /// The values of positions through the part of the output's weight of each of `heads`, `[batch, head, position, feature]`.
    pub fn mapped_values(&self, trace: &AttentionTrace, positions: &[usize], heads: &[usize]) -> Tensor<4> {
        let values = &trace.key_values.values;
        let of_heads: Vec<usize> = heads.iter().map(|head| head / self.group()).collect();
        let device = values.device();
        let values = values.clone().select(1, index(&of_heads, &device)).select(2, index(positions, &device));
        self.output.forward_of_parts(values, heads)
    }

    /// The output `y` `[1, query, feature]` of a forward of one batch entry, minus the contribution of each span's values to
    /// `heads`, for the rows of `left_out`. `weights` are the attention weights of the forward.
    ///
    /// The contribution of a position to a head is its value, multiplied with the head's part of the output weight, times one
    /// attention weight. The first product is the same for all queries.
    pub fn without_values(
        &self,
        trace: &AttentionTrace,
        weights: &Tensor<4>,
        y: Tensor<3>,
        left_out: &LeftOutValues,
        heads: &[usize],
    ) -> SharedRows {
        let positions: Vec<_> = left_out.spans.iter().cloned().flatten().collect();
        let weights = weights.clone().select(1, index(heads, &y.device())).select(3, index(&positions, &y.device()));
        let [_, _, queries, count] = weights.dims();
        let given = self.mapped_values(trace, &positions, heads);
        let features = self.output.output_size();
        // Of each position, a part of each head.
        let parts = count * heads.len();
        let mut end = 0;
        let groups = left_out.spans.iter().zip(&left_out.queries).map(|(span, queries)| {
            let start = end;
            end += span.len() * heads.len();
            (queries.clone(), start..end)
        });
        SharedRows {
            base: y,
            groups: groups.collect(),
            given: given.reshape([heads.len(), count, features]).swap_dims(0, 1).reshape([parts, features]),
            weights: weights.reshape([heads.len(), queries, count]).permute([1, 2, 0]).reshape([queries, parts]),
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;
    use crate::layers::{Linear, Mask, Visibility};

    const FEATURES: usize = 12;
    const HEAD_DIM: usize = 4;

    /// By definition: the values of a span put to zero where keys and values are a layer's own.
    #[test]
    fn it_is_the_output_of_values_put_to_zero() {
        let device = crate::device::parse("auto").unwrap();
        let mut random = StdRng::seed_from_u64(3);
        let mut tensor = |count: usize| {
            let values: Vec<f32> = (0..count).map(|_| random.random_range(-0.5..0.5)).collect();
            Tensor::<1>::from_data(values.as_slice(), &device)
        };
        let heads = 4;
        for (key_value_heads, causal, spans) in [
            (4, false, vec![0..1, 1..2, 2..3, 3..4, 4..5]),
            (2, true, vec![0..1, 1..2, 3..4]),
            (1, true, vec![0..2, 2..3, 3..5]),
        ] {
            let mut linear = |input: usize, output: usize| {
                Linear::new(tensor(input * output).reshape([output, input]), Some(tensor(output)))
            };
            let attention = Attention::new(
                linear(FEATURES, heads * HEAD_DIM),
                linear(FEATURES, 2 * key_value_heads * HEAD_DIM),
                linear(heads * HEAD_DIM, FEATURES),
                heads,
            );
            let x = tensor(5 * FEATURES).reshape([1, 5, FEATURES]);
            let mask = Mask::new(&Visibility { causal, ..Visibility::default() }, 0..5, 5, &[], &device);
            let key_values = attention.key_values(x.clone(), None);
            let (y, trace) = attention.forward(x.clone(), &key_values, &mask, None, None);
            let left_out = LeftOutValues::new(&spans, 1..5, causal);
            let weights = attention.weights(&trace);
            let found = attention.without_values(&trace, &weights, y, &left_out, &[0, 1, 2, 3]).rows();
            let expected = spans.iter().zip(&left_out.queries).map(|(span, queries)| {
                let kept: Vec<f32> = (0..5).map(|key| f32::from(!span.contains(&key))).collect();
                let kept = Tensor::<1>::from_data(kept.as_slice(), &device).reshape([1, 1, 5, 1]);
                let mut without = key_values.clone();
                without.values = without.values * kept;
                attention.forward(x.clone(), &without, &mask, None, None).0.narrow(1, queries.start, queries.len())
            });
            let expected = Tensor::cat(expected.collect(), 1);
            assert_eq!(found.dims(), expected.dims());
            assert!((found - expected).abs().max().into_scalar::<f32>() < 1e-6);
        }
    }
}
