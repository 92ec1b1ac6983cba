//! Traces for pullbacks of differences to a baseline.
//!
//! A propagation rule defines the pullback of a nonlinear operation. A trace first holds derivatives. The rescale rule
//! (DeepLIFT: Shrikumar et al., 2017, <https://arxiv.org/abs/1704.02685>) replaces them with difference quotients to the trace of a
//! baseline. The rule is part of the trace, so there is only one pullback.

use super::block::{Block, BlockTrace};
use super::kept::Blocks;
use super::stack::{Stack, StackTrace};
use super::sublayer::SublayerTrace;
use super::{Model, Trace};
use crate::layers::{Feed, NormTrace};

/// Operations that [`Trace::rescaled`] pulls back by difference quotients; the others keep their derivatives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rescale {
    /// The activations that [Captum's DeepLIFT rescales](crate::layers::Activation::captum_rescales).
    Captum,
    /// Every nonlinear operation, including products: the result of the pullback, multiplied by the difference of inputs, sums
    /// to the difference of outputs.
    Everything,
}

impl Rescale {
    /// Whether the rule rescales an operation of `model`.
    pub fn changes(self, model: &Model) -> bool {
        let encoder = model.encoder.iter().flat_map(|encoder| &encoder.stack.blocks);
        let mut blocks = encoder.chain(&model.decoder.blocks);
        self == Self::Everything || blocks.any(|block| block.feed_forward.inner.captum_rescales())
    }

    /// Refuses a model of which something would have to be rescaled that has no difference quotients: a baseline need not
    /// choose the experts that a text does, so that a small difference of inputs may be any difference of outputs.
    ///
    /// # Errors
    /// Says so.
    pub fn check(self, model: &Model) -> Result<(), &'static str> {
        let has_experts = |block: &Block| matches!(block.feed_forward.inner, Feed::Experts(_));
        if self.changes(model) && model.decoder.blocks.iter().any(has_experts) {
            return Err(
                "the baseline may choose other experts than the text, and no difference quotient describes that",
            );
        }
        Ok(())
    }
}

impl Trace {
    /// The trace with difference quotients to `baseline` in place of derivatives. Both must be
    /// [detailed](Model::detailed_trace) traces of `model`, for texts of the same lengths.
    #[must_use]
    pub fn rescaled(&self, baseline: &Trace, model: &Model, rescale: Rescale) -> Trace {
        let encoder = match &model.encoder {
            Some(encoder) => self.encoder.rescaled(&baseline.encoder, &encoder.stack, rescale),
            None => self.encoder.clone(),
        };
        Trace { encoder, decoder: self.decoder.rescaled(&baseline.decoder, &model.decoder, rescale), ..self.clone() }
    }
}

impl StackTrace {
    fn rescaled(&self, baseline: &StackTrace, stack: &Stack, rescale: Rescale) -> StackTrace {
        let blocks = self.blocks.kept().iter().zip(baseline.blocks.kept()).zip(&stack.blocks);
        StackTrace {
            entry_input_norm: rescaled(self.entry_input_norm.as_ref(), baseline.entry_input_norm.as_ref(), rescale),
            entry_norm: rescaled(self.entry_norm.as_ref(), baseline.entry_norm.as_ref(), rescale),
            blocks: Blocks::Kept(
                blocks.map(|((own, baseline), block)| own.rescaled(baseline, block, rescale)).collect(),
            ),
            length: self.length,
            exit_norm: rescaled(self.exit_norm.as_ref(), baseline.exit_norm.as_ref(), rescale),
            noise: self.noise,
            dropout: self.dropout.clone(),
        }
    }
}

impl BlockTrace {
    fn rescaled(&self, baseline: &BlockTrace, block: &Block, rescale: Rescale) -> BlockTrace {
        let all = rescale == Rescale::Everything;
        let crosses = self.cross_attention.as_ref().zip(baseline.cross_attention.as_ref());
        BlockTrace {
            mixer: self.mixer.rescaled(&baseline.mixer, rescale, |own, other| match all {
                true => own.rescaled(other),
                false => own.clone(),
            }),
            cross_attention: crosses.map(|(own, other)| {
                own.rescaled(other, rescale, |own, other| if all { own.rescaled(other) } else { own.clone() })
            }),
            feed_forward: self.feed_forward.rescaled(&baseline.feed_forward, rescale, |own, other| {
                block.feed_forward.inner.rescaled(own, other, all)
            }),
        }
    }
}

impl<T> SublayerTrace<T> {
    fn rescaled(&self, baseline: &Self, rescale: Rescale, inner: impl FnOnce(&T, &T) -> T) -> Self {
        SublayerTrace {
            inner: inner(&self.inner, &baseline.inner),
            input: rescaled(self.input.as_ref(), baseline.input.as_ref(), rescale),
            output: rescaled(self.output.as_ref(), baseline.output.as_ref(), rescale),
            sum: rescaled(self.sum.as_ref(), baseline.sum.as_ref(), rescale),
            dropout: self.dropout.clone(),
            states: None,
        }
    }
}

fn rescaled(own: Option<&NormTrace>, baseline: Option<&NormTrace>, rescale: Rescale) -> Option<NormTrace> {
    match rescale {
        Rescale::Captum => own.cloned(),
        Rescale::Everything => own.zip(baseline).map(|(own, baseline)| own.rescaled(baseline)),
    }
}
