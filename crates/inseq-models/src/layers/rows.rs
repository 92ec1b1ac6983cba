//! The positions that a cotangent covers.

use std::ops::Range;
use std::sync::Arc;

use burn::tensor::{Device, Int, Tensor};

use super::kernels::gather_rows;

/// The positions that a cotangent has rows for.
///
/// At the top of a decoder a step's cotangent is non-zero only at the step's own position; below the first
/// self-attention it covers the prefix that the step sees. Position-wise layers use the same code for both,
/// because [`Rows::of`] brings the trace into the layout of the cotangent.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Rows {
    /// The same positions for every probe: cotangents are `[batch, probe, row, feature]`.
    Span(Range<usize>),
    /// One row per probe, at the probe's own position: cotangents are `[batch, probe, 1, feature]`.
    Own {
        /// Position of each probe, `[batch * probe]`, batch-major.
        positions: Vec<usize>,
        /// First requested position among those that a probe reaches, `[batch * probe]`.
        first: Vec<usize>,
        /// Number of probes per batch entry.
        probes: usize,
    },
    /// The positions of each probe from the first requested one up to its own, one probe after another without padding:
    /// cotangents are `[1, 1, row, feature]`. Earlier positions do not affect the result.
    Prefixes(Arc<Prefixes>),
}

/// Requested positions that each probe sees.
#[derive(Debug)]
pub struct Prefixes {
    /// Positions of each probe, `[batch * probe]`, batch-major.
    ranges: Vec<Range<usize>>,
    probes: usize,
    longest: usize,
}

impl Prefixes {
    fn batch(&self) -> usize {
        self.ranges.len() / self.probes.max(1)
    }

