//! Builds the attribution of a text from the output of a method.

use std::borrow::Cow;
use std::ops::Range;

use inseq_core::{SequenceAttribution, Token};
use inseq_models::tokenizer::Role;

use crate::Result;
use crate::engine::TextSteps;
use crate::method::Attributions;
use crate::positions::hide_what_steps_cannot_see;
use crate::texts::Texts;

/// A text and its attributions for each run of steps that follow each other, and the steps of the run; all of a text without steps.
pub(crate) fn runs(
    text: &TextSteps,
    attributions: Attributions,
) -> Vec<(Range<usize>, Cow<'_, TextSteps>, Attributions)> {
    let runs = text.steps.runs();
    if runs.len() < 2 {
        return vec![(0..text.steps.len(), Cow::Borrowed(text), attributions)];
    }
    let each = runs.into_iter().map(|run| {
        let own = TextSteps { steps: text.steps.some(run.clone()), ..text.clone() };
        let attributions = attributions.of_steps(&run.clone().collect::<Vec<_>>());
        (run, Cow::Owned(own), attributions)
    });
    each.collect()
}

/// Builds attributions with tokens.
pub(crate) struct Sequences<'c> {
    pub(crate) texts: &'c Texts<'c>,
    /// Whether the tokenizer's marks are removed from shown tokens.
    pub(crate) clean: bool,
    /// Whether features are groups of tokens.
    pub(crate) is_grouped: bool,
}

impl Sequences<'_> {
    /// The attribution of a text whose steps follow each other.
    ///
    /// # Errors
    /// A token cannot be decoded.
    pub(crate) fn of(&self, text: &TextSteps, attributions: Attributions) -> Result<SequenceAttribution> {
        let model = self.texts.model;
        let mut target_attributions = attributions.target;
        if let Some(array) = &mut target_attributions {
            hide_what_steps_cannot_see(array, &text.steps);
        }
        let tokens = |ids: &[u32], role| model.tokens(ids, role, self.texts.given(text.index, role), self.clean);
        let target = tokens(&text.target, Role::Target)?;
        let mut sequence = SequenceAttribution {
            source: match model.model().is_decoder_only() {
                true => target[..text.start()].to_vec(),
                false => tokens(&text.source, Role::Source)?,
            },
            target,
            source_attributions: attributions.source,
            target_attributions,
            step_scores: attributions.step_scores.into_iter().collect(),
            sequence_scores: attributions.sequence_scores.into_iter().collect(),
            attr_pos_start: text.start(),
            attr_pos_end: text.start() + text.steps.len(),
            kind: attributions.kind,
            ..SequenceAttribution::default()
        };
        sequence.add_unseen_rows();
        let mut merged = text.merge_steps(sequence)?;
        let [source, mut target] = if self.is_grouped { text.merged() } else { [vec![], vec![]] };
        if self.is_grouped {
            merged = text.merge_features(&merged)?;
        }
        target.extend(text.steps.several());
        if self.clean {
            // Between the pieces of a word there is nothing, between words a space, which only the marks tell.
            let (role, ids) = match model.model().is_decoder_only() {
                true => (Role::Target, &text.target),
                false => (Role::Source, &text.source),
            };
            self.clean_merged(&mut merged.source, ids, role, source)?;
            self.clean_merged(&mut merged.target, &text.target, Role::Target, target)?;
        }
        Ok(merged)
    }

    /// Sets the text of tokens that were merged from spans of `ids`.
    fn clean_merged(&self, tokens: &mut [Token], ids: &[u32], role: Role, spans: Vec<Range<usize>>) -> Result<()> {
        for (token, span) in tokens.iter_mut().filter(|token| token.id.is_none()).zip(spans) {
            token.text = self.texts.model.decode_whole(&ids[span], role, token.piece.as_ref())?.trim().to_owned();
        }
        Ok(())
    }
}
