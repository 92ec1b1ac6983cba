//! Layers that cannot take anything from a position.

use std::ops::Range;

use burn::tensor::Tensor;

use super::stack::{Stack, StackTrace};
use super::trace::Mode;
use super::{Block, Context, Model, Source};

/// Whose values are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// Those of the encoder's self-attention.
    Encoder,
    /// Those of the decoder's self-attention.
    Decoder,
    /// Those of the cross-attention.
    Cross,
}

impl Model {
    /// Runs one text, and each layer again for every span of positions whose values it cannot take; every layer by itself, on
    /// the states of the text as it is.
    ///
    /// `parts` has the spans that are left out, those of a part at once. `heads` says of each layer which heads lose the
    /// values. `each` gets a layer's index, a part's spans, the layer's states `[span, position, feature]`, and those that it
    /// has otherwise, `[1, position, feature]`; those of the last layer are the stack's output.
    pub fn left_out_values(
        &self,
        source: Option<&Source>,
        target: Tensor<3>,
        which: LeftOut,
        parts: &[&[Range<usize>]],
        heads: impl Fn(usize) -> Vec<bool>,
        mut each: impl FnMut(usize, &[Range<usize>], Tensor<3>, Tensor<3>),
    ) {
        let mut layer = 0;
        let mut run = |stack: &Stack, block: &Block, x: Tensor<3>, context: &Context| {
            let y = block.forward(x.clone(), context).0;
            let is_last = layer + 1 == stack.blocks.len();
            let left = |y: Tensor<3>| if is_last { stack.leave(y, &mut StackTrace::default()) } else { y };
            let clean = left(y.clone());
            for &spans in parts {
                let states = block.without_values(&x, context, which == LeftOut::Cross, spans, &heads(layer));
                each(layer, spans, left(states), clean.clone());
            }
            layer += 1;
            y
        };
        if let (LeftOut::Encoder, Some(encoder), Some(source)) = (which, &self.encoder, source) {
            self.run_encoder(source, Mode::default(), |block, x, context| run(&encoder.stack, block, x, context));
            return;
        }
        let memory = source.and_then(|source| self.memory(source));
        self.run_decoder(memory.as_ref(), target, Mode::default(), |block, x, context| {
            run(&self.decoder, block, x, context)
        });
    }
}