    /// Each row's probe (counted over the batch) and position.
    fn rows(&self) -> impl Iterator<Item = (usize, usize)> {
        self.ranges.iter().enumerate().flat_map(|(probe, range)| range.clone().map(move |position| (probe, position)))
    }
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
            Rows::Prefixes(prefixes) => prefixes.longest,
        }
    }

    /// Number of rows of all probes and batch entries, if it differs between them.
    pub(super) fn total(&self) -> Option<usize> {
        match self {
            Rows::Prefixes(prefixes) => Some(prefixes.ranges.iter().map(ExactSizeIterator::len).sum()),
            Rows::Span(_) | Rows::Own { .. } => None,
        }
    }

    /// Number of rows of each of `batch` batch entries, if rows without padding are divided among them equally.
    pub(super) fn of_each_entry(&self, batch: usize) -> Option<usize> {
        let Rows::Prefixes(prefixes) = self else { return None };
        let each = self.total()? / batch.max(1);
        let of_entry = |ranges: &[Range<usize>]| ranges.iter().map(ExactSizeIterator::len).sum::<usize>();
        prefixes.ranges.chunks(prefixes.probes.max(1)).all(|ranges| of_entry(ranges) == each).then_some(each)
    }

    /// The rows that these rows reach through a causal self-attention: each row reaches the positions up to it.
    #[must_use]
    pub fn reached(&self) -> Self {
        match self {
            Rows::Span(range) => Rows::prefix(range.end),
            // Nothing is padded where there is one.
            Rows::Own { positions, first, .. } if positions.len() == 1 && first[0] == 0 => Rows::prefix(self.end()),
            Rows::Own { positions, first, probes } => Rows::Prefixes(Arc::new(Prefixes {
                // The own row of a probe that sees nothing wanted stays, so that no part is without rows.
                ranges: positions.iter().zip(first).map(|(&own, &first)| first.min(own)..own + 1).collect(),
                probes: *probes,
                longest: self.end(),
            })),
            Rows::Prefixes(_) => self.clone(),
        }
    }

    /// The rows of [`padded`](Self::padded) cotangents.
    pub(super) fn dense(&self) -> Rows {
        match self {
            Rows::Prefixes(prefixes) => Rows::prefix(prefixes.longest),
            _ => self.clone(),
        }
    }

    /// Some of the rows, counted from the first; the single row of a probe is not divided.
    pub(super) fn part(&self, range: &Range<usize>) -> Rows {
        match self.dense() {
            Rows::Span(all) => Rows::Span(all.start + range.start..all.start + range.end),
            other => other,
        }
    }

    /// The batch entry and the position of each row of cotangents with these numbers of batch entries and probes, row-major.
    pub fn positions(&self, [batch, probes]: [usize; 2]) -> Vec<(usize, usize)> {
        match self {
            Rows::Span(range) => {
                let of_entry = |entry| (0..probes).flat_map(move |_| range.clone().map(move |at| (entry, at)));
                (0..batch).flat_map(of_entry).collect()
            }
            Rows::Own { positions, probes, .. } => {
                positions.iter().enumerate().map(|(probe, &at)| (probe / (*probes).max(1), at)).collect()
            }
            Rows::Prefixes(prefixes) => {
                prefixes.rows().map(|(probe, at)| (probe / prefixes.probes.max(1), at)).collect()
            }
        }
    }

    /// The rows of a trace `[batch, position, feature]` in the layout of the cotangents, with a probe axis of 1 if all probes
    /// have the same rows.
    pub fn of(&self, trace: &Tensor<3>) -> Tensor<4> {
        let [batch, length, features] = trace.dims();
        match self {
            Rows::Span(range) => trace.clone().narrow(1, range.start, range.len()).unsqueeze_dim(1),
            Rows::Own { positions, probes, .. } => trace
                .clone()
                .reshape([batch * length, features])
                .select(0, index(positions, *probes, 1, length, &trace.device()))
                .reshape([batch, *probes, 1, features]),
            Rows::Prefixes(prefixes) => {
                let positions = self.positions([batch, prefixes.probes]);
                let index: Vec<_> = positions.into_iter().map(|(entry, at)| Some(entry * length + at)).collect();
                gather_rows(trace.clone().reshape([batch * length, features]), &index).unsqueeze_dims(&[0, 0])
            }
        }
    }

    /// Cotangents as `[batch, probe, row, feature]`, with zeros before a probe's first row and after its last.
    pub fn padded(&self, cotangent: Tensor<4>) -> Tensor<4> {
        let Rows::Prefixes(prefixes) = self else { return cotangent };
        let [_, _, rows, features] = cotangent.dims();
        let mut start = 0;
        let mut index = vec![None; prefixes.ranges.len() * prefixes.longest];
        for (rows, range) in index.chunks_mut(prefixes.longest.max(1)).zip(&prefixes.ranges) {
            for row in &mut rows[range.clone()] {
                *row = Some(start);
                start += 1;
            }
        }
        gather_rows(cotangent.reshape([rows, features]), &index).reshape([
            prefixes.batch(),
            prefixes.probes,
            prefixes.longest,
            features,
        ])
    }

    /// Removes the rows before a probe's first row and after its last from cotangents `[batch, probe, row, feature]`: the inverse of
    /// [`padded`](Self::padded).
    pub fn unpadded(&self, cotangent: Tensor<4>) -> Tensor<4> {
        let Rows::Prefixes(prefixes) = self else { return cotangent };
        let [batch, probes, rows, features] = cotangent.dims();
        let index: Vec<_> = prefixes.rows().map(|(probe, position)| Some(probe * rows + position)).collect();
        gather_rows(cotangent.reshape([batch * probes * rows, features]), &index).unsqueeze_dims(&[0, 0])
    }

    /// Cotangents of these rows in the layout of the rows that they [reach](Self::reached), with zeros in the other rows.
    pub fn among_reached(&self, cotangent: Tensor<4>) -> Tensor<4> {
        let Rows::Own { positions, first, .. } = self else { return cotangent };
        let [batch, probes, _, features] = cotangent.dims();
        let index: Vec<_> = (positions.iter().zip(first).enumerate())
            .flat_map(|(probe, (&own, &first))| {
                (first.min(own)..=own).map(move |position| (position == own).then_some(probe))
            })
            .collect();
        gather_rows(cotangent.reshape([batch * probes, features]), &index).unsqueeze_dims(&[0, 0])
    }

    /// The rows of queries `[batch, key/value head, group, position, head_dim]`: those of a span, or each probe's own, on the
    /// position axis.
    pub(super) fn of_heads(&self, queries: &Tensor<5>) -> Tensor<5> {
        let [batch, heads, group, length, features] = queries.dims();
        match self.dense() {
            Rows::Own { positions, probes, .. } => queries
                .clone()
                .reshape([batch * heads * group * length, features])
                .select(0, index(&positions, probes, heads * group, length, &queries.device()))
                .reshape([batch, heads, group, probes, features]),
            other => {
                let start = if let Rows::Span(range) = &other { range.start } else { 0 };
                queries.clone().narrow(3, start, other.end() - start)
            }
        }
    }

    /// Reorders the output of [`of_heads`](Self::of_heads), `[batch, key/value head, group, row, any]`, by probe: `[batch, key/value
    /// head, probe or 1, group * row, any]`.
    pub(super) fn by_probe(&self, x: Tensor<5>) -> Tensor<5> {
        let [batch, heads, group, rows, last] = x.dims();
        match self {
            Rows::Own { .. } => x.swap_dims(2, 3),
            Rows::Span(_) | Rows::Prefixes(_) => x.reshape([batch, heads, 1, group * rows, last]),
        }
    }
}

