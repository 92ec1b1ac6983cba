//! Tokens that are shown with their contrast alternatives.

use inseq_core::{SequenceAttribution, StepAttribution, Token, Warning};
use inseq_models::tokenizer::Role;

use crate::Result;
use crate::engine::TextSteps;
use crate::other_contexts::Contrasts;
use crate::step_functions::{ContrastArguments, SharedStepFunction};

impl Contrasts<'_> {
    /// Warnings for the reader of the result about the contrast text of `functions`, one sentence each.
    ///
    /// # Errors
    /// As [`other_text`](Self::other_text).
    pub(crate) fn warnings<'f>(
        &self,
        functions: impl Iterator<Item = &'f SharedStepFunction>,
        text: &TextSteps,
    ) -> Result<Vec<Warning>> {
        let contrasts = functions.filter_map(|function| function.contrast());
        let each = contrasts.map(|contrast| Ok(self.other_text(contrast, text)?.warnings));
        Ok(each.collect::<Result<Vec<_>>>()?.concat())
    }

    /// The alternative of each step's token or tokens, as it is shown, from the first of `functions` with contrast targets; empty
    /// if none has them.
    ///
    /// # Errors
    /// As [`other_text`](Self::other_text).
    pub(crate) fn alternatives<'f>(
        &self,
        functions: impl Iterator<Item = &'f SharedStepFunction>,
        text: &TextSteps,
        clean: bool,
    ) -> Result<Vec<Token>> {
        let Some(contrast) = contrast_of(functions) else { return Ok(vec![]) };
        let ids = self.other_text(contrast, text)?.alternatives();
        let tokens = self.texts.model.tokens(&ids, Role::Target, None, clean)?;
        let of_steps = text.steps.divided(0, &tokens).map(|tokens| match tokens {
            [one] => one.clone(),
            several => Token::joined(several),
        });
        Ok(of_steps.collect())
    }

    /// The resolved position in a text's contrast target for each token of its steps; `None` if no function has
    /// contrast targets.
    ///
    /// # Errors
    /// As [`other_text`](Self::other_text).
    pub(crate) fn alignment<'f>(
        &self,
        functions: impl Iterator<Item = &'f SharedStepFunction>,
        text: &TextSteps,
    ) -> Result<Option<Vec<(usize, usize)>>> {
        let Some(contrast) = contrast_of(functions) else { return Ok(None) };
        let other = self.other_text(contrast, text)?;
        Ok(Some(text.steps.tokens().zip(other.positions()).collect()))
    }
}

/// The contrast of the first of `functions` with contrast targets.
fn contrast_of<'f>(functions: impl Iterator<Item = &'f SharedStepFunction>) -> Option<&'f ContrastArguments> {
    let mut contrasts = functions.filter_map(|function| function.contrast());
    contrasts.find(|contrast| contrast.contrast_targets.is_some())
}

/// Shows the token of each step with its alternative.
pub(crate) fn compare(sequence: &mut SequenceAttribution, steps: &mut [StepAttribution], others: &[Token]) {
    for (token, other) in sequence.target[sequence.attr_pos_start..].iter_mut().zip(others) {
        *token = Token::compared(&other.text, token);
    }
    for (token, other) in steps.iter_mut().flat_map(|step| step.target.iter_mut().flatten()).zip(others) {
        *token = Token::compared(&other.text, token);
    }
}
