//! Layers that cannot take anything from a position.

use std::ops::Range;

use burn::tensor::Tensor;

use super::parts::parts;
use super::stack::{Stack, StackTrace};
use super::trace::Mode;
use super::{Block, Context, Memory, Model, Source};
use crate::layers::LeftOutValues;
use crate::parallel::side_by_side;

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
    /// Of each layer, which heads lose the values.
    pub heads: Vec<Vec<bool>>,
    /// The positions whose states are asked for.
    pub wanted: Range<usize>,
}

impl Model {
    /// Runs one text, and each layer again for every span of positions whose values it cannot take; every layer by itself, on
    /// the states of the text as it is.
    ///
    /// `measure` gets a layer's states without values and those that it has otherwise, both `[1, row, feature]`; those of the
    /// last layer are the stack's output. `each` gets a request's index, a layer's, what its rows are, and what was measured
    /// of them. Of the encoder's and the decoder's layers those are run that some request asks for.
    pub fn left_out_values<T: Send>(
        &self,
        source: Option<&Source>,
        target: Tensor<3>,
        requests: &[LeftOutRequest],
        measure: impl Fn(Tensor<3>, Tensor<3>) -> T + Sync,
        mut each: impl FnMut(usize, usize, &LeftOutValues, T),
    ) {
        let device = self.device();
        let mut run =
            |stack: &Stack, layer: usize, x: Tensor<3>, block: &Block, context: &Context, is_encoder: bool| {
                let (y, attended) = block.forward_attended(x.clone(), context);
                let is_last = layer + 1 == stack.blocks.len();
                let left = |y: Tensor<3>| if is_last { stack.leave(y, &mut StackTrace::default()) } else { y };
                let clean = left(y.clone());
                for (index, request) in requests.iter().enumerate() {
                    if (request.which == LeftOut::Encoder) != is_encoder {
                        continue;
                    }
                    let of_cross = request.which == LeftOut::Cross;
                    let of =
                        |spans| LeftOutValues::new(spans, request.wanted.clone(), request.which == LeftOut::Decoder);
                    for &spans in &request.parts {
                        let rows = of(spans).queries;
                        let pieces = parts(1, spans.len(), &device, |_, span| rows[span].len());
                        let pieces: Vec<_> = pieces.into_iter().map(|part| of(&spans[part.probes])).collect();
                        let measured = side_by_side(&pieces, |piece| {
                            let heads = &request.heads[layer];
                            let states = block.without_values(&x, context, &attended, of_cross, piece, heads);
                            measure(left(states), piece.of_rows(clean.clone()))
                        });
                        for (piece, measured) in pieces.iter().zip(measured) {
                            each(index, layer, piece, measured);
                        }
                    }
                }
                y
            };
        let asks_for = |encoder: bool| requests.iter().any(|request| (request.which == LeftOut::Encoder) == encoder);
        let memory = match (&self.encoder, source) {
            (Some(encoder), Some(source)) if asks_for(true) => {
                let mut layers = 0..;
                let output = self.run_encoder(source, Mode::default(), |block, x, context| {
                    run(&encoder.stack, layers.next().unwrap_or_default(), x, block, context, true)
                });
                output.map(|(output, _)| Memory { output, lengths: source.lengths.clone() })
            }
            (_, source) => source.and_then(|source| self.memory(source)),
        };
        if asks_for(false) {
            let mut layers = 0..;
            self.run_decoder(memory.as_ref(), target, Mode::default(), |block, x, context| {
                run(&self.decoder, layers.next().unwrap_or_default(), x, block, context, false)
            });
        }
    }
}
