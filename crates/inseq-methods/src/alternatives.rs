//! Tokens shown with what a contrast compares them with.

use std::collections::HashSet;

use inseq_core::{SequenceAttribution, StepAttribution, Token};
use inseq_models::tokenizer::Role;
use serde_json::{Map, Value, json};

use crate::engine::TextSteps;
use crate::request::AttributionRequest;
use crate::step_functions::{ContrastArguments, SharedStepFunction};
use crate::{AttributionModel, Result};

impl AttributionModel {
    /// What whoever reads the result should know of the texts that `functions` compare with, one sentence each.
    ///
    /// # Errors
    /// As [`other_text`](Self::other_text).
    pub(crate) fn contrast_warnings<'f>(
        &self,
        request: &AttributionRequest,
        functions: impl Iterator<Item = &'f SharedStepFunction>,
        texts: &[TextSteps],
    ) -> Result<Vec<String>> {
        let mut warnings: Vec<String> = Vec::new();
        for contrast in functions.filter_map(|function| function.contrast()) {
            for text in texts {
                warnings.extend(self.other_text(contrast, request, text)?.warnings);
            }
        }
        // Functions that compare with the same texts would say the same.
        let mut said = HashSet::new();
        warnings.retain(|warning| said.insert(warning.clone()));
        Ok(warnings)
    }

    /// What each step's token of each text is compared with by the first of `functions` that has contrast targets, as it is
    /// shown; nothing where none has.
    ///
    /// # Errors
    /// As [`other_text`](Self::other_text).
    pub(crate) fn alternatives<'f>(
        &self,
        request: &AttributionRequest,
        functions: impl Iterator<Item = &'f SharedStepFunction>,
        texts: &[TextSteps],
    ) -> Result<Vec<Vec<Token>>> {
        let Some(contrast) = contrast_of(functions) else { return Ok(vec![vec![]; texts.len()]) };
        let each = texts.iter().map(|text| {
            let ids = self.other_text(contrast, request, text)?.alternatives();
            self.tokens(&ids, Role::Target, None, request.clean_special_chars)
        });
        each.collect()
    }

    /// Arguments of step functions, with the alignments of their contrast targets as they came out: for each text pairs of
    /// positions, one for each step.
    ///
    /// # Errors
    /// As [`other_text`](Self::other_text).
    pub(crate) fn with_alignments<'f>(
        &self,
        request: &AttributionRequest,
        arguments: &Map<String, Value>,
        functions: impl Iterator<Item = &'f SharedStepFunction>,
        texts: &[TextSteps],
    ) -> Result<Map<String, Value>> {
        let mut arguments = arguments.clone();
        let contrast = contrast_of(functions).filter(|_| arguments.contains_key("contrast_targets"));
        if let Some(contrast) = contrast {
            let each = texts.iter().map(|text| {
                let other = self.other_text(contrast, request, text)?;
                Ok(text.steps.clone().zip(other.positions().iter().copied()).collect())
            });
            let pairs: Vec<Vec<(usize, usize)>> = each.collect::<Result<_>>()?;
            arguments.insert("contrast_targets_alignments".into(), json!(pairs));
        }
        Ok(arguments)
    }
}

/// What the first of `functions` that has contrast targets compares with.
fn contrast_of<'f>(functions: impl Iterator<Item = &'f SharedStepFunction>) -> Option<&'f ContrastArguments> {
    let mut contrasts = functions.filter_map(|function| function.contrast());
    contrasts.find(|contrast| contrast.contrast_targets.is_some())
}

/// Shows the token of each step with the one that it is compared with.
pub(crate) fn compare(sequence: &mut SequenceAttribution, steps: &mut [StepAttribution], others: &[Token]) {
    for (token, other) in sequence.target[sequence.attr_pos_start..].iter_mut().zip(others) {
        *token = Token::compared(&other.text, token);
    }
    for (token, other) in steps.iter_mut().flat_map(|step| step.target.iter_mut().flatten()).zip(others) {
        *token = Token::compared(&other.text, token);
    }
}
