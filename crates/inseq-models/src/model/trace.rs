//! The one forward.

use std::ops::Range;

use burn::tensor::Tensor;

use super::dropout::Noise;
use super::forward::Forward;
use super::kept::{Blocks, Kept};
use super::stack::StackTrace;
use super::{Block, Context, Model, Source};

/// One forward over source and whole target, with what the pullback needs.
///
/// With a causal mask the hidden state at a position depends on the positions up to it alone, so this one forward
/// serves every generation step.
#[derive(Clone, Debug)]
pub struct Trace {
    pub(super) encoder: StackTrace,
    pub(super) decoder: StackTrace,
    pub(super) hidden: Tensor<3>,
    /// What the decoder's blocks attended to.
    pub(super) memory: Option<Memory>,
    pub(super) bytes: usize,
}

impl Trace {
    /// The decoder's last hidden states, as the head takes them, `[batch, position, feature]`.
    pub fn hidden(&self) -> &Tensor<3> {
        &self.hidden
    }

    /// The encoder's output for one text, of `length` source tokens.
    pub fn memory_of(&self, entry: usize, length: usize) -> Option<Memory> {
        let Memory { output, .. } = self.memory.as_ref()?;
        let output = output.clone().narrow(0, entry, 1).narrow(1, 0, length);
        Some(Memory { output, lengths: vec![length] })
    }

    /// About how many bytes it takes, with what a pullback runs again at a time.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether a pullback runs blocks again, rather than finding all of them kept.
    pub fn is_run_again(&self) -> bool {
        self.encoder.is_run_again() || self.decoder.is_run_again()
    }

    /// Of some batch entries.
    pub(super) fn entries(&self, range: &Range<usize>) -> Trace {
        Trace {
            encoder: self.encoder.entries(range),
            decoder: self.decoder.entries(range),
            hidden: self.hidden.clone().narrow(0, range.start, range.len()),
            memory: None,
            bytes: self.bytes,
        }
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
    pub(super) detailed: bool,
    /// It drops values.
    pub(super) noise: Option<Noise>,
}

impl Model {
    /// The encoder's output `[batch, source, feature]`; `None` for decoder-only models.
    pub fn encode(&self, source: &Source) -> Option<Tensor<3>> {
        self.run_encoder(source, Mode::default(), |block, x, context| block.forward(x, context).0)
            .map(|(output, _)| output)
    }

    /// As [`encode`](Self::encode), for a decoder to attend to.
    pub fn memory(&self, source: &Source) -> Option<Memory> {
        Some(Memory { output: self.encode(source)?, lengths: source.lengths.clone() })
    }

    /// The encoder with each block run by `run`.
    pub(super) fn run_encoder(
        &self,
        source: &Source,
        mode: Mode,
        run: impl FnMut(&Block, Tensor<3>, &Context) -> Tensor<3>,
    ) -> Option<(Tensor<3>, StackTrace)> {
        let stack = &self.encoder.as_ref()?.stack;
        let length = source.embeddings.dims()[1];
        let forward = Forward::of_encoder(stack, length, &source.lengths, mode, &self.device());
        Some(forward.all(source.embeddings.clone(), run))
    }

    /// The decoder with each block run by `run`.
    pub(super) fn run_decoder(
        &self,
        memory: Option<&Memory>,
        target: Tensor<3>,
        mode: Mode,
        run: impl FnMut(&Block, Tensor<3>, &Context) -> Tensor<3>,
    ) -> (Tensor<3>, StackTrace) {
        Forward::of_decoder(&self.decoder, target.dims()[1], memory, mode, &self.device()).all(target, run)
    }

    /// One forward for all steps.
    ///
    /// `target` `[batch, position, feature]`: embeddings of the whole target, padded on the right, without positions.
    pub fn trace(&self, source: Option<&Source>, target: Tensor<3>) -> Trace {
        let kept = self.kept_of(source, &target, usize::MAX);
        self.traced(source, target, Mode::default(), kept)
    }

    /// As [`trace`](Self::trace), taking about so many bytes at most, as far as it can: where all of it takes more, only the
    /// inputs of some blocks are kept, from which a pullback runs the blocks up to the next again, a stretch at a time. That
    /// costs each pullback one more forward (Chen et al., 2016, <https://arxiv.org/abs/1604.06174>).
    pub fn trace_within(&self, source: Option<&Source>, target: Tensor<3>, bytes: usize) -> Trace {
        let kept = self.kept_of(source, &target, bytes);
        self.traced(source, target, Mode::default(), kept)
    }

    /// As [`trace`](Self::trace), keeping what [`Trace::rescaled`] needs as well.
    pub fn detailed_trace(&self, source: Option<&Source>, target: Tensor<3>) -> Trace {
        let kept = self.kept_of(source, &target, usize::MAX);
        self.traced(source, target, Mode { detailed: true, noise: None }, kept)
    }

    /// As [`trace`](Self::trace), of a forward with dropout.
    pub fn noisy_trace(&self, source: Option<&Source>, target: Tensor<3>, noise: Noise) -> Trace {
        let kept = self.kept_of(source, &target, usize::MAX);
        self.traced(source, target, Mode { detailed: false, noise: Some(noise) }, kept)
    }

    /// What is kept of a trace that is to take about so many bytes at most.
    fn kept_of(&self, source: Option<&Source>, target: &Tensor<3>, bytes: usize) -> Kept {
        let [batch, length, _] = target.dims();
        let source = source.map_or(0, |source| source.embeddings.dims()[1]);
        self.kept_within(batch, source, length, bytes)
    }

    /// Whether anything is dropped in [`noisy_trace`](Self::noisy_trace).
    pub fn has_dropout(&self) -> bool {
        self.encoder.as_ref().is_some_and(|encoder| encoder.stack.dropout.is_some()) || self.decoder.dropout.is_some()
    }

    pub(super) fn traced(&self, source: Option<&Source>, target: Tensor<3>, mode: Mode, kept: Kept) -> Trace {
        let encoded = source.and_then(|source| {
            let mut blocks = Blocks::new(kept.encoder_stride);
            let (output, trace) = self.run_encoder(source, mode, |block, x, context| blocks.take(block, x, context))?;
            Some((Memory { output, lengths: source.lengths.clone() }, StackTrace { blocks, ..trace }))
        });
        let (memory, encoder) = encoded.unzip();
        let mut blocks = Blocks::new(kept.decoder_stride);
        let (hidden, decoder) =
            self.run_decoder(memory.as_ref(), target, mode, |block, x, context| blocks.take(block, x, context));
        let decoder = StackTrace { blocks, ..decoder };
        Trace { encoder: encoder.unwrap_or_default(), decoder, hidden, memory, bytes: kept.bytes }
    }

    /// The decoder's last hidden states `[batch, position, feature]`, as the head takes them, for the encoder's output
    /// (none for decoder-only models) and the embeddings of the whole target. Nothing is kept for a pullback.
    pub fn decode(&self, memory: Option<&Memory>, target: Tensor<3>) -> Tensor<3> {
        self.run_decoder(memory, target, Mode::default(), |block, x, context| block.forward(x, context).0).0
    }
}
