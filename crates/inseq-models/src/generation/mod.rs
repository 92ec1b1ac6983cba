//! Generation as transformers' `generate` defines it: greedy, beam search, sampling, and the processors between.
//!
//! Nothing here knows a tensor library: a [`StepDecoder`] gives logits, and the search works on them.

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

/// Hypotheses that grow by one token a call; at first one row for each text.
pub trait StepDecoder {
    /// Row `i` goes on from what row `parents[i]` was, with its `tokens` (row-major `[row, token]`, as many for each
    /// row); gives the logits after the last, row-major `[row, vocabulary]`. Rows that no parent names are dropped.
    ///
    /// # Errors
    /// When the model has no position for another token, or the device fails.
    fn step(&mut self, parents: &[usize], tokens: &[u32]) -> Result<Vec<f32>>;

    /// Number of tokens that logits are given for.
    fn vocabulary(&self) -> usize;

    /// Longest target, in tokens from the decoder start on; `None` where there is no such limit.
    fn max_positions(&self) -> Option<usize>;

    /// As many hypotheses of the same model that have seen nothing, for classifier-free guidance; `None` where that makes no
    /// sense, since what the model writes depends on more than its prefix.
    fn unprompted(&self, _texts: usize) -> Option<Self>
    where
        Self: Sized,
    {
        None
    }
}

/// Why a text ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishReason {
    /// The end-of-sequence token.
    EndOfSequence,
    /// A stop string.
    StopString,
    /// The greatest length.
    Length,
}

/// A generated text.
#[derive(Clone, Debug, PartialEq)]
pub struct Generated {
    /// Ids from the first token of the start on.
    pub ids: Vec<u32>,
    /// The beam's log probability, divided by its length to the length penalty; `None` without beams.
    pub score: Option<f32>,
    /// Why it ended.
    pub finish: FinishReason,
}

/// What texts are generated from.
pub struct Prompts<'a> {
    /// Ids that each text starts with, all of one length: at least the decoder start token.
    pub starts: &'a [Vec<u32>],
    /// Ids that rules about the source look at: those of the encoder, or the prompt of a decoder-only model.
    pub sources: &'a [Vec<u32>],
    /// The text of ids, for `stop_strings`.
    pub text_of: &'a dyn Fn(&[u32]) -> Result<String>,
}

/// Generates one text for each of `prompts`.
///
/// `progress` gets the number of tokens so far; `Break` stops and gives an error.
///
/// # Errors
/// When the configuration asks for what the decoder cannot do or leaves no token to choose, or the decoder fails.
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
        return Err(Error::Argument("generation needs starts of one length, with at least one token".into()));
    }
    if prompts.sources.len() != starts.len() {
        return Err(Error::Argument(format!(
            "generation needs a source for each start, found {} for {}",
            prompts.sources.len(),
            starts.len()
        )));
    }
    let vocabulary = decoder.vocabulary();
    if let Some(&id) = starts.iter().flatten().find(|&&id| id as usize >= vocabulary) {
        return Err(Error::Argument(format!("the start token {id} is outside the vocabulary of {vocabulary} tokens")));
    }
    let biased = config.sequence_bias.0.iter().map(|(ids, _)| ("sequence_bias", ids));
    let banned = config.bad_words_ids.iter().flatten().map(|ids| ("bad_words_ids", ids));
    for (name, ids) in biased.chain(banned) {
        if let Some(id) = ids.iter().find(|id| **id as usize >= vocabulary) {
            return Err(Error::Argument(format!(
                "`{name}` has the token {id}, but the vocabulary has {vocabulary} tokens"
            )));
        }
    }
    let limit = config.limit(length, decoder.max_positions())?;
    if config.num_beams > 1 {
        beam::search(decoder, prompts, config, limit, progress)
    } else {
        search::search(decoder, prompts, config, limit, progress)
    }
}

impl Prompts<'_> {
    /// Whether one of the stop strings ends in the last token of a text.
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

/// Feeds the starts and gives the logits after them, one row a text.
fn prefill(decoder: &mut impl StepDecoder, starts: &[Vec<u32>]) -> Result<Vec<f32>> {
    let parents: Vec<usize> = (0..starts.len()).collect();
    decoder.step(&parents, &starts.concat())
}

fn cancelled() -> Error {
    Error::Argument("the generation was cancelled".into())
}
