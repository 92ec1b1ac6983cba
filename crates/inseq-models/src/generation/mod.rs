//! Generation as transformers' `generate` defines it: greedy, beam search, sampling, and the processors between.
//!
//! Nothing here knows a tensor library: a [`StepDecoder`] gives logits, and the search works on them.

mod beam;
mod config;
mod processors;
mod sampling;
mod search;
mod top;

use std::ops::ControlFlow;

pub use config::{EarlyStopping, GenerationConfig};

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
}

/// Why a text ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishReason {
    /// The end-of-sequence token.
    EndOfSequence,
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

/// Generates one text for each of `starts`, which must be of one length (at least the decoder start token).
///
/// `sources` are the encoder's ids, for processors that look at them. `progress` is told the number of tokens so far;
/// `Break` stops and gives an error.
///
/// # Errors
/// When the configuration asks for what the decoder cannot do, or the decoder fails.
pub fn generate(
    decoder: &mut impl StepDecoder,
    starts: &[Vec<u32>],
    sources: Option<&[Vec<u32>]>,
    config: &GenerationConfig,
    progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<Vec<Generated>> {
    let Some(length) = starts.first().map(Vec::len) else { return Ok(Vec::new()) };
    if length == 0 || starts.iter().any(|start| start.len() != length) {
        return Err(Error::Argument("generation needs starts of one length, with at least one token".into()));
    }
    if let Some(&id) = starts.iter().flatten().find(|&&id| id as usize >= decoder.vocabulary()) {
        return Err(Error::Argument(format!(
            "the start token {id} is outside the vocabulary of {} tokens",
            decoder.vocabulary()
        )));
    }
    let limit = config.limit(length, decoder.max_positions())?;
    if config.num_beams > 1 {
        beam::search(decoder, starts, sources, config, limit, progress)
    } else {
        search::search(decoder, starts, sources, config, limit, progress)
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
