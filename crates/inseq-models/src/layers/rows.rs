//! Which positions a cotangent covers.

use std::ops::Range;

use burn::tensor::{Device, Int, Tensor};

/// The positions that a cotangent `[batch, probe, position, feature]` has rows for.
///
/// At the top of a decoder a step's cotangent is non-zero at the step's own position alone; below the first
/// self-attention it covers the whole prefix. Position-wise layers pull either back with the same code, because
/// [`Rows::of`] brings the trace into the cotangent's layout.
#[derive(Clone, Debug)]
pub enum Rows {
    /// The same positions for every probe.
    Span(Range<usize>),
    /// One row a probe, at the probe's own position.
    Own {
        /// `[batch * probe]`: each probe's position, batch-major.
        positions: Vec<usize>,
        /// Probes of one batch entry.
        probes: usize,
    },
}

impl Rows {
    /// The first `count` positions.
    pub fn prefix(count: usize) -> Self {
        Rows::Span(0..count)
    }

    /// The first position after every row.
    pub fn end(&self) -> usize {
        match self {
            Rows::Span(range) => range.end,
            Rows::Own { positions, .. } => positions.iter().max().map_or(0, |p| p + 1),
        }
    }

    /// Some of the rows, counted from the first; a probe's one row is not divided.
    pub(super) fn part(&self, range: &Range<usize>) -> Rows {
        match self {
            Rows::Span(all) => Rows::Span(all.start + range.start..all.start + range.end),
            Rows::Own { .. } => self.clone(),
        }
    }

    /// The rows of a trace `[batch, position, feature]`, as `[batch, probe or 1, row, feature]`.
    pub fn of(&self, trace: &Tensor<3>) -> Tensor<4> {
        let [batch, length, features] = trace.dims();
        match self {
            Rows::Span(range) => trace.clone().narrow(1, range.start, range.len()).unsqueeze_dim(1),
            Rows::Own { positions, probes } => trace
                .clone()
                .reshape([batch * length, features])
                .select(0, index(positions, *probes, 1, length, &trace.device()))
                .reshape([batch, *probes, 1, features]),
        }
    }

    /// The rows of queries `[batch, key/value head, group, position, head_dim]`: a span's, or each probe's own, in the
    /// place of the positions.
    pub(super) fn of_heads(&self, queries: &Tensor<5>) -> Tensor<5> {
        let [batch, heads, group, length, features] = queries.dims();
        match self {
            Rows::Span(range) => queries.clone().narrow(3, range.start, range.len()),
            Rows::Own { positions, probes } => queries
                .clone()
                .reshape([batch * heads * group * length, features])
                .select(0, index(positions, *probes, heads * group, length, &queries.device()))
                .reshape([batch, heads, group, *probes, features]),
        }
    }

    /// What [`of_heads`](Self::of_heads) gives, `[batch, key/value head, group, row, any]`, by probe: `[batch, key/value
    /// head, probe or 1, group * row, any]`.
    pub(super) fn by_probe(&self, x: Tensor<5>) -> Tensor<5> {
        let [batch, heads, group, rows, last] = x.dims();
        match self {
            Rows::Span(_) => x.reshape([batch, heads, 1, group * rows, last]),
            Rows::Own { .. } => x.swap_dims(2, 3),
        }
    }

    /// Puts the rows into zeros of `[batch, probe, length, feature]`.
    pub fn scatter(&self, cotangent: Tensor<4>, length: usize) -> Tensor<4> {
        let Rows::Own { positions, probes } = self else { return cotangent };
        let [batch, _, _, _] = cotangent.dims();
        let mut one_hot = vec![0f32; batch * probes * length];
        for (row, position) in positions.iter().enumerate() {
            one_hot[row * length + position] = 1.0;
        }
        let one_hot = Tensor::<1>::from_data(one_hot.as_slice(), &cotangent.device());
        one_hot.reshape([batch, *probes, length, 1]).cast(cotangent.dtype()) * cotangent
    }
}

/// Rows of `[batch, head, position]`, flattened, that belong to the probes' positions `[batch, probe]`, by head.
fn index(positions: &[usize], probes: usize, heads: usize, length: usize, device: &Device) -> Tensor<1, Int> {
    let index: Vec<i64> = positions
        .chunks(probes.max(1))
        .enumerate()
        .flat_map(|(entry, own)| (0..heads).map(move |head| (entry * heads + head, own)))
        .flat_map(|(row, own)| own.iter().map(move |p| (row * length + p) as i64))
        .collect();
    Tensor::from_data(index.as_slice(), device)
}
