//! The one forward.

use burn::tensor::Tensor;

use super::stack::StackTrace;
use super::{BlockTrace, Context, Model, Source};
use crate::layers::{Mask, Visibility};

/// One forward over source and whole target, with what the pullback needs.
///
/// With a causal mask the hidden state at a position depends on the positions up to it alone, so this one forward
/// serves every generation step.
#[derive(Clone, Debug)]
pub struct Trace {
    pub(super) encoder: StackTrace,
    pub(super) decoder: StackTrace,
    hidden: Tensor<3>,
}

impl Trace {
    /// The decoder's last hidden states, as the head takes them, `[batch, position, feature]`.
    pub fn hidden(&self) -> &Tensor<3> {
        &self.hidden
    }

    /// What each encoder block kept, from the input up.
    pub fn encoder_blocks(&self) -> &[BlockTrace] {
        &self.encoder.blocks
    }

    /// What each decoder block kept, from the input up.
    pub fn decoder_blocks(&self) -> &[BlockTrace] {
        &self.decoder.blocks
    }
}

impl Model {
    /// The encoder's output `[batch, source, feature]`; `None` for decoder-only models.
    pub fn encode(&self, source: &Source) -> Option<Tensor<3>> {
        self.run_encoder(source, false).map(|(output, _)| output)
    }

    fn run_encoder(&self, source: &Source, traced: bool) -> Option<(Tensor<3>, StackTrace)> {
        let stack = &self.encoder.as_ref()?.stack;
        let x = source.embeddings.clone();
        let attending = stack.attending(0..x.dims()[1], &source.lengths, &x.device());
        let mut trace = StackTrace::default();
        let mut x = stack.enter(x, 0, &mut trace);
        for block in &stack.blocks {
            let (mask, rotation) = attending.of(block);
            let (y, kept) = block.forward(x, &Context { mask, rotation, memory: None });
            x = y;
            if traced {
                trace.blocks.push(kept);
            }
        }
        Some((stack.leave(x, &mut trace), trace))
    }

    /// One forward for all steps.
    ///
    /// `target` `[batch, position, feature]`: embeddings of the whole target, padded on the right, without positions.
    pub fn trace(&self, source: Option<&Source>, target: Tensor<3>) -> Trace {
        let (memory, encoder) = source.and_then(|source| self.run_encoder(source, true)).unzip();
        let [_, length, _] = target.dims();
        let device = target.device();
        let stack = &self.decoder;
        let attending = stack.attending(0..length, &[], &device);
        let memory = source.zip(memory).map(|(source, memory)| {
            let keys = memory.dims()[1];
            (memory, Mask::new(&Visibility::default(), 0..length, keys, &source.lengths, &device))
        });
        let mut decoder = StackTrace::default();
        let mut x = stack.enter(target, 0, &mut decoder);
        for block in &stack.blocks {
            let key_values = block
                .cross_attention
                .as_ref()
                .zip(memory.as_ref())
                .map(|(cross, (memory, mask))| (cross.inner.key_values(memory.clone(), None), mask));
            let (mask, rotation) = attending.of(block);
            let memory = key_values.as_ref().map(|(key_values, mask)| (key_values, *mask));
            let (y, kept) = block.forward(x, &Context { mask, rotation, memory });
            x = y;
            decoder.blocks.push(kept);
        }
        let hidden = stack.leave(x, &mut decoder);
        Trace { encoder: encoder.unwrap_or_default(), decoder, hidden }
    }
}
