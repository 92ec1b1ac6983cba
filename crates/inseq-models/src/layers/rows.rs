//! The positions that a cotangent covers.

use std::ops::Range;
use std::sync::Arc;

use burn::tensor::{Device, Int, Tensor};

use super::kernels::gather_rows;

/// The positions that a cotangent has rows for.
///
/// At the top of a decoder a step's cotangent is non-zero only at the positions that predict the step's tokens; below the first
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
    /// A range of positions for each probe, one probe after another without padding: cotangents are `[1, 1, row, feature]`. These
    /// are the positions of a probe itself, or those that it reaches, from the first requested one on; earlier positions do not
    /// affect the result.
    Ranges(Arc<Ranges>),
}

/// Positions of each probe.
#[derive(Debug)]
pub struct Ranges {
    /// Positions of each probe, `[batch * probe]`, batch-major.
    positions: Vec<Range<usize>>,
    /// First requested position among those that a probe reaches, `[batch * probe]`.
    first: Vec<usize>,
    probes: usize,
    longest: usize,
}

impl Ranges {
    fn new(positions: Vec<Range<usize>>, first: Vec<usize>, probes: usize) -> Arc<Self> {
        let longest = positions.iter().map(|range| range.end).max().unwrap_or(0);
        Arc::new(Self { positions, first, probes, longest })
    }

    /// Whether each probe reaches its own positions only.
    fn are_reached(&self) -> bool {
        self.positions.iter().zip(&self.first).all(|(range, &first)| range.start <= first)
    }

    fn batch(&self) -> usize {
        self.positions.len() / self.probes.max(1)
    }

    /// Each row's probe (counted over the batch) and position.
    fn rows(&self) -> impl Iterator<Item = (usize, usize)> {
        self.positions
            .iter()
            .enumerate()
            .flat_map(|(probe, range)| range.clone().map(move |position| (probe, position)))
    }
}

impl Rows {
    /// The rows of probes that cover a range of positions each, `[batch * probe]`, batch-major, none of them empty. `first` is the
    /// first requested position among those that a probe reaches.
    pub fn of_probes(positions: Vec<Range<usize>>, first: Vec<usize>, probes: usize) -> Self {
        match positions.as_slice() {
            each if each.iter().all(|range| range.len() == 1) => {
                Rows::Own { positions: each.iter().map(|range| range.start).collect(), first, probes }
            }
            // Nothing is padded where there is one.
            [one] if first[0] == 0 => Rows::Span(one.clone()),
            _ => Rows::Ranges(Ranges::new(positions, first, probes)),
        }
    }

    /// Cotangents of the rows of probes, one probe after another, `[row, feature]`, in the layout of these rows.
    pub fn laid_out(&self, cotangents: Tensor<2>) -> Tensor<4> {
        let [rows, features] = cotangents.dims();
        match self {
            Rows::Own { probes, .. } => cotangents.reshape([rows / (*probes).max(1), *probes, 1, features]),
            Rows::Span(_) | Rows::Ranges(_) => cotangents.unsqueeze_dims(&[0, 0]),
        }
    }

    /// The first `count` positions.
    pub fn prefix(count: usize) -> Self {
        Rows::Span(0..count)
    }

    /// The first position after every row.
    pub fn end(&self) -> usize {
        match self {
            Rows::Span(range) => range.end,
            Rows::Own { positions, .. } => positions.iter().max().map_or(0, |p| p + 1),
            Rows::Ranges(ranges) => ranges.longest,
        }
    }

    /// Number of rows of all probes and batch entries, if it differs between them.
    pub(super) fn total(&self) -> Option<usize> {
        match self {
            Rows::Ranges(ranges) => Some(ranges.positions.iter().map(ExactSizeIterator::len).sum()),
            Rows::Span(_) | Rows::Own { .. } => None,
        }
    }

    /// Number of rows of each of `batch` batch entries, if rows without padding are divided among them equally.
    pub(super) fn of_each_entry(&self, batch: usize) -> Option<usize> {
        let Rows::Ranges(ranges) = self else { return None };
        let each = self.total()? / batch.max(1);
        let of_entry = |ranges: &[Range<usize>]| ranges.iter().map(ExactSizeIterator::len).sum::<usize>();
        ranges.positions.chunks(ranges.probes.max(1)).all(|ranges| of_entry(ranges) == each).then_some(each)
    }