/// Flat indices into `[batch, head, position]` of the probes' positions `[batch, probe]`, per head.
fn index(positions: &[usize], probes: usize, heads: usize, length: usize, device: &Device) -> Tensor<1, Int> {
    let index: Vec<i64> = positions
        .chunks(probes.max(1))
        .enumerate()
        .flat_map(|(entry, own)| (0..heads).map(move |head| (entry * heads + head, own)))
        .flat_map(|(row, own)| own.iter().map(move |p| (row * length + p) as i64))
        .collect();
    Tensor::from_data(index.as_slice(), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_padded_and_unpadded() {
        let device = crate::device::parse("auto").unwrap();
        let values = |count: usize| (1..=count).map(|i| i as f32).collect::<Vec<f32>>();
        let own = Rows::Own { positions: vec![0, 2, 1, 1], first: vec![0; 4], probes: 2 };
        let prefixes = own.reached();
        let rows = 1 + 3 + 2 + 2;
        let x = Tensor::<1>::from_data(values(rows * 2).as_slice(), &device).reshape([1, 1, rows, 2]);
        let padded = prefixes.padded(x.clone());
        assert_eq!(padded.dims(), [2, 2, 3, 2]);
        let first: Vec<f32> = padded.clone().slice([0..1, 0..2]).try_into_vec_as().unwrap();
        assert_eq!(first, [1.0, 2.0, 0.0, 0.0, 0.0, 0.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
        assert_eq!(prefixes.unpadded(padded).try_into_vec_as::<f32>().unwrap(), values(rows * 2));
        let own_values = Tensor::<1>::from_data(values(4).as_slice(), &device).reshape([2, 2, 1, 1]);
        let among: Vec<f32> = own.among_reached(own_values).try_into_vec_as().unwrap();
        assert_eq!(among, [1.0, 0.0, 0.0, 2.0, 0.0, 3.0, 0.0, 4.0]);
    }

    #[test]
    fn each_row_has_a_batch_entry_and_a_position() {
        assert_eq!(Rows::Span(1..3).positions([2, 2]), [0, 0, 1, 1].map(|e| [(e, 1), (e, 2)]).concat());
        let own = Rows::Own { positions: vec![0, 2, 1, 1], first: vec![0, 1, 0, 0], probes: 2 };
        assert_eq!(own.positions([2, 2]), [(0, 0), (0, 2), (1, 1), (1, 1)]);
        let reached = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 0), (1, 1)];
        assert_eq!(own.reached().positions([2, 2]), reached);
    }

    #[test]
    fn what_is_before_the_first_wanted_position_has_no_row() {
        let device = crate::device::parse("auto").unwrap();
        let own = Rows::Own { positions: vec![0, 2, 3], first: vec![1, 1, 3], probes: 3 };
        let prefixes = own.reached();
        let x = Tensor::<1>::from_data([1.0, 2.0, 3.0, 4.0], &device).reshape([1, 1, 4, 1]);
        let padded = prefixes.padded(x.clone());
        let expected = [[1.0, 0.0, 0.0, 0.0], [0.0, 2.0, 3.0, 0.0], [0.0, 0.0, 0.0, 4.0]].concat();
        assert_eq!(padded.clone().try_into_vec_as::<f32>().unwrap(), expected);
        assert_eq!(prefixes.unpadded(padded).try_into_vec_as::<f32>().unwrap(), [1.0, 2.0, 3.0, 4.0]);
        let values = Tensor::<1>::from_data([5.0, 6.0, 7.0], &device).reshape([1, 3, 1, 1]);
        assert_eq!(own.among_reached(values).try_into_vec_as::<f32>().unwrap(), [5.0, 0.0, 6.0, 7.0]);
    }

    #[test]
    fn traces_are_brought_into_the_layout_of_prefixes() {
        let device = crate::device::parse("auto").unwrap();
        let trace = Tensor::<1>::from_data([0.0, 1.0, 2.0, 10.0, 11.0, 12.0], &device).reshape([2, 3, 1]);
        let rows = Rows::Own { positions: vec![1, 0], first: vec![0; 2], probes: 1 }.reached();
        assert_eq!(rows.of(&trace).try_into_vec_as::<f32>().unwrap(), [0.0, 1.0, 10.0]);
    }
}
