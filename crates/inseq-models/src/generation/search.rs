//! Greedy search and sampling.

use std::ops::ControlFlow;

use rand::{SeedableRng, rngs::StdRng};

use super::guidance::Guide;
use super::processors::{Row, can_be_chosen, nothing_to_choose, process};
use super::{FinishReason, Generated, GenerationConfig, Prompts, StepDecoder, cancelled, prefill, sampling, top};
use crate::Result;

pub(super) fn search(
    decoder: &mut impl StepDecoder,
    prompts: &Prompts,
    config: &GenerationConfig,
    limit: usize,
    progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<Vec<Generated>> {
    let vocabulary = decoder.vocabulary();
    let mut texts = prompts.starts.to_vec();
    let start = texts.first().map_or(0, Vec::len);
    let mut finished: Vec<Option<FinishReason>> = vec![None; texts.len()];
    // A text draws from its own stream, so that it does not matter what it is batched with.
    let mut streams: Vec<StdRng> = (0..texts.len()).map(|_| StdRng::seed_from_u64(config.seed)).collect();
    let mut rows: Vec<usize> = (0..texts.len()).collect();
    let mut guide = Guide::new(decoder, prompts.starts, config)?;
    let mut logits = prefill(decoder, prompts.starts)?;
    loop {
        let mut next = Vec::new();
        for (row, &text) in rows.iter().enumerate() {
            let scores = &mut logits[row * vocabulary..(row + 1) * vocabulary];
            if let Some(guide) = &guide {
                guide.guide(row, scores);
            }
            let rules = Row { ids: &texts[text], source: &prompts.sources[text], start, limit };
            process(config, rules, scores);
            let likeliest = top::largest(scores, 1).first().copied().unwrap_or_default();
            if !scores.get(likeliest).is_some_and(|score| can_be_chosen(*score)) {
                return Err(nothing_to_choose(config, rules, vocabulary));
            }
            let token = if config.do_sample { sampling::draw(scores, &mut streams[text]) } else { likeliest as u32 };
            texts[text].push(token);
            if config.end_tokens().contains(&token) {
                finished[text] = Some(FinishReason::EndOfSequence);
            } else if prompts.stops(config, &texts[text])? {
                finished[text] = Some(FinishReason::StopString);
            } else if texts[text].len() >= limit {
                finished[text] = Some(FinishReason::Length);
            } else {
                next.push((row, text, token));
            }
        }
        if progress(texts.iter().map(|ids| ids.len() - start).sum()).is_break() {
            return Err(cancelled());
        }
        if next.is_empty() {
            break;
        }
        let parents: Vec<usize> = next.iter().map(|n| n.0).collect();
        let tokens: Vec<u32> = next.iter().map(|n| n.2).collect();
        rows = next.iter().map(|n| n.1).collect();
        logits = decoder.step(&parents, &tokens)?;
        if let Some(guide) = &mut guide {
            guide.step(&parents, &tokens)?;
        }
    }
    let finish = finished.into_iter().map(|finish| finish.unwrap_or(FinishReason::Length));
    Ok(texts.into_iter().zip(finish).map(|(ids, finish)| Generated { ids, score: None, finish }).collect())
}

impl GenerationConfig {
    /// Whether each token is the likeliest one by the logits alone: without beams, sampling, guidance, and rules that change scores.
    pub fn takes_likeliest(&self) -> bool {
        let is_empty = |ids: &Option<Vec<u32>>| ids.iter().flatten().next().is_none();
        let has_penalty =
            [self.repetition_penalty, self.encoder_repetition_penalty].iter().any(|penalty| *penalty != 1.0);
        let has_length = self.min_length > 0
            || self.min_new_tokens.is_some_and(|least| least > 0)
            || self.exponential_decay_length_penalty.is_some();
        let has_ngrams = self.no_repeat_ngram_size > 0 || self.encoder_no_repeat_ngram_size > 0;
        let is_forced = self.forced_bos_token_id.is_some() || !self.forced_eos_token_id.0.is_empty();
        let is_biased = !self.sequence_bias.0.is_empty() || self.bad_words_ids.iter().flatten().next().is_some();
        let is_search = self.do_sample || self.num_beams > 1 || self.guidance().is_some();
        !(is_search || has_penalty || has_length || has_ngrams || is_forced || is_biased)
            && is_empty(&self.suppress_tokens)
            && is_empty(&self.begin_suppress_tokens)
    }
}