    /// The rows that these rows reach through a causal self-attention: each row reaches the positions up to it.
    #[must_use]
    pub fn reached(&self) -> Self {
        match self {
            Rows::Span(range) => Rows::prefix(range.end),
            // Nothing is padded where there is one.
            Rows::Own { positions, first, .. } if positions.len() == 1 && first[0] == 0 => Rows::prefix(self.end()),
            Rows::Ranges(ranges) if ranges.are_reached() => self.clone(),
            // The own row of a probe that sees nothing wanted stays, so that no part is without rows.
            Rows::Own { positions, first, probes } => {
                let ranges = positions.iter().zip(first).map(|(&own, &first)| first.min(own)..own + 1);
                Rows::Ranges(Ranges::new(ranges.collect(), first.clone(), *probes))
            }
            Rows::Ranges(own) => {
                let ranges =
                    own.positions.iter().zip(&own.first).map(|(range, &first)| first.min(range.start)..range.end);
                Rows::Ranges(Ranges::new(ranges.collect(), own.first.clone(), own.probes))
            }
        }
    }

    /// The rows of [`padded`](Self::padded) cotangents.
    pub(super) fn dense(&self) -> Rows {
        match self {
            Rows::Ranges(ranges) => Rows::prefix(ranges.longest),
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
            Rows::Ranges(ranges) => ranges.rows().map(|(probe, at)| (probe / ranges.probes.max(1), at)).collect(),
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
            Rows::Ranges(ranges) => {
                let positions = self.positions([batch, ranges.probes]);
                let index: Vec<_> = positions.into_iter().map(|(entry, at)| Some(entry * length + at)).collect();
                gather_rows(trace.clone().reshape([batch * length, features]), &index).unsqueeze_dims(&[0, 0])
            }
        }
    }

    /// Cotangents as `[batch, probe, row, feature]`, with zeros before a probe's first row and after its last.
    pub fn padded(&self, cotangent: Tensor<4>) -> Tensor<4> {
        let Rows::Ranges(ranges) = self else { return cotangent };
        let [_, _, rows, features] = cotangent.dims();
        let mut start = 0;
        let mut index = vec![None; ranges.positions.len() * ranges.longest];
        for (rows, range) in index.chunks_mut(ranges.longest.max(1)).zip(&ranges.positions) {
            for row in &mut rows[range.clone()] {
                *row = Some(start);
                start += 1;
            }
        }
        gather_rows(cotangent.reshape([rows, features]), &index).reshape([
            ranges.batch(),
            ranges.probes,
            ranges.longest,
            features,
        ])
    }

    /// Removes the rows before a probe's first row and after its last from cotangents `[batch, probe, row, feature]`: the inverse of
    /// [`padded`](Self::padded).
    pub fn unpadded(&self, cotangent: Tensor<4>) -> Tensor<4> {
        let Rows::Ranges(ranges) = self else { return cotangent };
        let [batch, probes, rows, features] = cotangent.dims();
        let index: Vec<_> = ranges.rows().map(|(probe, position)| Some(probe * rows + position)).collect();
        gather_rows(cotangent.reshape([batch * probes * rows, features]), &index).unsqueeze_dims(&[0, 0])
    }

