//! Rules of the operations of a whole trace.
//!
//! A [`Propagation`] says which [`Rule`] every operation has. The trace keeps the rules, so all rules share one pullback.

use super::block::{Block, BlockTrace};
use super::kept::Blocks;
use super::stack::{Stack, StackTrace};
use super::sublayer::SublayerTrace;
use super::{Model, Trace};
use crate::layers::{Compared, Feed, NormTrace, Propagation, Rule};

impl Propagation {
    /// Whether any operation of `model` has another rule than the derivative.
    pub fn changes(self, model: &Model) -> bool {
        let encoder = model.encoder.iter().flat_map(|encoder| &encoder.stack.blocks);
        let mut blocks = encoder.chain(&model.decoder.blocks);
        match self.compared {
            Compared::Nothing => self != Self::GRADIENT,
            Compared::Rectifiers => blocks.any(|block| block.feed_forward.inner.captum_rescales()),
            Compared::Everything => true,
        }
    }

    /// Refuses to compare a mixture of experts with a baseline. The baseline may choose other experts than the text, and no
    /// difference quotient describes that.
    ///
    /// # Errors
    /// The reason, if the propagation needs a baseline and `model` has experts that it would compare.
    pub fn check(self, model: &Model) -> Result<(), &'static str> {
        let has_experts = |block: &Block| matches!(block.feed_forward.inner, Feed::Experts(_));
        if self.needs_baseline() && self.changes(model) && model.decoder.blocks.iter().any(has_experts) {
            return Err(
                "the baseline may choose other experts than the text, and no difference quotient describes that",
            );
        }
        Ok(())
    }
}

impl Trace {
    /// The trace compared with that of a baseline: operations whose rule needs a baseline get difference quotients. Both are
    /// traces of `model` [by the same propagation](Model::trace_by), for texts of the same lengths.
    #[must_use]
    pub fn between(&self, baseline: &Trace, model: &Model) -> Trace {
        let stack = |own: &StackTrace, baseline, stack| own.clone().ruled(stack, self.propagation, Some(baseline));
        let encoder = match &model.encoder {
            Some(encoder) => stack(&self.encoder, &baseline.encoder, &encoder.stack),
            None => self.encoder.clone(),
        };
        Trace { encoder, decoder: stack(&self.decoder, &baseline.decoder, &model.decoder), ..self.clone() }
    }
}

impl StackTrace {
    /// The trace with the rules of a propagation. Without a baseline, nothing is compared.
    pub(super) fn ruled(self, stack: &Stack, propagation: Propagation, baseline: Option<&StackTrace>) -> StackTrace {
        let norm = |own: Option<NormTrace>, part: fn(&StackTrace) -> Option<&NormTrace>| {
            let own = own?;
            Some(own.ruled(propagation.of_others(baseline).and_then(part)))
        };
        let block = |(index, own): (usize, BlockTrace)| {
            let baseline = baseline.and_then(|baseline| baseline.blocks.kept().get(index));
            own.ruled(&stack.blocks[index], propagation, baseline)
        };
        StackTrace {
            entry_input_norm: norm(self.entry_input_norm, |trace| trace.entry_input_norm.as_ref()),
            entry_norm: norm(self.entry_norm, |trace| trace.entry_norm.as_ref()),
            exit_norm: norm(self.exit_norm, |trace| trace.exit_norm.as_ref()),
            blocks: match self.blocks {
                Blocks::Kept(traces) => Blocks::Kept(traces.into_iter().enumerate().map(block).collect()),
                again => again,
            },
            ..self
        }
    }
}

impl BlockTrace {
    /// The trace with the rules of a propagation. Without a baseline, nothing is compared.
    pub(super) fn ruled(self, block: &Block, propagation: Propagation, baseline: Option<&BlockTrace>) -> BlockTrace {
        let rule = propagation.of_others(baseline);
        BlockTrace {
            mixer: self
                .mixer
                .ruled(rule.map(|baseline| &baseline.mixer))
                .map(|own| own.ruled(rule.map(|baseline| &baseline.mixer.inner))),
            cross_attention: self.cross_attention.map(|own| {
                let rule = rule.and_then(|baseline| baseline.cross_attention.as_ref());
                own.ruled(rule).map(|own| own.ruled(rule.map(|baseline| &baseline.inner)))
            }),
            feed_forward: self.feed_forward.ruled(rule.map(|baseline| &baseline.feed_forward)).map(
                |own| match baseline {
                    Some(baseline) => block.feed_forward.inner.between(own, &baseline.feed_forward.inner, propagation),
                    None => own,
                },
            ),
        }
    }
}

impl<T> SublayerTrace<T> {
    /// The trace with another rule for its norms.
    fn ruled(self, rule: Rule<&Self>) -> Self {
        let norm = |own: Option<NormTrace>, part: fn(&Self) -> Option<&NormTrace>| {
            own.map(|own| own.ruled(rule.and_then(part)))
        };
        SublayerTrace {
            input: norm(self.input, |trace| trace.input.as_ref()),
            output: norm(self.output, |trace| trace.output.as_ref()),
            sum: norm(self.sum, |trace| trace.sum.as_ref()),
            ..self
        }
    }
}
