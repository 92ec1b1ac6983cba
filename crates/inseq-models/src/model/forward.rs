//! Runs the blocks of a stack one after another.

use burn::tensor::{Device, Tensor};

use super::dropout::{LayerNoise, Noise};
use super::stack::{Attending, Stack, StackTrace};
use super::{Block, Context};
use crate::layers::{Mask, Propagation, Visibility};

/// The encoder's output for a batch of texts.
#[derive(Clone, Debug)]
pub struct Memory {
    /// Encoder output, `[batch, source, feature]`.
    pub output: Tensor<3>,
    /// Number of tokens of each text; the rest of its row is padding.
    pub lengths: Vec<usize>,
}

/// Options of a forward.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mode {
    /// Rules of the trace.
    pub(super) propagation: Propagation,
    /// Whether the trace keeps the states of the sublayers.
    pub(super) states: bool,
    /// Dropout noise, if any.
    pub(super) noise: Option<Noise>,
}

/// A forward through a stack: masks, memory and noise of each of its blocks.
pub(super) struct Forward<'a> {
    stack: &'a Stack,
    attending: Attending,
    memory: Option<(&'a Memory, Mask)>,
    mode: Mode,
    is_encoder: bool,
}

impl<'a> Forward<'a> {
    /// A forward through an encoder over `length` positions, for texts with `lengths`.
    pub(super) fn of_encoder(stack: &'a Stack, length: usize, lengths: &[usize], mode: Mode, device: &Device) -> Self {
        let attending = stack.attending(0..length, length, lengths, device);
        Self { stack, attending, memory: None, mode, is_encoder: true }
    }

    /// A forward through a decoder.
    pub(super) fn of_decoder(
        stack: &'a Stack,
        length: usize,
        memory: Option<&'a Memory>,
        mode: Mode,
        device: &Device,
    ) -> Self {
        let attending = stack.attending(0..length, length, &[], device);
        let memory = memory.map(|memory| {
            let keys = memory.output.dims()[1];
            (memory, Mask::new(&Visibility::default(), 0..length, keys, &memory.lengths, device))
        });
        Self { stack, attending, memory, mode, is_encoder: false }
    }

    fn noise(&self, layer: usize) -> Option<LayerNoise> {
        self.mode.noise.map(|noise| LayerNoise::new(self.stack.dropout, noise, self.is_encoder, layer))
    }

    /// The stack's output for embeddings `[batch, position, feature]` with their position embeddings; `run` runs each block. The
    /// blocks keep no trace.
    pub(super) fn all(
        &self,
        embeddings: Tensor<3>,
        places: Option<Tensor<3>>,
        mut run: impl FnMut(&Block, Tensor<3>, &Context) -> Tensor<3>,
    ) -> (Tensor<3>, StackTrace) {
        let length = embeddings.dims()[1];
        let mut trace = StackTrace { noise: self.noise(0), length, ..StackTrace::default() };
        let mut x = self.stack.enter(embeddings, places, &mut trace);
        for layer in 0..self.stack.blocks.len() {
            x = self.block(layer, |block, context| run(block, x, context));
        }
        let y = self.stack.leave(x, &mut trace);
        (y, trace.ruled(self.stack, self.mode.propagation, None))
    }

    /// Calls `run` for a block.
    pub(super) fn block<T>(&self, layer: usize, run: impl FnOnce(&Block, &Context) -> T) -> T {
        let block = &self.stack.blocks[layer];
        let key_values = block
            .cross_attention
            .as_ref()
            .zip(self.memory.as_ref())
            .map(|(cross, (memory, mask))| (cross.inner.key_values(memory.output.clone(), None), mask));
        let (mask, rotation) = self.attending.of(block);
        let memory = key_values.as_ref().map(|(key_values, mask)| (key_values, *mask));
        run(
            block,
            &Context {
                mask,
                rotation,
                memory,
                propagation: self.mode.propagation,
                states: self.mode.states,
                noise: self.noise(layer),
            },
        )
    }
}
