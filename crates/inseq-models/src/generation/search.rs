//! Greedy search and sampling.

use std::ops::ControlFlow;

use rand::{SeedableRng, rngs::StdRng};

use super::processors::{Row, process};
use super::{FinishReason, Generated, GenerationConfig, StepDecoder, cancelled, prefill, sampling, top};
use crate::Result;

pub(super) fn search(
    decoder: &mut impl StepDecoder,
    starts: &[Vec<u32>],
    sources: Option<&[Vec<u32>]>,
    config: &GenerationConfig,
    limit: usize,
    progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<Vec<Generated>> {
    let vocabulary = decoder.vocabulary();
    let start = starts[0].len();
    let mut texts = starts.to_vec();
    let mut finished: Vec<Option<FinishReason>> = vec![None; texts.len()];
    // A text draws from its own stream, so that it does not matter what it is batched with.
    let mut streams: Vec<StdRng> = (0..texts.len()).map(|_| StdRng::seed_from_u64(config.seed)).collect();
    let mut rows: Vec<usize> = (0..texts.len()).collect();
    let mut logits = prefill(decoder, starts)?;
    loop {
        let mut next = Vec::new();
        for (row, &text) in rows.iter().enumerate() {
            let scores = &mut logits[row * vocabulary..(row + 1) * vocabulary];
            let source = sources.map(|sources| sources[text].as_slice());
            process(config, Row { ids: &texts[text], source, start, limit }, scores);
            let token = if config.do_sample {
                sampling::draw(scores, &mut streams[text])
            } else {
                top::largest(scores, 1)[0] as u32
            };
            texts[text].push(token);
            if config.end_tokens().contains(&token) {
                finished[text] = Some(FinishReason::EndOfSequence);
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
    }
    let finish = finished.into_iter().map(|finish| finish.unwrap_or(FinishReason::Length));
    Ok(texts.into_iter().zip(finish).map(|(ids, finish)| Generated { ids, score: None, finish }).collect())
}
