//! A model cut at a layer.

use burn::tensor::Tensor;

use super::stack::Entry;
use super::trace::Mode;
use super::{Model, Source};

/// The output of a block, counted from the input up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// Of an encoder's block.
    Encoder(usize),
    /// Of a decoder's block.
    Decoder(usize),
}

impl Model {
    /// The blocks of the stack that a layer belongs to; 0 where there is no such stack.
    pub fn blocks(&self, layer: Layer) -> usize {
        match layer {
            Layer::Encoder(_) => self.encoder.as_ref().map_or(0, |encoder| encoder.stack.blocks.len()),
            Layer::Decoder(_) => self.decoder.blocks.len(),
        }
    }

    /// The states `[batch, position, feature]` after a layer.
    pub fn states_after(&self, layer: Layer, source: Option<&Source>, target: Tensor<3>) -> Tensor<3> {
        let mut states = target.clone();
        let mut index = 0;
        let mut run = |wanted: usize, block: &super::Block, x: Tensor<3>, context: &super::Context| {
            let y = block.forward(x, context).0;
            if index == wanted {
                states = y.clone();
            }
            index += 1;
            y
        };
        match (layer, source) {
            (Layer::Encoder(wanted), Some(source)) => {
                self.run_encoder(source, Mode::default(), |block, x, context| run(wanted, block, x, context));
            }
            (Layer::Decoder(wanted) | Layer::Encoder(wanted), source) => {
                let memory = source.and_then(|source| self.memory(source));
                self.run_decoder(memory.as_ref(), target, Mode::default(), |block, x, context| {
                    run(wanted, block, x, context)
                });
            }
        }
        states
    }

    /// The model above a layer: what was an embedding is the layer's state.
    pub fn above(&self, layer: Layer) -> Model {
        let mut model = self.clone();
        let (stack, after) = match (layer, &mut model.encoder) {
            (Layer::Encoder(after), Some(encoder)) => (&mut encoder.stack, after),
            (Layer::Decoder(after) | Layer::Encoder(after), _) => (&mut model.decoder, after),
        };
        stack.entry = Entry::default();
        stack.dropout.entry = 0.0;
        stack.blocks.drain(..(after + 1).min(stack.blocks.len()));
        model
    }
}
