//! The one batched pullback.

use std::ops::Range;

use burn::tensor::Tensor;

use super::kept::Stretch;
use super::parts::{Part, parts};
use super::{Cotangent, Encoder, Model, Reach, Trace};
use crate::layers::Rows;
use crate::parallel::side_by_side;

/// Which inputs a pullback is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// The source embeddings.
    pub source: bool,
    /// The target embeddings.
    pub target: bool,
    /// Of each batch entry the first target position that is wanted; empty where all are. All are where the source is
    /// wanted, which is reached from every position.
    pub first: &'a [usize],
}

/// Where [`Model::pullback`] leads: cotangents of the embeddings, after their scale and before positions.
#[derive(Clone, Debug)]
pub struct InputCotangents {
    /// `[batch, probe, source, feature]`.
    pub source: Option<Tensor<4>>,
    /// `[batch, probe, target, feature]`; zero after each probe's own position, and untold before the
    /// first that is wanted.
    pub target: Option<Tensor<4>>,
}

impl InputCotangents {
    /// The sum of two pullbacks of the same shapes.
    pub fn plus(self, other: Self) -> Self {
        let sum = |a: Option<Tensor<4>>, b: Option<Tensor<4>>| a.zip(b).map(|(a, b)| a + b);
        Self { source: sum(self.source, other.source), target: sum(self.target, other.target) }
    }
}

impl Model {
    /// Pulls cotangents of hidden states back to the embeddings, all probes at once.
    ///
    /// `cotangents` `[batch, probe, feature]` holds each probe's cotangent of the decoder's last hidden state at the
    /// probe's own position, `positions` (row-major `[batch, probe]`). Below its own position a probe has a row for each
    /// position that it sees and that is wanted, and none for others.
    pub fn pullback(
        &self,
        trace: &Trace,
        cotangents: Tensor<3>,
        positions: &[usize],
        wanted: Wanted,
    ) -> InputCotangents {
        let [batch, probes, _] = cotangents.dims();
        let source = trace.encoder.length;
        let first = |entry: usize| wanted.first.get(entry).filter(|_| !wanted.source).copied().unwrap_or(0);
        let rows = |entry: usize, probe: usize| {
            let own = positions[entry * probes + probe];
            source + own + 1 - first(entry).min(own)
        };
        let parts = parts(batch, probes, &cotangents.device(), rows);
        let start = |part: &Part| {
            let own = |b: usize| part.probes.clone().map(move |p| positions[b * probes + p]);
            let positions = part.entries.clone().flat_map(own).collect();
            let value = cotangents.clone().narrow(0, part.entries.start, part.entries.len());
            let [batch, probes, features] = [part.entries.len(), part.probes.len(), cotangents.dims()[2]];
            let value = value.narrow(1, part.probes.start, probes).reshape([batch, probes, 1, features]);
            let first = part.entries.clone().flat_map(|b| std::iter::repeat_n(first(b), part.probes.len())).collect();
            let rows = Rows::Own { positions, first, probes };
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

    /// The pullback of what one processor takes at a time, through the blocks of a stretch, which are those of `trace`.
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

/// How far a part's pullback has come.
#[derive(Clone, Debug, Default)]
struct Progress {
    /// The cotangent of the decoder's blocks.
    decoder: Option<Cotangent>,
    /// What has reached the encoder's output, `[batch, probe, source, feature]`.
    memory: Option<Tensor<4>>,
    /// The cotangent of the encoder's blocks.
    encoder: Option<Cotangent>,
    source: Option<Tensor<4>>,
    target: Option<Tensor<4>>,
}

/// The cotangents `[batch, probe, row, feature]` of parts, row-major over batch and probes, in one tensor.
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

/// Zeros after the rows of `[batch, probe, row, feature]`, up to `length`.
fn extend(value: Tensor<4>, length: usize) -> Tensor<4> {
    let [batch, probes, rows, features] = value.dims();
    if rows == length {
        return value;
    }
    let zeros = Tensor::zeros([batch, probes, length - rows, features], (&value.device(), value.dtype()));
    Tensor::cat(vec![value, zeros], 2)
}
