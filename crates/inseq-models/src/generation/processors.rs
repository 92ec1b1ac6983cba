//! What changes scores before a token is chosen, in transformers' order.

use super::GenerationConfig;
use crate::layers::log_softmax_row;

/// What a processor may look at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    /// Ids so far, from the decoder start on.
    pub(super) ids: &'a [u32],
    /// The encoder's ids.
    pub(super) source: Option<&'a [u32]>,
    /// Length of the start.
    pub(super) start: usize,
    /// The greatest length.
    pub(super) limit: usize,
}

/// Changes the scores of one row.
pub(super) fn process(config: &GenerationConfig, row: Row, scores: &mut [f32]) {
    repetition_penalty(config, row, scores);
    let n = config.no_repeat_ngram_size;
    if n > 0 {
        ban(scores, repeated(row.ids, row.ids, n));
    }
    if let (n @ 1.., Some(source)) = (config.encoder_no_repeat_ngram_size, row.source) {
        ban(scores, repeated(source, row.ids, n));
    }
    bad_words(config, row, scores);
    let length = row.ids.len();
    let too_short =
        length < config.min_length || config.min_new_tokens.is_some_and(|least| length - row.start.min(length) < least);
    if too_short {
        ban(scores, config.end_tokens().iter().copied());
    }
    if let (Some(id), 1) = (config.forced_bos_token_id, length) {
        force(scores, &[id]);
    }
    if !config.forced_eos_token_id.0.is_empty() && length + 1 == row.limit {
        force(scores, &config.forced_eos_token_id.0);
    }
    if let Some(ids) = &config.suppress_tokens {
        ban(scores, ids.iter().copied());
    }
    if let Some(ids) = &config.begin_suppress_tokens {
        let forced = row.start <= 1 && config.forced_bos_token_id.is_some();
        if length == row.start + usize::from(forced) {
            ban(scores, ids.iter().copied());
        }
    }
    if config.do_sample {
        super::sampling::warp(config, scores);
    }
    if config.renormalize_logits {
        log_softmax_row(scores);
    }
}

fn ban(scores: &mut [f32], ids: impl IntoIterator<Item = u32>) {
    for id in ids {
        if let Some(score) = scores.get_mut(id as usize) {
            *score = f32::NEG_INFINITY;
        }
    }
}

fn force(scores: &mut [f32], ids: &[u32]) {
    scores.fill(f32::NEG_INFINITY);
    for &id in ids {
        if let Some(score) = scores.get_mut(id as usize) {
            *score = 0.0;
        }
    }
}

/// Keskar et al., 2019, <https://arxiv.org/abs/1909.05858>: scores of tokens that are there are scaled down.
fn repetition_penalty(config: &GenerationConfig, row: Row, scores: &mut [f32]) {
    if config.repetition_penalty == 1.0 {
        return;
    }
    let penalty = config.repetition_penalty as f32;
    let mut seen = row.ids.to_vec();
    seen.sort_unstable();
    seen.dedup();
    for id in seen {
        if let Some(score) = scores.get_mut(id as usize) {
            *score = if *score < 0.0 { *score * penalty } else { *score / penalty };
        }
    }
}

/// Tokens that would end an n-gram of `text` at the end of `ids`.
fn repeated<'a>(text: &'a [u32], ids: &'a [u32], n: usize) -> impl Iterator<Item = u32> + 'a {
    let last = (ids.len() + 1).checked_sub(n).map(|from| &ids[from.min(ids.len())..]);
    text.windows(n).filter(move |gram| last.is_some_and(|last| gram[..n - 1] == *last)).map(move |gram| gram[n - 1])
}

fn bad_words(config: &GenerationConfig, row: Row, scores: &mut [f32]) {
    for word in config.bad_words_ids.iter().flatten() {
        // A word that is just an end token would make every text endless.
        if let [id] = word.as_slice()
            && config.end_tokens().contains(id)
        {
            continue;
        }
        let (last, before) = match word.split_last() {
            Some((last, before)) => (*last, before),
            None => continue,
        };
        if row.ids.ends_with(before) {
            ban(scores, [last]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A case of `tests/reference/generation_golden.py`.
    #[derive(serde::Deserialize)]
    struct Case {
        arguments: serde_json::Map<String, serde_json::Value>,
        start: usize,
        ids: Vec<Vec<u32>>,
        source: Option<Vec<Vec<u32>>>,
        scores: Vec<Vec<f32>>,
        /// `None` where a token cannot be chosen.
        processed: Vec<Vec<Option<f32>>>,
    }

    #[test]
    fn scores_become_what_transformers_makes_of_them() {
        let path =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/generation/processors.json");
        let cases: Vec<Case> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        assert!(cases.len() > 100);
        let mut wrong = Vec::new();
        for (number, case) in cases.iter().enumerate() {
            let config = GenerationConfig::default().merge(&case.arguments).unwrap();
            let limit = config.limit(case.start, None).unwrap();
            for (row, ids) in case.ids.iter().enumerate() {
                let source = case.source.as_ref().map(|source| &source[row][..]);
                let mut scores = case.scores[row].clone();
                process(&config, Row { ids, source, start: case.start, limit }, &mut scores);
                let same = scores.iter().zip(&case.processed[row]).all(|(got, expected)| match expected {
                    Some(expected) => (got - expected).abs() <= 2e-6 * expected.abs().max(1.0),
                    None => *got == f32::NEG_INFINITY,
                });
                if !same {
                    let (arguments, expected) = (&case.arguments, &case.processed[row]);
                    wrong.push(format!(
                        "case {number}, {ids:?} from {}: {arguments:?}\n     found {scores:?}\n  expected {expected:?}",
                        case.start
                    ));
                }
            }
        }
        assert!(wrong.is_empty(), "{} rows differ\n{}", wrong.len(), wrong.join("\n"));
    }

    #[test]
    fn repeated_ngrams_are_found() {
        let ids = [1, 2, 3, 1, 2];
        assert_eq!(repeated(&ids, &ids, 3).collect::<Vec<_>>(), [3]);
        assert_eq!(repeated(&ids, &ids, 1).collect::<Vec<_>>(), ids);
        assert_eq!(repeated(&ids, &[7], 3).count(), 0);
    }
}
