//! Layers that cannot take anything from a position.

use std::ops::Range;
use std::sync::Arc;

use burn::tensor::{Device, Tensor};

use super::block::Attended;
use super::parts::parts;
use super::stack::{Stack, StackTrace};
use super::trace::Mode;
use super::{Block, Context, Memory, Model, Source};
use crate::layers::LeftOutValues;
use crate::parallel::{processors, side_by_side};

/// Whose values are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftOut {
    /// Those of the encoder's self-attention.
    Encoder,
    /// Those of the decoder's self-attention.
    Decoder,
    /// Those of the cross-attention.
    Cross,
}

/// Which values are left out, and whose states are asked for without them.
#[derive(Clone, Debug)]
pub struct LeftOutRequest<'a> {
    /// Whose values.
    pub which: LeftOut,
    /// The spans of positions that are left out, one at a time; the states of a part are there at once.
    pub parts: Vec<&'a [Range<usize>]>,
    /// Of each layer, the heads that lose the values; a layer without any is not run for this.
    pub heads: Vec<Vec<usize>>,
    /// The positions whose states are asked for.
    pub wanted: Range<usize>,
}

/// Rows of all processors from which layers' pieces are worked on rather than kept for more.
const MOST_KEPT: usize = 1 << 13;

/// A layer as the text runs through it.
struct Layer<'a> {
    index: usize,
    block: &'a Block,
    /// Where it is the last, its stack.
    leaves: Option<&'a Stack>,
    attended: Attended,
    /// `[1, position, feature]`: what was prepared of the layer's states.
    states: Tensor<3>,
}

impl Layer<'_> {
    /// What becomes of the block's output before it is compared.
    fn leave(&self, y: Tensor<3>) -> Tensor<3> {
        match self.leaves {
            Some(stack) => stack.leave(y, &mut StackTrace::default()),
            None => y,
        }
    }
}

/// Some of the spans of a request in one layer.
struct Piece<'a> {
    request: usize,
    heads: &'a [usize],
    layer: Arc<Layer<'a>>,
    /// Of the attention that the request is about.
    weights: Tensor<4>,
    left_out: LeftOutValues<'a>,
}

/// The pieces of layers that wait to be worked on together.
struct Pieces<'a, P, M, E> {
    requests: &'a [LeftOutRequest<'a>],
    waiting: Vec<Piece<'a>>,
    rows: usize,
    device: Device,
    prepare: P,
    measure: M,
    each: E,
}

impl<'a, T, P, M, E> Pieces<'a, P, M, E>
where
    T: Send,
    P: Fn(Tensor<3>) -> Tensor<3>,
    M: Fn(Tensor<3>, Tensor<3>) -> T + Sync,
    E: FnMut(usize, usize, &LeftOutValues, T),
{
    /// The output of a layer of the encoder, or of the decoder, for `x`; what the requests want of it waits from now on.
    fn forward(
        &mut self,
        stack: &'a Stack,
        is_encoder: bool,
        index: usize,
        x: Tensor<3>,
        context: &Context,
    ) -> Tensor<3> {
        let block = &stack.blocks[index];
        let (y, attended) = block.forward_attended(x, context);
        let leaves = (index + 1 == stack.blocks.len()).then_some(stack);
        let mut layer = Layer { index, block, leaves, attended, states: y.clone() };
        layer.states = (self.prepare)(layer.leave(y.clone()));
        let layer = Arc::new(layer);
        for (index, request) in self.requests.iter().enumerate() {
            let heads = request.heads.get(layer.index).map(Vec::as_slice).unwrap_or_default();
            if (request.which == LeftOut::Encoder) != is_encoder || heads.is_empty() {
                continue;
            }
            let Some(weights) = layer.block.attended_weights(&layer.attended, request.which == LeftOut::Cross) else {
                continue;
            };
            let of = |spans| LeftOutValues::new(spans, request.wanted.clone(), request.which == LeftOut::Decoder);
            for &spans in &request.parts {
                let rows = of(spans).queries;
                self.rows += rows.iter().map(ExactSizeIterator::len).sum::<usize>();
                let cut = parts(1, spans.len(), &self.device, |_, span| rows[span].len());
                self.waiting.extend(cut.into_iter().map(|part| Piece {
                    request: index,
                    heads,
                    layer: Arc::clone(&layer),
                    weights: weights.clone(),
                    left_out: of(&spans[part.probes]),
                }));
            }
        }
        drop(layer);
        if self.rows >= MOST_KEPT * processors(&self.device) {
            self.work();
        }
        y
    }

    /// Works on all that wait.
    fn work(&mut self) {
        let pieces = std::mem::take(&mut self.waiting);
        self.rows = 0;
        // A device that does its work by itself does one piece after the other.
        let at_once = if processors(&self.device) == 0 { 1 } else { pieces.len().max(1) };
        for pieces in pieces.chunks(at_once) {
            let measured = side_by_side(pieces, |Piece { request, heads, layer, weights, left_out }| {
                let (attended, of_cross) = (&layer.attended, self.requests[*request].which == LeftOut::Cross);
                let states = layer.block.without_values(attended, of_cross, weights, left_out, heads)?;
                Some((self.measure)(layer.leave(states), left_out.of_rows(layer.states.clone())))
            });
            for (piece, measured) in pieces.iter().zip(measured) {
                if let Some(measured) = measured {
                    (self.each)(piece.request, piece.layer.index, &piece.left_out, measured);
                }
            }
        }
    }
}

impl Model {
    /// Runs one text, and each layer again for every span of positions whose values it cannot take; every layer by itself, on
    /// the states of the text as it is.
    ///
    /// `measure` gets a layer's states without values and what `prepare` makes of those that it has otherwise, both
    /// `[1, row, feature]`; those of the last layer are the stack's output. `each` gets a request's index, a layer's, what its
    /// rows are, and what was measured of them. Of the encoder's and the decoder's layers those are run that some request asks
    /// for.
    pub fn left_out_values<T: Send>(
        &self,
        source: Option<&Source>,
        target: Tensor<3>,
        requests: &[LeftOutRequest],
        prepare: impl Fn(Tensor<3>) -> Tensor<3>,
        measure: impl Fn(Tensor<3>, Tensor<3>) -> T + Sync,
        each: impl FnMut(usize, usize, &LeftOutValues, T),
    ) {
        let device = self.device();
        let mut pieces = Pieces { requests, waiting: Vec::new(), rows: 0, device, prepare, measure, each };
        let asks_for = |encoder: bool| requests.iter().any(|request| (request.which == LeftOut::Encoder) == encoder);
        let memory = match (&self.encoder, source) {
            (Some(encoder), Some(source)) if asks_for(true) => {
                let mut layers = 0..;
                let output = self.run_encoder(source, Mode::default(), |_, x, context| {
                    pieces.forward(&encoder.stack, true, layers.next().unwrap_or_default(), x, context)
                });
                output.map(|(output, _)| Memory { output, lengths: source.lengths.clone() })
            }
            (_, source) => source.and_then(|source| self.memory(source)),
        };
        if asks_for(false) {
            let mut layers = 0..;
            self.run_decoder(memory.as_ref(), target, Mode::default(), |_, x, context| {
                pieces.forward(&self.decoder, false, layers.next().unwrap_or_default(), x, context)
            });
        }
        pieces.work();
    }
}
