//! Logits processors: they change scores before a token is chosen, in transformers' order.

use super::{GenerationConfig, known_ids};
use crate::Error;
use crate::layers::log_softmax_row;

/// Input of a processor for one row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    /// Ids so far, including the decoder start.
    pub(super) ids: &'a [u32],
    /// The encoder's ids, or the prompt.
    pub(super) source: &'a [u32],
    /// Length of the start.
    pub(super) start: usize,
    /// The largest length.
    pub(super) limit: usize,
}

type Processor = fn(&GenerationConfig, Row, &mut [f32]);

/// The processors by their field, in transformers' order.
const PROCESSORS: &[(&str, Processor)] = &[
    ("sequence_bias", sequence_bias),
    ("encoder_repetition_penalty", encoder_repetition_penalty),
    ("repetition_penalty", repetition_penalty),
    ("no_repeat_ngram_size", |config, row, scores| no_repeat(config.no_repeat_ngram_size, row.ids, row, scores)),
    ("encoder_no_repeat_ngram_size", |config, row, scores| {
        no_repeat(config.encoder_no_repeat_ngram_size, row.source, row, scores);
    }),
    ("bad_words_ids", bad_words),
    ("min_length", |config, row, scores| {
        if config.min_new_tokens.is_none() && row.ids.len() < config.min_length {
            ban(scores, config.end_tokens().iter().copied());
        }
    }),
    ("min_new_tokens", |config, row, scores| {
        if config.min_new_tokens.is_some_and(|least| row.ids.len().saturating_sub(row.start) < least) {
            ban(scores, config.end_tokens().iter().copied());
        }
    }),
    ("forced_bos_token_id", |config, row, scores| {
        if let (Some(id), 1) = (config.forced_bos_token_id, row.ids.len()) {
            force(scores, &[id]);
        }
    }),
    ("forced_eos_token_id", |config, row, scores| {
        if !config.forced_eos_token_id.0.is_empty() && row.ids.len() + 1 == row.limit {
            force(scores, &config.forced_eos_token_id.0);
        }
    }),
    ("remove_invalid_values", |config, _, scores| {
        if config.remove_invalid_values {
            scores
                .iter_mut()
                .for_each(|score| *score = if score.is_nan() { 0.0 } else { score.clamp(f32::MIN, f32::MAX) });
        }
    }),
    ("exponential_decay_length_penalty", exponential_decay),
    ("suppress_tokens", |config, _, scores| ban(scores, config.suppress_tokens.iter().flatten().copied())),
    ("begin_suppress_tokens", |config, row, scores| {
        let forced = row.start <= 1 && config.forced_bos_token_id.is_some();
        if row.ids.len() == row.start + usize::from(forced) {
            ban(scores, config.begin_suppress_tokens.iter().flatten().copied());
        }
    }),
];

/// Changes the scores of one row.
pub(super) fn process(config: &GenerationConfig, row: Row, scores: &mut [f32]) {
    for (_, processor) in PROCESSORS {
        processor(config, row, scores);
    }
    if config.do_sample {
        super::sampling::warp(config, scores);
    }
    if config.renormalize_logits {
        log_softmax_row(scores);
    }
}

/// Error for a row in which no token can be chosen.
pub(super) fn nothing_to_choose(config: &GenerationConfig, row: Row, vocabulary: usize) -> Error {
    let mut scores = vec![0.0; vocabulary];
    let mut banned = 0;
    let mut fields = Vec::new();
    for (field, processor) in PROCESSORS {
        processor(config, row, &mut scores);
        let now = scores.iter().filter(|score| **score == f32::NEG_INFINITY).count();
        if now > banned {
            fields.push(format!("`{field}`"));
        }
        banned = now;
    }
    for (field, ids) in [
        ("forced_bos_token_id", config.forced_bos_token_id.as_slice()),
        ("forced_eos_token_id", &config.forced_eos_token_id.0),
    ] {
        if fields.iter().any(|name| name.trim_matches('`') == field)
            && let Err(unknown) = known_ids(field, ids, vocabulary)
        {
            return unknown;
        }
    }
    let name = fields.first().map_or("dtype", |field| field.trim_matches('`'));
    let place = row.ids.len() - row.start.min(row.ids.len()) + 1;
    Error::argument(
        name,
        match banned == vocabulary {
            true => format!(
                "no token can be generated at new position {place}: {} ban all {vocabulary} tokens of the vocabulary; loosen them \
             by a generation argument",
                fields.join(", ")
            ),
            false => format!(
                "no token can be generated at new position {place}: the model gives no finite score{}; compute in f32 (`dtype`)",
                if fields.is_empty() { String::new() } else { format!(" to what {} leave", fields.join(", ")) }
            ),
        },
    )
}

/// Whether a token with this score can be chosen.
pub(super) fn can_be_chosen(score: f32) -> bool {
    score > f32::MIN
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

/// Adds the bias of a sequence to the token that would complete it.
fn sequence_bias(config: &GenerationConfig, row: Row, scores: &mut [f32]) {
    for (ids, bias) in &config.sequence_bias.0 {
        if let Some((last, before)) = ids.split_last()
            && row.ids.ends_with(before)
            && let Some(score) = scores.get_mut(*last as usize)
        {
            *score += bias;
        }
    }
}

/// Scales down the scores of tokens that the text contains (Keskar et al., 2019, <https://arxiv.org/abs/1909.05858>).
fn repetition_penalty(config: &GenerationConfig, row: Row, scores: &mut [f32]) {
    if config.repetition_penalty != 1.0 {
        scale_down(scores, row.ids, config.repetition_penalty as f32);
    }
}

/// The inverse of [`repetition_penalty`] for tokens of the source.
fn encoder_repetition_penalty(config: &GenerationConfig, row: Row, scores: &mut [f32]) {
    if config.encoder_repetition_penalty != 1.0 {
        scale_down(scores, row.source, (1.0 / config.encoder_repetition_penalty) as f32);
    }
}

fn scale_down(scores: &mut [f32], ids: &[u32], penalty: f32) {
    let mut seen = ids.to_vec();
    seen.sort_unstable();
    seen.dedup();
    for id in seen {
        if let Some(score) = scores.get_mut(id as usize) {
            *score = if *score < 0.0 { *score * penalty } else { *score / penalty };
        }
    }
}

/// Raises the score of the end with the length of the text.
fn exponential_decay(config: &GenerationConfig, row: Row, scores: &mut [f32]) {
    let Some((start, factor)) = config.exponential_decay_length_penalty else { return };
    let late = (row.ids.len() as i64).saturating_sub(row.start as i64).saturating_sub(start);
    if late <= 0 {
        return;
    }
    let growth = (factor.powf(late as f64) - 1.0) as f32;
    for &id in config.end_tokens() {
        if let Some(score) = scores.get_mut(id as usize).filter(|score| score.is_finite()) {
            *score += score.abs() * growth;
        }
    }
}

fn no_repeat(n: usize, text: &[u32], row: Row, scores: &mut [f32]) {
    if n > 0 {
        ban(scores, repeated(text, row.ids, n));
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
        source: Vec<Vec<u32>>,
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
                let source = &case.source[row];
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
