//! The one forward.

use std::ops::Range;

use burn::tensor::Tensor;

use super::dropout::Noise;
use super::forward::{Forward, Memory, Mode};
use super::kept::Blocks;
use super::sizes::Kept;
use super::stack::StackTrace;
use super::{Block, Context, Model, Source};
use crate::layers::Propagation;

/// One forward over source and whole target, with the values that the pullback needs.
///
/// With a causal mask the hidden state at a position depends only on the positions up to it, so one forward
/// serves every generation step.
#[derive(Clone, Debug)]
pub struct Trace {
    pub(super) encoder: StackTrace,
    pub(super) decoder: StackTrace,
    pub(super) hidden: Tensor<3>,
    /// Encoder output that the decoder's blocks attended to.
    pub(super) memory: Option<Memory>,
    pub(super) bytes: usize,
    pub(super) propagation: Propagation,
}

impl Trace {
    /// The rules by which the trace pulls back.
    pub fn propagation(&self) -> Propagation {
        self.propagation
    }

    /// The decoder's last hidden states, which are the input of the head, `[batch, position, feature]`.
    pub fn hidden(&self) -> &Tensor<3> {
        &self.hidden
    }

    /// The encoder's output for one text, of `length` source tokens.
    pub fn memory_of(&self, entry: usize, length: usize) -> Option<Memory> {
        let Memory { output, .. } = self.memory.as_ref()?;
        let output = output.clone().narrow(0, entry, 1).narrow(1, 0, length);
        Some(Memory { output, lengths: vec![length] })
    }

    /// Approximate size, including the blocks that a pullback runs again at a time, in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether a pullback runs blocks again, because the trace does not keep all of them.
    pub fn is_run_again(&self) -> bool {
        self.encoder.is_run_again() || self.decoder.is_run_again()
    }

    /// The trace of some batch entries.
    pub(super) fn entries(&self, range: &Range<usize>) -> Trace {
        Trace {
            encoder: self.encoder.entries(range),
            decoder: self.decoder.entries(range),
            hidden: self.hidden.clone().narrow(0, range.start, range.len()),
            memory: None,
            bytes: self.bytes,
            propagation: self.propagation,
        }
    }
}

impl Model {
    /// The encoder's output `[batch, source, feature]`; `None` for decoder-only models.
    pub fn encode(&self, source: &Source) -> Option<Tensor<3>> {
        self.run_encoder(source, Mode::default(), |block, x, context| block.forward(x, context).0)
            .map(|(output, _)| output)
    }

    /// As [`encode`](Self::encode), with the lengths that a decoder needs.
    pub fn memory(&self, source: &Source) -> Option<Memory> {
        Some(Memory { output: self.encode(source)?, lengths: source.lengths.clone() })
    }

    /// As [`memory`](Self::memory), for texts as ids: `ids` are `[batch, position]`, row-major, and padded on the right with any id;
    /// `lengths` are the numbers of tokens of the texts. As in transformers, the padding token of some models has no position in
    /// texts that are given as ids ([`Entry::unplaced`](super::Entry::unplaced)).
    pub fn memory_of_ids(&self, ids: &[u32], lengths: &[usize]) -> Option<Memory> {
        let encoder = self.encoder.as_ref()?;
        let source = Source { embeddings: encoder.embedding.forward(ids, lengths.len()), lengths: lengths.to_vec() };
        let places = encoder.stack.placed(ids, lengths.len(), 0);
        let run = |block: &Block, x: Tensor<3>, context: &Context| block.forward(x, context).0;
        let (output, _) = self.run_encoder_at(places, &source, Mode::default(), run)?;
        Some(Memory { output, lengths: source.lengths })
    }

    /// Runs the encoder; `run` runs each block.
    pub(super) fn run_encoder(
        &self,
        source: &Source,
        mode: Mode,
        run: impl FnMut(&Block, Tensor<3>, &Context) -> Tensor<3>,
    ) -> Option<(Tensor<3>, StackTrace)> {
        let places = self.encoder.as_ref()?.stack.places(0, source.embeddings.dims()[1]);
        self.run_encoder_at(places, source, mode, run)
    }

