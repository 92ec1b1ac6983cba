//! The one batched pullback.

use std::ops::Range;

use burn::tensor::Tensor;

use super::parts::{Part, parts};
use super::{Cotangent, Model, Reach, Trace};
use crate::layers::Rows;
use crate::parallel::side_by_side;

/// Which inputs a pullback is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The source embeddings.
    pub source: bool,
    /// The target embeddings.
    pub target: bool,
}

/// Where [`Model::pullback`] leads: cotangents of the embeddings, after their scale and before positions.
#[derive(Clone, Debug)]
pub struct InputCotangents {
    /// `[batch, probe, source, feature]`.
    pub source: Option<Tensor<4>>,
    /// `[batch, probe, target, feature]`; zero after each probe's own position.
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
    /// position that it sees, and none for others.
    pub fn pullback(
        &self,
        trace: &Trace,
        cotangents: Tensor<3>,
        positions: &[usize],
        wanted: Wanted,
    ) -> InputCotangents {
        let [batch, probes, _] = cotangents.dims();
        let source = trace.encoder.length();
        let rows = |entry: usize, probe: usize| source + positions[entry * probes + probe] + 1;
        let parts = parts(batch, probes, &cotangents.device(), rows);
        let done = side_by_side(&parts, |part| {
            let own: Vec<usize> = part
                .entries
                .clone()
                .flat_map(|b| part.probes.clone().map(move |p| positions[b * probes + p]))
                .collect();
            let cotangents = cotangents.clone().narrow(0, part.entries.start, part.entries.len());
            let cotangents = cotangents.narrow(1, part.probes.start, part.probes.len());
            self.part_pullback(&trace.entries(&part.entries), cotangents, &own, wanted)
        });
        let (sources, targets) = done.into_iter().map(|part| (part.source, part.target)).unzip();
        InputCotangents { source: joined(&parts, sources), target: joined(&parts, targets) }
    }

    /// The pullback of what one processor takes at a time.
    fn part_pullback(
        &self,
        trace: &Trace,
        cotangents: Tensor<3>,
        positions: &[usize],
        wanted: Wanted,
    ) -> InputCotangents {
        let [batch, probes, features] = cotangents.dims();
        let rows = Rows::Own { positions: positions.to_vec(), probes };
        let value = cotangents.reshape([batch, probes, 1, features]);
        let value = self.decoder.leave_pullback(value, &trace.decoder, &rows);
        let mut memory = None;
        let mut cotangent = Some(Cotangent { value, rows });
        for (index, (block, trace)) in self.decoder.blocks.iter().zip(&trace.decoder.blocks).enumerate().rev() {
            let reach = if index == 0 && !wanted.target { Reach::Memory } else { Reach::Input };
            cotangent = cotangent.and_then(|cotangent| block.pullback(cotangent, trace, reach, &mut memory));
        }
        let target = cotangent.filter(|_| wanted.target).map(|Cotangent { value, rows }| {
            let value = self.decoder.enter_pullback(value, &trace.decoder, &rows);
            let reached = rows.reached();
            extend(reached.padded(rows.among_reached(value)), trace.hidden().dims()[1])
        });
        let source = memory.filter(|_| wanted.source).and_then(|memory| self.encoder_pullback(trace, memory));
        InputCotangents { source, target }
    }

    fn encoder_pullback(&self, trace: &Trace, cotangent: Tensor<4>) -> Option<Tensor<4>> {
        let stack = &self.encoder.as_ref()?.stack;
        let rows = Rows::prefix(cotangent.dims()[2]);
        let value = stack.leave_pullback(cotangent, &trace.encoder, &rows);
        let mut cotangent = Some(Cotangent { value, rows });
        for (block, trace) in stack.blocks.iter().zip(&trace.encoder.blocks).rev() {
            cotangent = cotangent.and_then(|c| block.pullback(c, trace, Reach::Input, &mut None));
        }
        cotangent.map(|c| stack.enter_pullback(c.value, &trace.encoder, &c.rows))
    }
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
