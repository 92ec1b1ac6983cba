//! The one batched pullback.

use burn::tensor::Tensor;

use super::{Cotangent, Model, Reach, Trace};
use crate::layers::Rows;

/// Rows of a decoder's matrix products below which cutting probes into finer blocks costs more than it saves.
const BLOCK_ROWS: usize = 512;

/// Rows that a block may compute in vain, as a share of what it needs: one in this many.
const WASTE: usize = 32;

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

impl Model {
    /// Pulls cotangents of hidden states back to the embeddings, all probes at once.
    ///
    /// `cotangents` `[batch, probe, feature]` holds each probe's cotangent of the decoder's last hidden state at the
    /// probe's own position, `positions` (row-major `[batch, probe]`). Positions should ascend along the probes: probes
    /// go through the decoder in blocks, and a block computes only the prefix that its last probe can see.
    pub fn pullback(
        &self,
        trace: &Trace,
        cotangents: Tensor<3>,
        positions: &[usize],
        wanted: Wanted,
    ) -> InputCotangents {
        let [batch, probes, features] = cotangents.dims();
        let [_, length, _] = trace.hidden().dims();
        let mut memories = Vec::new();
        let mut targets = Vec::new();
        for (start, end) in blocks(positions, batch, probes) {
            let own: Vec<usize> =
                (0..batch).flat_map(|b| positions[b * probes + start..b * probes + end].iter().copied()).collect();
            let value = cotangents.clone().narrow(1, start, end - start).reshape([batch, end - start, 1, features]);
            let rows = Rows::Own { positions: own, probes: end - start };
            let value = self.decoder.leave_pullback(value, &trace.decoder, &rows);
            let mut memory = None;
            let mut cotangent = Some(Cotangent { value, rows });
            for (index, (block, trace)) in self.decoder.blocks.iter().zip(&trace.decoder.blocks).enumerate().rev() {
                let reach = if index == 0 && !wanted.target { Reach::Memory } else { Reach::Input };
                cotangent = cotangent.and_then(|cotangent| block.pullback(cotangent, trace, reach, &mut memory));
            }
            if let Some(Cotangent { value, rows }) = cotangent {
                let value = self.decoder.enter_pullback(value, &trace.decoder, &rows);
                targets.push(extend(rows.scatter(value, rows.end()), length));
            }
            memories.extend(memory);
        }
        let target = (wanted.target && !targets.is_empty()).then(|| Tensor::cat(targets, 1));
        let source = (wanted.source && !memories.is_empty())
            .then(|| self.encoder_pullback(trace, Tensor::cat(memories, 1)))
            .flatten();
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

/// Zeros after the rows of `[batch, probe, row, feature]`, up to `length`.
fn extend(value: Tensor<4>, length: usize) -> Tensor<4> {
    let [batch, probes, rows, features] = value.dims();
    if rows == length {
        return value;
    }
    let zeros = Tensor::zeros([batch, probes, length - rows, features], (&value.device(), value.dtype()));
    Tensor::cat(vec![value, zeros], 2)
}

/// Cuts probes into ranges so that short prefixes are not computed to the length of long ones: a range goes on while its
/// products are small, or while next to nothing is computed in vain.
fn blocks(positions: &[usize], batch: usize, probes: usize) -> Vec<(usize, usize)> {
    let prefix = |probe: usize| (0..batch).map(|b| positions[b * probes + probe] + 1).max().unwrap_or(1);
    let mut blocks = Vec::new();
    let (mut start, mut needed) = (0, 0);
    for probe in 0..probes {
        let rows = (probe + 1 - start) * batch * prefix(probe);
        let used = needed + batch * prefix(probe);
        if probe > start && rows > BLOCK_ROWS && (rows - used) * WASTE > used {
            blocks.push((start, probe));
            (start, needed) = (probe, 0);
        }
        needed += batch * prefix(probe);
    }
    if start < probes {
        blocks.push((start, probes));
    }
    blocks
}
