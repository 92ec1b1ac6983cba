//! Masks and distance biases of attention.

use std::ops::Range;
use std::sync::Arc;

use burn::tensor::{Device, Tensor};

use super::Rows;

/// Added to a hidden score, so that it vanishes in a softmax.
const HIDDEN: f32 = -1e30;

/// Largest number of values of a mask that is kept whole; a larger mask is computed for a few queries at a time.
const WHOLE: usize = 1 << 23;

/// The positions that a layer's queries see, and the bias of their scores by distance.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Visibility {
    /// Whether positions after the query are hidden.
    pub causal: bool,
    /// Number of visible positions, including the query's own; `None` for no limit.
    pub window: Option<usize>,
    /// Bias that is added to the scores.
    pub bias: Option<DistanceBias>,
}

/// Bias of the scores by the distance from query to key.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum DistanceBias {
    /// Slope of each head, times the distance (ALiBi: Press et al., 2021, <https://arxiv.org/abs/2108.12409>).
    Linear(Arc<[f32]>),
    /// A learned value for each head and bucket of distances (T5: Raffel et al., 2019,
    /// <https://arxiv.org/abs/1910.10683>).
    Buckets {
        /// Learned values, `[bucket, head]`, row-major.
        table: Arc<[f32]>,
        /// Number of heads.
        heads: usize,
        /// Distance from which all distances share the last bucket.
        max_distance: usize,
        /// Whether keys after the query have separate buckets.
        bidirectional: bool,
    },
}

impl DistanceBias {
    fn heads(&self) -> usize {
        match self {
            DistanceBias::Linear(slopes) => slopes.len(),
            DistanceBias::Buckets { heads, .. } => *heads,
        }
    }

    /// The bias for a key `distance` positions after the query.
    fn at(&self, head: usize, distance: isize) -> f32 {
        match self {
            DistanceBias::Linear(slopes) => slopes[head] * distance as f32,
            DistanceBias::Buckets { table, heads, max_distance, bidirectional } => {
                table[bucket(distance, table.len() / heads, *max_distance, *bidirectional) * heads + head]
            }
        }
    }
}

/// T5's bucket of a distance: one bucket per distance in the near half, logarithmically wider buckets beyond.
fn bucket(distance: isize, buckets: usize, max_distance: usize, bidirectional: bool) -> usize {
    let (buckets, first, distance) = match (bidirectional, distance > 0) {
        (true, after) => (buckets / 2, if after { buckets / 2 } else { 0 }, distance.unsigned_abs()),
        (false, true) => (buckets, 0, 0),
        (false, false) => (buckets, 0, distance.unsigned_abs()),
    };
    let exact = buckets / 2;
    if distance < exact {
        return first + distance;
    }
    // Without distances between the near ones and the last, the quotient is infinite.
    let wider = (distance as f32 / exact as f32).ln() / (max_distance as f32 / exact as f32).ln();
    let wider = (wider * (buckets - exact) as f32).min(buckets as f32);
    first + (exact + wider as usize).min(buckets - 1)
}

/// The mask of a forward's queries over its keys.
#[derive(Clone, Debug)]
pub struct Mask {
    visibility: Visibility,
    /// Positions of the queries.
    queries: Range<usize>,
    keys: usize,
    /// Number of keys of each batch entry that are not padding; `None` without padding.
    lengths: Option<Arc<[usize]>>,
    device: Device,
    whole: Option<Tensor<4>>,
}

impl Mask {
    /// A mask for queries at the positions `queries` over keys at `0..keys`; `lengths` are the numbers of keys of each batch entry
    /// that are not padding (empty: all keys).
    pub fn new(
        visibility: &Visibility,
        queries: Range<usize>,
        keys: usize,
        lengths: &[usize],
        device: &Device,
    ) -> Self {
        let lengths = lengths.iter().any(|&length| length < keys).then(|| Arc::from(lengths));
        let mut mask =
            Self { visibility: visibility.clone(), queries, keys, lengths, device: device.clone(), whole: None };
        let count = mask.queries.len();
        if mask.count() * mask.heads() * count * keys <= WHOLE {
            mask.whole = mask.made(0..count, keys);
        }
        mask
    }

    /// Whether positions after a query are hidden.
    pub fn is_causal(&self) -> bool {
        self.visibility.causal
    }

    /// Number of keys that queries before row `end` see.
    pub(super) fn keys_before(&self, end: usize) -> usize {
        if self.visibility.causal { (self.queries.start + end).min(self.keys) } else { self.keys }
    }

    /// The bias for the scores of some queries (counted from the first) over the first `keys` keys, `[batch or 1, head
    /// or 1, query, key]`; `None` for no bias.
    pub(super) fn of_queries(&self, queries: Range<usize>, keys: usize) -> Option<Tensor<4>> {
        match &self.whole {
            Some(whole) => Some(whole.clone().narrow(2, queries.start, queries.len()).narrow(3, 0, keys)),
            None if self.is_void() => None,
            None => self.made(queries, keys),
        }
    }

