//! Beam search with the rules of transformers 5.

use std::ops::ControlFlow;

use rand::{SeedableRng, rngs::StdRng};
use rayon::prelude::*;

use super::guidance::Guide;
use super::processors::{Row, can_be_chosen, nothing_to_choose, process};
use super::{
    EarlyStopping, FinishReason, Generated, GenerationConfig, Prompts, StepDecoder, cancelled, prefill, sampling, top,
};
use crate::Result;
use crate::layers::log_softmax_row;

/// Added to the score of a hypothesis that must not be chosen.
const NEVER: f32 = -1e9;

#[derive(Clone, Debug)]
struct Hypothesis {
    ids: Vec<u32>,
    score: f32,
    finished: bool,
}

/// The search for one text.
struct Search {
    running: Vec<Hypothesis>,
    done: Vec<Hypothesis>,
    may_improve: bool,
    stream: StdRng,
}

/// A continued beam: its previous row of logits, and its next token.
type Next = (usize, u32);

pub(super) fn search(
    decoder: &mut impl StepDecoder,
    prompts: &Prompts,
    config: &GenerationConfig,
    limit: usize,
    progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<Vec<Generated>> {
    let vocabulary = decoder.vocabulary();
    let beams = config.num_beams;
    let starts = prompts.starts;
    let start = starts.first().map_or(0, Vec::len);
    let mut searches: Vec<Search> = starts
        .iter()
        .map(|ids| {
            let hypothesis = |score| Hypothesis { ids: ids.clone(), score, finished: false };
            Search {
                running: (0..beams).map(|beam| hypothesis(if beam == 0 { 0.0 } else { NEVER })).collect(),
                done: (0..beams).map(|_| hypothesis(f32::NEG_INFINITY)).collect(),
                may_improve: true,
                stream: StdRng::seed_from_u64(config.seed),
            }
        })
        .collect();
    let mut live: Vec<usize> = (0..starts.len()).collect();
    let mut guide = Guide::new(decoder, starts, config)?;
    let mut logits = prefill(decoder, starts)?;
    // All beams of a text are alike at first, and share one row.
    let mut rows_per_text = 1;
    let mut tokens_so_far = 0;
    loop {
        // Scores of every row, processed with the ids of each beam.
        let mut parents = Vec::new();
        let mut tokens = Vec::new();
        let mut still_live = Vec::new();
        for (group, &text) in live.iter().enumerate() {
            let search = &mut searches[text];
            let rows = &mut logits[group * rows_per_text * vocabulary..(group + 1) * rows_per_text * vocabulary];
            let source = prompts.sources[text].as_slice();
            if let Some(guide) = &guide {
                let base = group * rows_per_text;
                rows.chunks_mut(vocabulary).enumerate().for_each(|(row, scores)| guide.guide(base + row, scores));
            } else {
                rows.par_chunks_mut(vocabulary).for_each(log_softmax_row);
            }
            rows.par_chunks_mut(vocabulary).zip(&search.running).for_each(|(scores, beam)| {
                process(config, Row { ids: &beam.ids, source, start, limit }, scores);
            });
            if !rows.iter().any(|score| can_be_chosen(*score)) {
                let rules = Row { ids: &search.running[0].ids, source, start, limit };
                return Err(nothing_to_choose(config, rules, vocabulary));
            }
            let next = search.advance(rows, vocabulary, prompts, config, start, limit)?;
            if let Some(next) = next {
                let base = group * rows_per_text;
                for (row, token) in next {
                    parents.push(base + if rows_per_text == 1 { 0 } else { row });
                    tokens.push(token);
                }
                still_live.push(text);
            }
        }
        tokens_so_far += live.len();
        if progress(tokens_so_far).is_break() {
            return Err(cancelled());
        }
        live = still_live;
        if live.is_empty() {
            break;
        }
        logits = decoder.step(&parents, &tokens)?;
        if let Some(guide) = &mut guide {
            guide.step(&parents, &tokens)?;
        }
        rows_per_text = beams;
    }
    searches.into_iter().map(|search| search.best(prompts, config)).collect()
}

impl Search {
    /// Runs one step and returns the continued beams, or `None` if the text is done.
    fn advance(
        &mut self,
        rows: &[f32],
        vocabulary: usize,
        prompts: &Prompts,
        config: &GenerationConfig,
        start: usize,
        limit: usize,
    ) -> Result<Option<Vec<Next>>> {
        let beams = config.num_beams;
        let keep = (config.end_tokens().len() + 1).max(2) * beams;
        let candidates = self.candidates(rows, vocabulary, keep, config.do_sample);
        let length = self.running[0].ids.len() + 1;
        let candidates: Vec<(usize, Hypothesis)> = candidates
            .into_iter()
            .map(|(beam, token, score)| {
                let mut ids = self.running[beam].ids.clone();
                ids.push(token);
                let finished =
                    length >= limit || config.end_tokens().contains(&token) || prompts.stops(config, &ids)?;
                Ok((beam, Hypothesis { ids, score, finished }))
            })
            .collect::<Result<_>>()?;

        let lowered: Vec<f32> =
            candidates.iter().map(|(_, h)| h.score + if h.finished { NEVER } else { 0.0 }).collect();
        let chosen = top::largest(&lowered, beams);
        let next: Vec<Next> = chosen
            .iter()
            .map(|&i| (candidates[i].0, candidates[i].1.ids.last().copied().unwrap_or_default()))
            .collect();
        let running = chosen
            .iter()
            .map(|&i| Hypothesis { ids: candidates[i].1.ids.clone(), score: lowered[i], finished: false })
            .collect();
        self.update_done(&candidates, config, length - start);
        self.running = running;

        self.may_improve &= self.could_improve(config, length - start, limit - start);
        let full = self.done.iter().all(|h| h.finished) && config.early_stopping == EarlyStopping::WhenFull;
        let can_go_on = candidates.iter().any(|(_, h)| !h.finished);
        Ok((self.may_improve && !full && can_go_on).then_some(next))
    }

    /// The best continuations of all beams, best first: beam, token, accumulated score.
    fn candidates(&mut self, rows: &[f32], vocabulary: usize, keep: usize, sample: bool) -> Vec<(usize, u32, f32)> {
        let row = |beam: usize| {
            let row = if rows.len() == vocabulary { 0 } else { beam };
            &rows[row * vocabulary..(row + 1) * vocabulary]
        };
        let mut all = Vec::new();
        for (beam, hypothesis) in self.running.iter().enumerate() {
            let scores = row(beam);
            let (keys, order) = if sample {
                let total: Vec<f32> = scores.iter().map(|s| s + hypothesis.score).collect();
                let keys = sampling::perturb(&total, &mut self.stream);
                let order = top::largest(&keys, keep);
                (Some(keys), order)
            } else {
                (None, top::largest(scores, keep))
            };
            for token in order {
                let score = scores[token] + hypothesis.score;
                all.push((keys.as_ref().map_or(score, |keys| keys[token]), beam, token as u32, score));
            }
        }
        let keys: Vec<f32> = all.iter().map(|candidate| candidate.0).collect();
        top::largest(&keys, keep).into_iter().map(|i| (all[i].1, all[i].2, all[i].3)).collect()
    }

    /// Adds finished candidates that are better than the present ones.
    fn update_done(&mut self, candidates: &[(usize, Hypothesis)], config: &GenerationConfig, length: usize) {
        let full = self.done.iter().all(|h| h.finished) && config.early_stopping == EarlyStopping::WhenFull;
        let mut merged = self.done.clone();
        merged.extend(candidates.iter().enumerate().map(|(rank, (_, h))| {
            // Candidates after the first `num_beams` are only there to go on from.
            let just_finished = h.finished && rank < config.num_beams;
            let mut score = penalized(h.score, length, config);
            for lower in [full, !self.may_improve] {
                score += if lower { NEVER } else { 0.0 };
            }
            // Every finished text is better, however strongly its length is punished.
            let score = if just_finished { score } else { f32::NEG_INFINITY };
            Hypothesis { ids: h.ids.clone(), score, finished: just_finished }
        }));
        let scores: Vec<f32> = merged.iter().map(|h| h.score).collect();
        self.done = top::largest(&scores, config.num_beams).into_iter().map(|i| merged[i].clone()).collect();
    }

    /// Whether a running beam can still become better than the worst finished one.
    fn could_improve(&self, config: &GenerationConfig, length: usize, limit: usize) -> bool {
        let longest =
            if config.early_stopping == EarlyStopping::Never && config.length_penalty > 0.0 { limit } else { length };
        let worst = self.done.iter().map(|h| h.score).fold(f32::INFINITY, f32::min);
        penalized(self.running[0].score, longest, config) > worst
    }

    fn best(self, prompts: &Prompts, config: &GenerationConfig) -> Result<Generated> {
        let best = self.done.into_iter().next().unwrap_or(Hypothesis {
            ids: Vec::new(),
            score: f32::NEG_INFINITY,
            finished: false,
        });
        let ended = best.ids.last().is_some_and(|id| config.end_tokens().contains(id));
        let finish = match ended {
            true => FinishReason::EndOfSequence,
            false if prompts.stops(config, &best.ids)? => FinishReason::StopString,
            false => FinishReason::Length,
        };
        Ok(Generated { ids: best.ids, score: Some(best.score), finish })
    }
}

/// The score of `length` new tokens, divided by the length to the power of the length penalty. Always finite.
fn penalized(score: f32, length: usize, config: &GenerationConfig) -> f32 {
    (score / (length as f64).powf(config.length_penalty) as f32).max(f32::MIN)
}
