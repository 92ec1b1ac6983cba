//! What each context-sensitive token is compared with.

use serde_json::json;

use super::dialogue::ContextDialogue;
use super::output_ids::OutputIds;
use super::request::ContextRequest;
use super::sensitivity::Sensitivity;
use super::texts::WithContext;
use crate::passage::Reader;
use crate::progress::ProgressCallback;
use crate::{Error, Result};
use inseq_models::generation::GenerationConfig;
use inseq_models::tokenizer::Role;

/// Finds the alternatives of selected tokens.
pub(super) struct Finder<'a> {
    pub(super) reader: &'a Reader<'a>,
    pub(super) request: &'a ContextRequest,
    pub(super) generation: &'a GenerationConfig,
    pub(super) with: &'a WithContext,
    pub(super) without: &'a OutputIds,
    pub(super) sensitivity: &'a Sensitivity,
}

impl Finder<'_> {
    /// The alternative of each selected token, in their order: the first token of the given word, or the token that the model would
    /// generate without the context.
    ///
    /// # Errors
    /// There is not one word per selected token, a word has no token, the dialogue has no answer, or the generation fails.
    pub(super) fn alternatives(
        &self,
        selected: &[usize],
        dialogue: &mut dyn ContextDialogue,
        progress: ProgressCallback,
    ) -> Result<Vec<u32>> {
        let words = &self.request.contextless_output_next_tokens;
        if !words.is_empty() && self.request.prompt_user_for_contextless_output_next_tokens {
            return Err(Error::argument(
                "contextless_output_next_tokens",
                "`contextless_output_next_tokens` and `prompt_user_for_contextless_output_next_tokens` both give the contrasts; leave \
                 one of them out"
                    .into(),
            ));
        }
        if !words.is_empty() && words.len() != selected.len() {
            let tokens: Vec<String> = selected.iter().map(|&index| format!("{:?}", self.spelling(index))).collect();
            return Err(Error::argument(
                "contextless_output_next_tokens",
                format!(
                    "`contextless_output_next_tokens` has {} words for {} context-sensitive tokens; give one for each of {}",
                    words.len(),
                    selected.len(),
                    tokens.join(", ")
                ),
            ));
        }
        let each = selected.iter().enumerate().map(|(rank, &index)| {
            let word = match words.get(rank) {
                Some(word) => Some(word.clone()),
                None if self.request.prompt_user_for_contextless_output_next_tokens => {
                    let before: Vec<u32> =
                        self.with.positions[..index].iter().map(|&at| self.with.target.ids[at]).collect();
                    dialogue.contrast_word(&self.reader.text_of(&before, self.role())?, &self.written(index)?)?
                }
                None => None,
            };
            match word {
                Some(word) => self.first_token(&word, index),
                None => self.natural(index, progress),
            }
        });
        each.collect()
    }

    fn role(&self) -> Role {
        self.with.target.role
    }

    fn id(&self, index: usize) -> u32 {
        self.with.target.ids[self.with.positions[index]]
    }

    fn spelling(&self, index: usize) -> String {
        self.reader.spelling(self.id(index), self.role())
    }

    /// A token as text.
    fn written(&self, index: usize) -> Result<String> {
        self.reader.text_of(&[self.id(index)], self.role())
    }

    /// The first token of a word, which begins with a space if the token that it is compared with does.
    fn first_token(&self, word: &str, index: usize) -> Result<u32> {
        let begins_word = |id: u32| self.reader.begins_with_space(id, self.role());
        let first = |text: &str| -> Result<Option<u32>> {
            let ids = self.reader.model.encode(text, self.role(), false)?;
            // The decoder start, and a space of its own, are not part of the word.
            let is_part = |id: &&u32| {
                self.reader.is_text(**id, self.role())
                    && self.reader.text_of(&[**id], self.role()).is_ok_and(|text| !text.trim().is_empty())
            };
            Ok(ids.iter().find(is_part).copied())
        };
        let alone = first(word)?;
        let spaced = match begins_word(self.id(index)) && alone.is_some_and(|id| !begins_word(id)) {
            true => first(&format!(" {}", word.trim_start()))?.filter(|&id| begins_word(id)),
            false => None,
        };
        spaced.or(alone).ok_or_else(|| {
            Error::argument(
                "contextless_output_next_tokens",
                format!("the contrast {word:?} has no token; give a word of the model's vocabulary"),
            )
        })
    }

    /// The token that the model would generate without the context, after the output before a token.
    fn natural(&self, index: usize, progress: ProgressCallback) -> Result<u32> {
        if self.generation.takes_likeliest() {
            return Ok(self.sensitivity.likeliest[index]);
        }
        let without = self.without;
        let prefix = without.target[..without.positions[index]].to_vec();
        let source = without.source.clone().unwrap_or_else(|| prefix.clone());
        // An encoder-decoder may be made to end its text with the last token.
        let new = if without.source.is_some() { 2 } else { 1 };
        let config =
            self.generation.merge(json!({ "max_new_tokens": new }).as_object().unwrap_or(&Default::default()))?;
        let at = prefix.len();
        let generated = self.reader.model.generate_ids(&[source], Some(&[prefix]), &config, progress)?;
        let next = generated.first().and_then(|generated| generated.ids.get(at)).copied();
        Ok(next.unwrap_or(self.sensitivity.likeliest[index]))
    }
}
