//! Layers without the values of some positions.

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

/// The attention whose values are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftOut {
    /// The encoder's self-attention.
    Encoder,
    /// The decoder's self-attention.
    Decoder,
    /// The cross-attention.
    Cross,
}

/// The values that are left out, and the positions whose states are requested.
#[derive(Clone, Debug)]
pub struct LeftOutRequest<'a> {
    /// The attention whose values are left out.
    pub which: LeftOut,
    /// The spans of positions that are left out one at a time; the states of all spans of a part are in memory together.
    pub parts: Vec<&'a [Range<usize>]>,
    /// For each layer, the heads without the values; a layer without such heads is not run for this request.
    pub heads: Vec<Vec<usize>>,
    /// The positions whose states are requested.
    pub wanted: Range<usize>,
}

/// Number of rows for all processors at which the collected pieces of layers are processed.
const MOST_KEPT: usize = 1 << 13;

/// A layer in the forward of the text.
struct Layer<'a> {
    index: usize,
    block: &'a Block,
    /// Its stack, if the layer is the last one.
    leaves: Option<&'a Stack>,
    attended: Attended,
    /// Prepared states of the layer, `[1, position, feature]`.
    states: Tensor<3>,
}

impl Layer<'_> {
    /// The block's output in the form in which it is compared.
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
    /// Weights of the attention of the request.
    weights: Tensor<4>,
    left_out: LeftOutValues<'a>,
}

/// The collected pieces of layers, which are processed together.
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
    /// The output of a layer of the encoder or the decoder for `x`; the pieces that the requests need of it are collected.
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

    /// Processes all collected pieces.
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
    /// Runs one text, and runs each layer again without the values of every span of positions. Each layer runs separately, on
    /// the unchanged states of the text.
    ///
    /// `measure` gets a layer's states without values, and its unchanged states after `prepare`, both
    /// `[1, row, feature]`; the states of the last layer are the stack's output. `each` gets the index of a request and of a layer,
    /// the meaning of the rows, and the measured values. Layers that no request names are not run.
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
