//! The kept traces of a forward's blocks, and the recomputation of the others.

use std::borrow::Cow;
use std::ops::Range;

use burn::tensor::Tensor;

use super::forward::Forward;
use super::stack::Stack;
use super::trace::Mode;
use super::{Block, BlockTrace, Context, Model, Side, Trace};

/// Traces of a stack's blocks for the pullback.
#[derive(Clone, Debug)]
pub(super) enum Blocks {
    /// The traces of all blocks.
    Kept(Vec<BlockTrace>),
    /// The inputs of every `stride`-th block, from which the blocks up to the next kept input are run again.
    Again {
        /// Number of blocks from one input to the next.
        stride: usize,
        /// Inputs `[batch, position, feature]`, from the lowest block up.
        inputs: Vec<Tensor<3>>,
        /// Number of blocks that have run.
        count: usize,
    },
}

impl Default for Blocks {
    fn default() -> Self {
        Self::Kept(Vec::new())
    }
}

impl Blocks {
    /// No blocks yet; with a stride, only the input of every `stride`-th block will be kept.
    pub(super) fn new(stride: Option<usize>) -> Self {
        match stride {
            Some(stride) => Self::Again { stride, inputs: Vec::new(), count: 0 },
            None => Self::default(),
        }
    }

    /// Runs the next block.
    pub(super) fn take(&mut self, block: &Block, x: Tensor<3>, context: &Context) -> Tensor<3> {
        match self {
            Self::Kept(traces) => {
                let (y, trace) = block.forward(x, context);
                traces.push(trace);
                y
            }
            Self::Again { stride, inputs, count } => {
                if *count % *stride == 0 {
                    inputs.push(x.clone());
                }
                *count += 1;
                block.forward(x, context).0
            }
        }
    }

    /// The traces of all blocks, if they are kept.
    pub(super) fn kept(&self) -> &[BlockTrace] {
        match self {
            Self::Kept(traces) => traces,
            Self::Again { .. } => &[],
        }
    }

    /// Ranges of blocks whose traces exist at the same time, from the input up.
    fn ranges(&self) -> Vec<Range<usize>> {
        match self {
            Self::Kept(traces) => std::iter::once(0..traces.len()).collect(),
            // A stack of no blocks has one range all the same, at whose ends it is entered and left.
            Self::Again { stride, count, .. } => {
                let starts = (0..(*count).max(1)).step_by(*stride);
                starts.map(|start| start..(start + stride).min(*count)).collect()
            }
        }
    }

    /// The traces of some batch entries.
    pub(super) fn entries(&self, range: &Range<usize>) -> Self {
        match self {
            Self::Kept(traces) => Self::Kept(traces.iter().map(|trace| trace.entries(range)).collect()),
            Self::Again { stride, inputs, count } => Self::Again {
                stride: *stride,
                inputs: inputs.iter().map(|x| x.clone().narrow(0, range.start, range.len())).collect(),
                count: *count,
            },
        }
    }

    /// The traces of one of the [`ranges`](Self::ranges).
    fn of_range<'f>(&self, range: &Range<usize>, forward: impl FnOnce() -> Forward<'f>) -> Cow<'_, [BlockTrace]> {
        match self {
            Self::Kept(traces) => Cow::Borrowed(traces),
            Self::Again { stride, inputs, .. } => {
                let forward = forward();
                let mut x = inputs[range.start / stride].clone();
                let again = range.clone().map(|layer| {
                    let (y, trace) = forward.block(layer, |block, context| block.forward(x.clone(), context));
                    x = y;
                    trace
                });
                Cow::Owned(again.collect())
            }
        }
    }
}

/// The kept part of a trace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    /// Stride of the encoder's blocks; `None` if all traces are kept.
    pub(super) encoder_stride: Option<usize>,
    /// Stride of the decoder's blocks; `None` if all traces are kept.
    pub(super) decoder_stride: Option<usize>,
    /// Approximate size of the kept traces and of the blocks that are run again at a time, in bytes.
    pub(super) bytes: usize,
}

/// Blocks of one part of a pullback.
#[derive(Clone, Debug, Default)]
pub(super) struct Stretch {
    pub(super) encoder: Option<Range<usize>>,
    pub(super) decoder: Option<Range<usize>>,
}

