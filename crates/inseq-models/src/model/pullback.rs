//! The one batched pullback.

use std::ops::Range;

use burn::tensor::{Int, Tensor};

use super::parts::{Part, parts};
use super::stretches::Stretch;
use super::{Cotangent, Encoder, Model, Reach, Trace};
use crate::layers::Rows;
use crate::parallel::side_by_side;

/// Requested inputs of a pullback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// Whether source embeddings are requested.
    pub source: bool,
    /// Whether target embeddings are requested.
    pub target: bool,
    /// First requested target position of each batch entry; empty for all positions. If the source is requested, all positions are
    /// needed, because each of them reaches the source.
    pub first: &'a [usize],
}

/// Result of [`Model::pullback`]: cotangents of the embeddings, after their scale and before positions.
#[derive(Clone, Debug)]
pub struct InputCotangents {
    /// Cotangents of source embeddings, `[batch, probe, source, feature]`.
    pub source: Option<Tensor<4>>,
    /// Cotangents of target embeddings, `[batch, probe, target, feature]`; zero after each probe's last position, and unspecified
    /// before the first requested position.
    pub target: Option<Tensor<4>>,
}

impl InputCotangents {
    /// The sum of two results with the same shapes.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let sum = |a: Option<Tensor<4>>, b: Option<Tensor<4>>| a.zip(b).map(|(a, b)| a + b);
        Self { source: sum(self.source, other.source), target: sum(self.target, other.target) }
    }
}

impl Model {
    /// Pulls cotangents of hidden states back to the embeddings, all probes at once.
    ///
    /// `positions` has a range of positions for each probe, row-major `[batch, probe]`, none of them empty. `cotangents`
    /// `[row, feature]` holds the probe's cotangents of the decoder's last hidden states at these positions, one probe after another.
    /// Below the top of the decoder a probe has a row for each requested position that it sees, and no other rows.
    pub fn pullback(
        &self,
        trace: &Trace,
        cotangents: Tensor<2>,
        positions: &[Range<usize>],
        wanted: Wanted,
    ) -> InputCotangents {
        let batch = trace.hidden.dims()[0];
        let probes = positions.len() / batch.max(1);
        let source = trace.encoder.length;
        let first = |entry: usize| wanted.first.get(entry).filter(|_| !wanted.source).copied().unwrap_or(0);
        let rows = |entry: usize, probe: usize| {
            let own = &positions[entry * probes + probe];
            source + own.end - first(entry).min(own.start)
        };
        let parts = parts(batch, probes, &cotangents.device(), rows);
        // Number of rows before those of each probe.
        let mut rows_before = 0;
        let before = positions.iter().map(|own| {
            rows_before += own.len();
            rows_before - own.len()
        });
        let before: Vec<usize> = before.collect();
        let start = |part: &Part| {
            let own = |entry: usize| part.probes.clone().map(move |probe| (entry, entry * probes + probe));
            let (mut index, mut ranges, mut firsts) = (Vec::new(), Vec::new(), Vec::new());
            for (entry, probe) in part.entries.clone().flat_map(own) {
                let Range { start, end } = positions[probe];
                // Rows before the first requested position reach nothing that is requested.
                let from = start.max(first(entry).min(end - 1));
                index.extend((from..end).map(|position| (before[probe] + position - start) as i64));
                ranges.push(from..end);
                firsts.push(first(entry));
            }
            let rows = Rows::of_probes(ranges, firsts, part.probes.len());
            let index = Tensor::<1, Int>::from_data(index.as_slice(), &cotangents.device());
            let value = rows.laid_out(cotangents.clone().select(0, index));
            (part.clone(), Progress { decoder: Some(Cotangent { value, rows }), ..Progress::default() })
        };
        let mut done: Vec<(Part, Progress)> = parts.iter().map(start).collect();
        for stretch in trace.stretches() {
            let opened = trace.opened(self, &stretch);
            done = side_by_side(&done, |(part, progress)| {
                (part.clone(), self.part_pullback(&opened.entries(&part.entries), &stretch, progress.clone(), wanted))
            });
        }
        let (sources, targets) = done.into_iter().map(|(_, progress)| (progress.source, progress.target)).unzip();
        InputCotangents { source: joined(&parts, sources), target: joined(&parts, targets) }
    }