    /// As [`run_encoder`](Self::run_encoder), with given position embeddings.
    fn run_encoder_at(
        &self,
        places: Option<Tensor<3>>,
        source: &Source,
        mode: Mode,
        run: impl FnMut(&Block, Tensor<3>, &Context) -> Tensor<3>,
    ) -> Option<(Tensor<3>, StackTrace)> {
        let stack = &self.encoder.as_ref()?.stack;
        let length = source.embeddings.dims()[1];
        let forward = Forward::of_encoder(stack, length, &source.lengths, mode, &self.device());
        Some(forward.all(source.embeddings.clone(), places, run))
    }

    /// Runs the decoder; `run` runs each block.
    pub(super) fn run_decoder(
        &self,
        memory: Option<&Memory>,
        target: Tensor<3>,
        mode: Mode,
        run: impl FnMut(&Block, Tensor<3>, &Context) -> Tensor<3>,
    ) -> (Tensor<3>, StackTrace) {
        let length = target.dims()[1];
        let places = self.decoder.places(0, length);
        Forward::of_decoder(&self.decoder, length, memory, mode, &self.device()).all(target, places, run)
    }

    /// Runs one forward for all steps.
    ///
    /// `target` `[batch, position, feature]` holds the embeddings of the whole target, padded on the right, without positions.
    pub fn trace(&self, source: Option<&Source>, target: Tensor<3>) -> Trace {
        let kept = self.kept_of(source, &target, usize::MAX);
        self.traced(source, target, Mode::default(), kept)
    }

    /// As [`trace`](Self::trace), limited to about `bytes` bytes if possible. If the whole trace is larger, it keeps only the
    /// inputs of some blocks, and a pullback runs the blocks between them again, a stretch at a time. This
    /// costs each pullback one more forward (Chen et al., 2016, <https://arxiv.org/abs/1604.06174>).
    pub fn trace_within(&self, source: Option<&Source>, target: Tensor<3>, bytes: usize) -> Trace {
        self.trace_by(Propagation::GRADIENT, source, target, bytes)
    }

    /// As [`trace_within`](Self::trace_within), with the rules of a propagation. A propagation that needs a baseline keeps the
    /// whole trace; its rules are derivatives until [`Trace::between`] compares the trace with that of the baseline.
    pub fn trace_by(
        &self,
        propagation: Propagation,
        source: Option<&Source>,
        target: Tensor<3>,
        bytes: usize,
    ) -> Trace {
        let kept = self.kept_of(source, &target, if propagation.needs_baseline() { usize::MAX } else { bytes });
        self.traced(source, target, Mode { propagation, ..Mode::default() }, kept)
    }

    /// As [`trace_by`](Self::trace_by), for a forward with dropout.
    pub fn noisy_trace(
        &self,
        propagation: Propagation,
        source: Option<&Source>,
        target: Tensor<3>,
        noise: Noise,
    ) -> Trace {
        let kept = self.kept_of(source, &target, usize::MAX);
        self.traced(source, target, Mode { propagation, noise: Some(noise), ..Mode::default() }, kept)
    }

    /// The kept part of a trace that is limited to about `bytes` bytes.
    fn kept_of(&self, source: Option<&Source>, target: &Tensor<3>, bytes: usize) -> Kept {
        let [batch, length, _] = target.dims();
        let source = source.map_or(0, |source| source.embeddings.dims()[1]);
        self.kept_within(batch, source, length, bytes)
    }

    /// Whether [`noisy_trace`](Self::noisy_trace) drops values.
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
        let propagation = mode.propagation;
        Trace { encoder: encoder.unwrap_or_default(), decoder, hidden, memory, bytes: kept.bytes, propagation }
    }

    /// The decoder's last hidden states `[batch, position, feature]`, which are the input of the head, for the encoder's output
    /// (none for decoder-only models) and the embeddings of the whole target. No trace is kept.
    pub fn decode(&self, memory: Option<&Memory>, target: Tensor<3>) -> Tensor<3> {
        self.run_decoder(memory, target, Mode::default(), |block, x, context| block.forward(x, context).0).0
    }
}