impl Trace {
    /// The stretches of a pullback, from the output down; a single one if all traces are kept.
    pub(super) fn stretches(&self) -> Vec<Stretch> {
        let [encoder, decoder] = [&self.encoder.blocks, &self.decoder.blocks].map(|blocks| blocks.ranges().into_iter());
        if !self.is_run_again() {
            return encoder.zip(decoder).map(|(e, d)| Stretch { encoder: Some(e), decoder: Some(d) }).collect();
        }
        let of_decoder = decoder.rev().map(|range| Stretch { encoder: None, decoder: Some(range) });
        let of_encoder = encoder.rev().map(|range| Stretch { encoder: Some(range), decoder: None });
        of_decoder.chain(of_encoder).collect()
    }

    /// The trace with only the blocks of a stretch.
    pub(super) fn opened(&self, model: &Model, stretch: &Stretch) -> Cow<'_, Trace> {
        if !self.is_run_again() {
            return Cow::Borrowed(self);
        }
        let mut opened = self.clone();
        let encoder = stretch.encoder.as_ref().map(|range| self.encoder_range(model, range).into_owned());
        let decoder = stretch.decoder.as_ref().map(|range| self.decoder_range(model, range).into_owned());
        opened.encoder.blocks = Blocks::Kept(encoder.unwrap_or_default());
        opened.decoder.blocks = Blocks::Kept(decoder.unwrap_or_default());
        Cow::Owned(opened)
    }

    /// Hands the number and the trace of every block of a stack to `each`, from the input up.
    ///
    /// # Errors
    /// The first that `each` returns.
    pub(super) fn blocks<E>(
        &self,
        model: &Model,
        side: Side,
        mut each: impl FnMut(usize, &BlockTrace) -> Result<(), E>,
    ) -> Result<(), E> {
        let blocks = match side {
            Side::Encoder => &self.encoder.blocks,
            Side::Decoder => &self.decoder.blocks,
        };
        for range in blocks.ranges() {
            let traces = match side {
                Side::Encoder => self.encoder_range(model, &range),
                Side::Decoder => self.decoder_range(model, &range),
            };
            range.zip(&*traces).try_for_each(|(index, trace)| each(index, trace))?;
        }
        Ok(())
    }

    /// What a block that is run again does; none is of a forward that drops values.
    fn mode(&self) -> Mode {
        Mode { propagation: self.propagation, ..Mode::default() }
    }

    fn encoder_range(&self, model: &Model, range: &Range<usize>) -> Cow<'_, [BlockTrace]> {
        match (&model.encoder, &self.memory) {
            (Some(encoder), Some(memory)) if !range.is_empty() => self.encoder.blocks.of_range(range, || {
                let (stack, length) = (&encoder.stack, self.encoder.length);
                Forward::of_encoder(stack, length, &memory.lengths, self.mode(), &model.device())
            }),
            _ => Cow::default(),
        }
    }

    fn decoder_range(&self, model: &Model, range: &Range<usize>) -> Cow<'_, [BlockTrace]> {
        if range.is_empty() {
            return Cow::default();
        }
        self.decoder.blocks.of_range(range, || {
            let (memory, length) = (self.memory.as_ref(), self.decoder.length);
            Forward::of_decoder(&model.decoder, length, memory, self.mode(), &model.device())
        })
    }
}

impl Model {
    /// Size of a trace of `batch` texts that is limited to about `most` bytes, in bytes.
    pub fn bytes_of_trace_within(&self, batch: usize, source: usize, target: usize, most: usize) -> usize {
        self.kept_within(batch, source, target, most).bytes
    }

    /// The kept part of a trace of `batch` texts that is limited to about `most` bytes.
    pub(super) fn kept_within(&self, batch: usize, source: usize, target: usize, most: usize) -> Kept {
        let all = batch * self.bytes_per_trace(source, target);
        if all <= most {
            return Kept { encoder_stride: None, decoder_stride: None, bytes: all };
        }
        // A quarter for what is run again leaves room for inputs and for what is pulled back.
        let plan = |stack: &Stack, own: usize, other: usize| {
            let widest = stack.blocks.iter().map(|block| block.bytes_of_trace(own, other)).max().unwrap_or(0) * batch;
            let stride = (most / 4 / widest.max(1)).clamp(1, stack.blocks.len().max(1));
            let features = stack.blocks.first().map_or(0, Block::features);
            let inputs = 4 * batch * own * features * stack.blocks.len().div_ceil(stride);
            (stride, inputs, stride * widest)
        };
        let (decoder_stride, mut inputs, mut again) = plan(&self.decoder, target, source);
        let encoder_stride = self.encoder.as_ref().map(|encoder| {
            let (stride, own_inputs, own_again) = plan(&encoder.stack, source, 0);
            inputs += own_inputs;
            again = again.max(own_again);
            stride
        });
        Kept { encoder_stride, decoder_stride: Some(decoder_stride), bytes: inputs + again }
    }
}