    /// The bias for the scores of each probe's own query, `[batch or 1, head or 1, probe, key]`.
    pub(super) fn of_rows(&self, rows: &Rows, keys: usize) -> Option<Tensor<4>> {
        match rows {
            Rows::Span(range) => self.of_queries(range.clone(), keys),
            Rows::Ranges(_) => self.of_queries(0..rows.end(), keys),
            Rows::Own { positions, probes, .. } if !self.is_void() => {
                let entries = positions.len() / (*probes).max(1);
                Some(self.tensor(entries, *probes, keys, |entry, row| positions[entry * probes + row]))
            }
            Rows::Own { .. } => None,
        }
    }

    fn is_void(&self) -> bool {
        let visibility = &self.visibility;
        let last_key_is_seen = !visibility.causal || self.queries.start + 1 >= self.keys;
        self.lengths.is_none() && visibility.bias.is_none() && last_key_is_seen && !self.window_hides()
    }

    fn window_hides(&self) -> bool {
        self.visibility.window.is_some_and(|window| self.queries.end > window)
    }

    /// The mask of some batch entries.
    pub(super) fn entries(&self, range: &Range<usize>) -> Mask {
        Mask {
            lengths: self.lengths.as_ref().map(|lengths| Arc::from(&lengths[range.clone()])),
            whole: self.whole.as_ref().map(|whole| match whole.dims()[0] {
                1 => whole.clone(),
                _ => whole.clone().narrow(0, range.start, range.len()),
            }),
            ..self.clone()
        }
    }

    fn count(&self) -> usize {
        self.lengths.as_ref().map_or(1, |lengths| lengths.len())
    }

    fn heads(&self) -> usize {
        self.visibility.bias.as_ref().map_or(1, DistanceBias::heads)
    }

    fn made(&self, queries: Range<usize>, keys: usize) -> Option<Tensor<4>> {
        if self.is_void() {
            return None;
        }
        let first = self.queries.start + queries.start;
        Some(self.tensor(self.count(), queries.len(), keys, |_, row| first + row))
    }

    fn tensor(&self, entries: usize, rows: usize, keys: usize, position: impl Fn(usize, usize) -> usize) -> Tensor<4> {
        let heads = self.heads();
        // By head, the bias for every distance that can occur, from the first key and the last query on.
        let behind = self.queries.end;
        let by_distance: Vec<Vec<f32>> = match &self.visibility.bias {
            Some(bias) => (0..heads)
                .map(|head| (0..behind + keys).map(|i| bias.at(head, i as isize - behind as isize)).collect())
                .collect(),
            None => Vec::new(),
        };
        let mut values = vec![0f32; entries * heads * rows * keys];
        for (index, row_values) in values.chunks_mut(keys.max(1)).enumerate() {
            let (entry, head, row) = (index / (heads * rows), index / rows % heads, index % rows);
            let position = position(entry, row);
            if let Some(by_distance) = by_distance.get(head) {
                row_values.copy_from_slice(&by_distance[behind - position..behind - position + keys]);
            }
            let length = self.lengths.as_ref().map_or(keys, |lengths| lengths[entry.min(lengths.len() - 1)]);
            let end = if self.visibility.causal { length.min(position + 1) } else { length }.min(keys);
            let start = self.visibility.window.map_or(0, |window| (position + 1).saturating_sub(window)).min(end);
            row_values[..start].fill(HIDDEN);
            row_values[end..].fill(HIDDEN);
        }
        Tensor::<1>::from_data(values.as_slice(), &self.device).reshape([entries, heads, rows, keys])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_grow_with_distance() {
        // From T5's `_relative_position_bucket` with 32 buckets and a greatest distance of 128.
        let both: Vec<usize> =
            [-200, -100, -20, -9, -1, 0, 1, 9, 20, 100, 200].into_iter().map(|d| bucket(d, 32, 128, true)).collect();
        assert_eq!(both, [15, 15, 10, 8, 1, 0, 17, 24, 26, 31, 31]);
        let before: Vec<usize> =
            [-200, -100, -20, -9, -1, 0, 5].into_iter().map(|d| bucket(d, 32, 128, false)).collect();
        assert_eq!(before, [31, 30, 17, 9, 1, 0, 0]);
        // The greatest distance is the first that is not near: those from it on share the last bucket.
        let shared: Vec<usize> = [-200, -17, -16, -15, -1].into_iter().map(|d| bucket(d, 32, 16, false)).collect();
        assert_eq!(shared, [31, 31, 31, 15, 1]);
    }

    #[test]
    fn windows_hide_what_is_far_behind() {
        let device = crate::device::parse("auto").unwrap();
        let visibility = Visibility { causal: true, window: Some(2), bias: None };
        let mask = Mask::new(&visibility, 0..4, 4, &[], &device).of_queries(2..4, 4).unwrap();
        let seen: Vec<bool> = mask.try_into_vec_as::<f32>().unwrap().into_iter().map(|v| v == 0.0).collect();
        assert_eq!(seen, [false, true, true, false, false, false, true, true]);
    }
}