    /// Cotangents of these rows in the layout of the rows that they [reach](Self::reached), with zeros in the other rows.
    pub fn among_reached(&self, cotangent: Tensor<4>) -> Tensor<4> {
        let [batch, probes, rows, features] = cotangent.dims();
        // Rows of each probe, and the number of rows that it reaches before them.
        let each: Vec<(usize, usize)> = match self {
            Rows::Span(range) if range.start > 0 => {
                let zeros = [batch, probes, range.start, features];
                let zeros = Tensor::zeros(zeros, (&cotangent.device(), cotangent.dtype()));
                return Tensor::cat(vec![zeros, cotangent], 2);
            }
            Rows::Own { positions, first, .. } => {
                positions.iter().zip(first).map(|(&own, &first)| (1, own - first.min(own))).collect()
            }
            Rows::Ranges(own) if !own.are_reached() => {
                let each = own.positions.iter().zip(&own.first);
                each.map(|(range, &first)| (range.len(), range.start - first.min(range.start))).collect()
            }
            Rows::Span(_) | Rows::Ranges(_) => return cotangent,
        };
        let mut next = 0;
        let mut index = Vec::new();
        for (count, before) in each {
            index.extend(std::iter::repeat_n(None, before));
            index.extend((next..next + count).map(Some));
            next += count;
        }
        gather_rows(cotangent.reshape([batch * probes * rows, features]), &index).unsqueeze_dims(&[0, 0])
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
            Rows::Span(_) | Rows::Ranges(_) => x.reshape([batch, heads, 1, group * rows, last]),
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
    fn ranges_are_padded_and_unpadded() {
        let device = crate::device::parse("auto").unwrap();
        let values = |count: usize| (1..=count).map(|i| i as f32).collect::<Vec<f32>>();
        let own = Rows::Own { positions: vec![0, 2, 1, 1], first: vec![0; 4], probes: 2 };
        let ranges = own.reached();
        let rows = 1 + 3 + 2 + 2;
        let x = Tensor::<1>::from_data(values(rows * 2).as_slice(), &device).reshape([1, 1, rows, 2]);
        let padded = ranges.padded(x.clone());
        assert_eq!(padded.dims(), [2, 2, 3, 2]);
        let first: Vec<f32> = padded.clone().slice([0..1, 0..2]).try_into_vec_as().unwrap();
        assert_eq!(first, [1.0, 2.0, 0.0, 0.0, 0.0, 0.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
        assert_eq!(ranges.unpadded(padded).try_into_vec_as::<f32>().unwrap(), values(rows * 2));
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
        let ranges = own.reached();
        let x = Tensor::<1>::from_data([1.0, 2.0, 3.0, 4.0], &device).reshape([1, 1, 4, 1]);
        let padded = ranges.padded(x.clone());
        let expected = [[1.0, 0.0, 0.0, 0.0], [0.0, 2.0, 3.0, 0.0], [0.0, 0.0, 0.0, 4.0]].concat();
        assert_eq!(padded.clone().try_into_vec_as::<f32>().unwrap(), expected);
        assert_eq!(ranges.unpadded(padded).try_into_vec_as::<f32>().unwrap(), [1.0, 2.0, 3.0, 4.0]);
        let values = Tensor::<1>::from_data([5.0, 6.0, 7.0], &device).reshape([1, 3, 1, 1]);
        assert_eq!(own.among_reached(values).try_into_vec_as::<f32>().unwrap(), [5.0, 0.0, 6.0, 7.0]);
    }

    #[test]
    fn traces_are_brought_into_the_layout_of_ranges() {
        let device = crate::device::parse("auto").unwrap();
        let trace = Tensor::<1>::from_data([0.0, 1.0, 2.0, 10.0, 11.0, 12.0], &device).reshape([2, 3, 1]);
        let rows = Rows::Own { positions: vec![1, 0], first: vec![0; 2], probes: 1 }.reached();
        assert_eq!(rows.of(&trace).try_into_vec_as::<f32>().unwrap(), [0.0, 1.0, 10.0]);
    }

    #[test]
    fn rows_of_several_positions_reach_what_is_before_them() {
        let device = crate::device::parse("auto").unwrap();
        let own = Rows::of_probes(vec![1..3, 2..3, 0..2, 3..4], vec![0, 0, 0, 2], 2);
        assert_eq!(own.positions([2, 2]), [(0, 1), (0, 2), (0, 2), (1, 0), (1, 1), (1, 3)]);
        let reached = own.reached();
        let expected =
            [[(0, 0), (0, 1), (0, 2)].as_slice(), &[(0, 0), (0, 1), (0, 2)], &[(1, 0), (1, 1)], &[(1, 2), (1, 3)]];
        assert_eq!(reached.positions([2, 2]), expected.concat());
        let values = Tensor::<1>::from_data([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &device).reshape([6, 1]);
        let among = own.among_reached(own.laid_out(values)).try_into_vec_as::<f32>().unwrap();
        assert_eq!(among, [0.0, 1.0, 2.0, 0.0, 0.0, 3.0, 4.0, 5.0, 0.0, 6.0]);
    }

    #[test]
    fn one_probe_has_no_padding() {
        let device = crate::device::parse("auto").unwrap();
        let own = Rows::of_probes(vec![Range { start: 2, end: 4 }], vec![0], 1);
        let values = own.laid_out(Tensor::<1>::from_data([1.0, 2.0], &device).reshape([2, 1]));
        assert_eq!(own.among_reached(values).try_into_vec_as::<f32>().unwrap(), [0.0, 0.0, 1.0, 2.0]);
        assert_eq!(own.reached().positions([1, 1]), [(0, 0), (0, 1), (0, 2), (0, 3)]);
    }
}