    /// The pullback of one processor's part through the blocks of a stretch, which are those of `trace`.
    fn part_pullback(&self, trace: &Trace, stretch: &Stretch, from: Progress, wanted: Wanted) -> Progress {
        let mut at = from;
        if let Some(range) = &stretch.decoder {
            let (stack, trace) = (&self.decoder, &trace.decoder);
            if range.end == stack.blocks.len() {
                at.decoder = at.decoder.map(|c| c.map(|value, rows| stack.leave_pullback(value, trace, rows)));
            }
            for (index, trace) in range.clone().zip(trace.blocks.kept()).rev() {
                let reach = if index == 0 && !wanted.target { Reach::Memory } else { Reach::Input };
                at.decoder = at.decoder.and_then(|c| stack.blocks[index].pullback(c, trace, reach, &mut at.memory));
            }
            if range.start == 0 {
                at.target = at.decoder.take().filter(|_| wanted.target).map(|Cotangent { value, rows }| {
                    let value = stack.enter_pullback(value, trace, &rows);
                    let reached = rows.reached();
                    extend(reached.padded(rows.among_reached(value)), trace.length)
                });
            }
        }
        if let (Some(range), Some(Encoder { stack, .. })) = (&stretch.encoder, &self.encoder) {
            let trace = &trace.encoder;
            if range.end == stack.blocks.len() {
                at.encoder = at.memory.take().filter(|_| wanted.source).map(|value| {
                    let rows = Rows::prefix(value.dims()[2]);
                    Cotangent { value: stack.leave_pullback(value, trace, &rows), rows }
                });
            }
            for (index, trace) in range.clone().zip(trace.blocks.kept()).rev() {
                at.encoder = at.encoder.and_then(|c| stack.blocks[index].pullback(c, trace, Reach::Input, &mut None));
            }
            if range.start == 0 {
                at.source = at.encoder.take().map(|c| stack.enter_pullback(c.value, trace, &c.rows));
            }
        }
        at
    }
}

/// Progress of a part's pullback.
#[derive(Clone, Debug, Default)]
struct Progress {
    /// The cotangent of the decoder's blocks.
    decoder: Option<Cotangent>,
    /// The cotangent of the encoder's output so far, `[batch, probe, source, feature]`.
    memory: Option<Tensor<4>>,
    /// The cotangent of the encoder's blocks.
    encoder: Option<Cotangent>,
    source: Option<Tensor<4>>,
    target: Option<Tensor<4>>,
}

/// Joins the cotangents `[batch, probe, row, feature]` of parts, which are row-major over batch and probes.
fn joined(parts: &[Part], values: Vec<Option<Tensor<4>>>) -> Option<Tensor<4>> {
    let values: Vec<Tensor<4>> = values.into_iter().collect::<Option<_>>()?;
    let mut entries: Vec<(Range<usize>, Vec<Tensor<4>>)> = Vec::new();
    for (part, value) in parts.iter().zip(values) {
        match entries.last_mut() {
            Some((range, probes)) if *range == part.entries => probes.push(value),
            _ => entries.push((part.entries.clone(), vec![value])),
        }
    }
    let entries = entries.into_iter().map(|(_, probes)| cat(probes, 1)).collect();
    Some(cat(entries, 0))
}

fn cat(mut values: Vec<Tensor<4>>, axis: usize) -> Tensor<4> {
    if values.len() == 1 { values.remove(0) } else { Tensor::cat(values, axis) }
}

/// Appends zero rows to `[batch, probe, row, feature]`, up to `length`.
fn extend(value: Tensor<4>, length: usize) -> Tensor<4> {
    let [batch, probes, rows, features] = value.dims();
    if rows == length {
        return value;
    }
    let zeros = Tensor::zeros([batch, probes, length - rows, features], (&value.device(), value.dtype()));
    Tensor::cat(vec![value, zeros], 2)
}
