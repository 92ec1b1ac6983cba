//! The one forward.

use burn::tensor::Tensor;

use super::{BlockTrace, Context, Model, Source, Stack, mask};

/// One forward over source and whole target, with what the pullback needs.
///
/// With a causal mask the hidden state at a position depends on the positions up to it alone, so this one forward
/// serves every generation step.
#[derive(Clone, Debug)]
pub struct Trace {
    pub(super) encoder: Vec<BlockTrace>,
    pub(super) decoder: Vec<BlockTrace>,
    hidden: Tensor<3>,
}

impl Trace {
    /// The decoder's last hidden states, `[batch, position, feature]`.
    pub fn hidden(&self) -> &Tensor<3> {
        &self.hidden
    }

    /// What each encoder block kept, from the input up.
    pub fn encoder_blocks(&self) -> &[BlockTrace] {
        &self.encoder
    }

    /// What each decoder block kept, from the input up.
    pub fn decoder_blocks(&self) -> &[BlockTrace] {
        &self.decoder
    }
}

impl Stack {
    /// `x` with the embeddings of positions `start..` added.
    pub(super) fn with_positions(&self, x: Tensor<3>, start: usize) -> Tensor<3> {
        let [_, length, _] = x.dims();
        x + self.positions.clone().narrow(0, start, length).unsqueeze::<3>()
    }
}

impl Model {
    /// The encoder's output `[batch, source, feature]`; `None` for decoder-only models.
    pub fn encode(&self, source: &Source) -> Option<Tensor<3>> {
        self.run_encoder(source, None)
    }

    fn run_encoder(&self, source: &Source, mut traces: Option<&mut Vec<BlockTrace>>) -> Option<Tensor<3>> {
        let encoder = self.encoder.as_ref()?;
        let x = source.embeddings.clone();
        let mask = mask::padding(&source.lengths, x.dims()[1], &x.device());
        let context = Context { self_mask: mask.as_ref(), ..Context::default() };
        let mut x = encoder.stack.with_positions(x, 0);
        for block in &encoder.stack.blocks {
            let (y, trace) = block.forward(x, &context);
            x = y;
            if let Some(traces) = traces.as_deref_mut() {
                traces.push(trace);
            }
        }
        Some(x)
    }

    /// One forward for all steps.
    ///
    /// `target` `[batch, position, feature]`: embeddings of the whole target, padded on the right, without positions.
    pub fn trace(&self, source: Option<&Source>, target: Tensor<3>) -> Trace {
        let mut encoder = Vec::new();
        let memory = source.and_then(|source| self.run_encoder(source, Some(&mut encoder)));
        let [_, length, _] = target.dims();
        let device = target.device();
        let causal = mask::causal(length, &device);
        let memory_mask =
            source.and_then(|source| mask::padding(&source.lengths, source.embeddings.dims()[1], &device));
        let mut x = self.decoder.with_positions(target, 0);
        let mut decoder = Vec::with_capacity(self.decoder.blocks.len());
        for block in &self.decoder.blocks {
            let memory = match (&block.cross_attention, &memory) {
                (Some(cross), Some(memory)) => Some(cross.inner.key_values(memory.clone())),
                _ => None,
            };
            let context = Context { self_mask: causal.as_ref(), memory, memory_mask: memory_mask.as_ref() };
            let (y, trace) = block.forward(x, &context);
            x = y;
            decoder.push(trace);
        }
        Trace { encoder, decoder, hidden: x }
    }
}
