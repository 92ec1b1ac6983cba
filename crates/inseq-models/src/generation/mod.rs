//! Generation with the rules of transformers' `generate`: greedy search, beam search, sampling, and logits processors.
//!
//! This module needs no tensor library: a [`StepDecoder`] gives logits, and the search works on them.

mod beam;
mod config;
mod fields;
mod guidance;
mod processors;
mod sampling;
mod search;
mod top;
mod values;
mod warnings;

use std::ops::ControlFlow;

pub use config::GenerationConfig;
pub use values::{EarlyStopping, SequenceBias};

use crate::{Error, Result};

/// Hypotheses that grow with each call; initially one row for each text.
pub trait StepDecoder {
    /// Row `i` continues the previous row `parents[i]` with its `tokens` (row-major `[row, token]`, the same number for each
    /// row). Returns the logits after the last token, row-major `[row, vocabulary]`. Rows that are not a parent are dropped.
    ///
    /// # Errors
    /// The model has no position for another token, or the device fails.
    fn step(&mut self, parents: &[usize], tokens: &[u32]) -> Result<Vec<f32>>;

    /// Size of the vocabulary: the number of logits per row.
    fn vocabulary(&self) -> usize;

    /// Largest length of a target in tokens, including the decoder start; `None` without a limit.
    fn max_positions(&self) -> Option<usize>;

    /// The given number of empty hypotheses of the same model, for classifier-free guidance; `None` if the text depends on more
    /// than its prefix.
    fn unprompted(&self, _texts: usize) -> Option<Self>
    where
        Self: Sized,
    {
        None
    }
}

/// Reason for the end of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FinishReason {
    /// The end-of-sequence token.
    EndOfSequence,
    /// A stop string.
    StopString,
    /// The largest length.
    Length,
}

/// A generated text.
#[derive(Clone, Debug, PartialEq)]
pub struct Generated {
    /// Ids of the text, including its start.
    pub ids: Vec<u32>,
    /// Log probability of the beam, divided by its length to the power of the length penalty; `None` without beams.
    pub score: Option<f32>,
    /// Reason for its end.
    pub finish: FinishReason,
}

/// Input of a generation.
pub struct Prompts<'a> {
    /// Ids at the start of each text, all with the same length: at least the decoder start token.
    pub starts: &'a [Vec<u32>],
    /// Ids for rules about the source: those of the encoder, or the prompt of a decoder-only model.
    pub sources: &'a [Vec<u32>],
    /// Function that decodes ids to text, for `stop_strings`.
    pub text_of: &'a dyn Fn(&[u32]) -> Result<String>,
}

impl std::fmt::Debug for Prompts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { starts, sources, .. } = self;
        f.debug_struct("Prompts").field("starts", starts).field("sources", sources).finish_non_exhaustive()
    }
}

/// Generates one text for each of `prompts`.
///
/// `progress` gets the number of tokens so far; `Break` stops the generation with an error.
///
/// # Errors
/// The decoder does not support the configuration, the configuration leaves no token to choose, or the decoder fails.
pub fn generate(
    decoder: &mut impl StepDecoder,
    prompts: &Prompts,
    config: &GenerationConfig,
    progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<Vec<Generated>> {
    config.check()?;
    let starts = prompts.starts;
    let Some(length) = starts.first().map(Vec::len) else { return Ok(Vec::new()) };
    if length == 0 || starts.iter().any(|start| start.len() != length) {
        return Err(Error::argument("starts", "generation needs starts of one length, with at least one token".into()));
    }
    if prompts.sources.len() != starts.len() {
        return Err(Error::argument(
            "sources",
            format!("generation needs a source for each start, found {} for {}", prompts.sources.len(), starts.len()),
        ));
    }
    let vocabulary = decoder.vocabulary();
    if let Some(&id) = starts.iter().flatten().find(|&&id| id as usize >= vocabulary) {
        return Err(Error::argument(
            "starts",
            format!("a text starts with the id {id}, but the model has {vocabulary} tokens"),
        ));
    }
    let biased = config.sequence_bias.0.iter().map(|(ids, _)| ("sequence_bias", ids));
    let banned = config.bad_words_ids.iter().flatten().map(|ids| ("bad_words_ids", ids));
    for (name, ids) in biased.chain(banned) {
        known_ids(name, ids, vocabulary)?;
    }
    let limit = config.limit(length, decoder.max_positions())?;
    if config.num_beams > 1 {
        beam::search(decoder, prompts, config, limit, progress)
    } else {
        search::search(decoder, prompts, config, limit, progress)
    }
}

/// Refuses ids of a field that the vocabulary does not have.
fn known_ids(field: &str, ids: &[u32], vocabulary: usize) -> Result<()> {
    match ids.iter().find(|id| **id as usize >= vocabulary) {
        Some(id) => {
            let last = vocabulary.saturating_sub(1);
            let problem = format!("`{field}` has the id {id}, but the model has {vocabulary} tokens, 0 to {last}");
            Err(Error::argument(field, problem))
        }
        None => Ok(()),
    }
}

impl Prompts<'_> {
    /// Whether a stop string ends in the last token of a text.
    fn stops(&self, config: &GenerationConfig, ids: &[u32]) -> Result<bool> {
        let Some((_, before)) = ids.split_last().filter(|_| !config.stop_strings.is_empty()) else { return Ok(false) };
        if config.stop_strings.iter().any(String::is_empty) {
            return Ok(true);
        }
        let (text, before) = ((self.text_of)(ids)?, (self.text_of)(before)?);
        let old = text.bytes().zip(before.bytes()).take_while(|(a, b)| a == b).count();
        let ends_after = |stop: &String| text.rmatch_indices(stop.as_str()).next().map(|(at, _)| at + stop.len());
        Ok(config.stop_strings.iter().any(|stop| ends_after(stop).is_some_and(|end| end > old)))
    }
}

/// Runs the starts and returns the logits after them, one row per text.
fn prefill(decoder: &mut impl StepDecoder, starts: &[Vec<u32>]) -> Result<Vec<f32>> {
    let parents: Vec<usize> = (0..starts.len()).collect();
    decoder.step(&parents, &starts.concat())
}

fn cancelled() -> Error {
    Error::Cancelled
}
