//! The blocks of a trace, a stretch at a time; blocks whose traces were not kept run again.

use std::borrow::Cow;
use std::ops::Range;

use super::forward::{Forward, Mode};
use super::kept::Blocks;
use super::layer::Side;
use super::trace::Trace;
use super::{BlockTrace, Model};

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
            (Some(encoder), Some(memory)) if !range.is_empty() => traces(&self.encoder.blocks, range, || {
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
        traces(&self.decoder.blocks, range, || {
            let (memory, length) = (self.memory.as_ref(), self.decoder.length);
            Forward::of_decoder(&model.decoder, length, memory, self.mode(), &model.device())
        })
    }
}

/// The traces of one of the [`ranges`](Blocks::ranges) of a stack's blocks. Blocks whose traces were not kept run again.
fn traces<'b, 'f>(
    blocks: &'b Blocks,
    range: &Range<usize>,
    forward: impl FnOnce() -> Forward<'f>,
) -> Cow<'b, [BlockTrace]> {
    match blocks {
        Blocks::Kept(traces) => Cow::Borrowed(traces),
        Blocks::Again { stride, inputs, .. } => {
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
