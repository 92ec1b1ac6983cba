//! The one forward.

use std::ops::Range;

use burn::tensor::Tensor;

use super::dropout::{LayerNoise, Noise};
use super::stack::StackTrace;
use super::{Block, BlockTrace, Context, Model, Source};
use crate::layers::{Mask, Visibility};

/// One forward over source and whole target, with what the pullback needs.
///
/// With a causal mask the hidden state at a position depends on the positions up to it alone, so this one forward
/// serves every generation step.
#[derive(Clone, Debug)]
pub struct Trace {
    pub(super) encoder: StackTrace,
    pub(super) decoder: StackTrace,
    pub(super) hidden: Tensor<3>,
}

impl Trace {
    /// The decoder's last hidden states, as the head takes them, `[batch, position, feature]`.
    pub fn hidden(&self) -> &Tensor<3> {
        &self.hidden
    }

    /// Of some batch entries.
    pub(super) fn entries(&self, range: &Range<usize>) -> Trace {
        Trace {
            encoder: self.encoder.entries(range),
            decoder: self.decoder.entries(range),
            hidden: self.hidden.clone().narrow(0, range.start, range.len()),
        }
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

/// The encoder's output for a batch of texts.
#[derive(Clone, Debug)]
pub struct Memory {
    /// `[batch, source, feature]`.
    pub output: Tensor<3>,
    /// Tokens of each text; the rest of its row is padding.
    pub lengths: Vec<usize>,
}

/// What a forward does that not every one does.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mode {
    /// Its trace can be [rescaled](Trace::rescaled).
    detailed: bool,
    /// It drops values.
    noise: Option<Noise>,
}

impl Model {
    /// The encoder's output `[batch, source, feature]`; `None` for decoder-only models.
    pub fn encode(&self, source: &Source) -> Option<Tensor<3>> {
        self.run_encoder(source, Mode::default(), |block, x, context| block.forward(x, context).0)
            .map(|(output, _)| output)
    }

    /// The encoder with each block run by `run`.
    pub(super) fn run_encoder(
        &self,
        source: &Source,
        mode: Mode,
        mut run: impl FnMut(&Block, Tensor<3>, &Context) -> Tensor<3>,
    ) -> Option<(Tensor<3>, StackTrace)> {
        let stack = &self.encoder.as_ref()?.stack;
        let x = source.embeddings.clone();
        let attending = stack.attending(0..x.dims()[1], &source.lengths, &x.device());
        let noise = |layer| mode.noise.map(|noise| LayerNoise::new(stack.dropout, noise, true, layer));
        let mut trace = StackTrace { noise: noise(0), ..StackTrace::default() };
        let mut x = stack.enter(x, 0, &mut trace);
        for (layer, block) in stack.blocks.iter().enumerate() {
            let (mask, rotation) = attending.of(block);
            let noise = noise(layer);
            x = run(block, x, &Context { mask, rotation, memory: None, detailed: mode.detailed, noise });
        }
        Some((stack.leave(x, &mut trace), trace))
    }

    /// The decoder with each block run by `run`.
    pub(super) fn run_decoder(
        &self,
        memory: Option<&Memory>,
        target: Tensor<3>,
        mode: Mode,
        mut run: impl FnMut(&Block, Tensor<3>, &Context) -> Tensor<3>,
    ) -> (Tensor<3>, StackTrace) {
        let [_, length, _] = target.dims();
        let device = target.device();
        let stack = &self.decoder;
        let attending = stack.attending(0..length, &[], &device);
        let mask = memory.map(|memory| {
            let keys = memory.output.dims()[1];
            Mask::new(&Visibility::default(), 0..length, keys, &memory.lengths, &device)
        });
        let noise = |layer| mode.noise.map(|noise| LayerNoise::new(stack.dropout, noise, false, layer));
        let mut trace = StackTrace { noise: noise(0), ..StackTrace::default() };
        let mut x = stack.enter(target, 0, &mut trace);
        for (layer, block) in stack.blocks.iter().enumerate() {
            let key_values = block
                .cross_attention
                .as_ref()
                .zip(memory)
                .map(|(cross, memory)| cross.inner.key_values(memory.output.clone(), None));
            let (own_mask, rotation) = attending.of(block);
            let context = Context {
                mask: own_mask,
                rotation,
                memory: key_values.as_ref().zip(mask.as_ref()),
                detailed: mode.detailed,
                noise: noise(layer),
            };
            x = run(block, x, &context);
        }
        (stack.leave(x, &mut trace), trace)
    }

    /// One forward for all steps.
    ///
    /// `target` `[batch, position, feature]`: embeddings of the whole target, padded on the right, without positions.
    pub fn trace(&self, source: Option<&Source>, target: Tensor<3>) -> Trace {
        self.traced(source, target, Mode::default())
    }

    /// As [`trace`](Self::trace), keeping what [`Trace::rescaled`] needs as well.
    pub fn detailed_trace(&self, source: Option<&Source>, target: Tensor<3>) -> Trace {
        self.traced(source, target, Mode { detailed: true, noise: None })
    }

    /// As [`trace`](Self::trace), of a forward with dropout.
    pub fn noisy_trace(&self, source: Option<&Source>, target: Tensor<3>, noise: Noise) -> Trace {
        self.traced(source, target, Mode { detailed: false, noise: Some(noise) })
    }

    /// Whether anything is dropped in [`noisy_trace`](Self::noisy_trace).
    pub fn has_dropout(&self) -> bool {
        self.encoder.as_ref().is_some_and(|encoder| encoder.stack.dropout.is_some()) || self.decoder.dropout.is_some()
    }

    fn traced(&self, source: Option<&Source>, target: Tensor<3>, mode: Mode) -> Trace {
        let mut blocks = Vec::new();
        let encoded = source.and_then(|source| {
            let (output, trace) = self.run_encoder(source, mode, |block, x, context| {
                let (y, kept) = block.forward(x, context);
                blocks.push(kept);
                y
            })?;
            Some((Memory { output, lengths: source.lengths.clone() }, trace))
        });
        let (memory, encoder) = encoded.unzip();
        let encoder = StackTrace { blocks, ..encoder.unwrap_or_default() };
        let mut blocks = Vec::new();
        let (hidden, decoder) = self.run_decoder(memory.as_ref(), target, mode, |block, x, context| {
            let (y, kept) = block.forward(x, context);
            blocks.push(kept);
            y
        });
        Trace { encoder, decoder: StackTrace { blocks, ..decoder }, hidden }
    }

    /// The decoder's last hidden states `[batch, position, feature]`, as the head takes them, for the encoder's output
    /// (none for decoder-only models) and the embeddings of the whole target. Nothing is kept for a pullback.
    pub fn decode(&self, memory: Option<&Memory>, target: Tensor<3>) -> Tensor<3> {
        self.run_decoder(memory, target, Mode::default(), |block, x, context| block.forward(x, context).0).0
    }
}
