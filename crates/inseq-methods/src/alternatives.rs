//! Tokens that are shown with their contrast alternatives.

use inseq_core::{SequenceAttribution, StepAttribution, Token};
use inseq_models::tokenizer::Role;

use crate::Result;
use crate::engine::TextSteps;
use crate::other_contexts::Contrasts;
use crate::step_functions::{ContrastArguments, SharedStepFunction};

impl Contrasts<'_> {
    /// What whoever reads the result should know of the text that `functions` compare with, one sentence each.
    ///
    /// # Errors
    /// As [`other_text`](Self::other_text).
    pub(crate) fn warnings<'f>(
        &self,
        functions: impl Iterator<Item = &'f SharedStepFunction>,
        text: &TextSteps,
    ) -> Result<Vec<String>> {
        let contrasts = functions.filter_map(|function| function.contrast());
        let each = contrasts.map(|contrast| Ok(self.other_text(contrast, text)?.warnings));
        Ok(each.collect::<Result<Vec<_>>>()?.concat())
    }

    /// What each step's token is compared with by the first of `functions` that has contrast targets, as it is shown; nothing
    /// where none has.
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
        self.texts.model.tokens(&ids, Role::Target, None, clean)
    }

    /// Which position of a text's contrast target stands for each of its steps, as it came out; `None` where no function has
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
        Ok(Some(text.steps.clone().zip(other.positions().iter().copied()).collect()))
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
