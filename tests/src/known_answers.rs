//! The demo grammar's known answers: which English word decides the form of a French one.

use inseq_core::SequenceAttribution;
use inseq_methods::{AttributionModel, AttributionRequest, Error};
use inseq_models::tokenizer::Role;
use serde::Deserialize;
use serde_json::json;

use crate::fixture;

/// A sentence that the model was not trained on (`xtask/demo/grammar.py`).
#[derive(Debug, Deserialize)]
pub struct Case {
    /// The sentence.
    pub english: String,
    /// Its translation.
    pub french: String,
    /// French word, English word that decides its form, the form it would have had otherwise.
    pub decisions: Vec<(usize, usize, String)>,
}

/// The held-out sentences.
///
/// # Panics
/// When the fixture is not there.
pub fn cases() -> Vec<Case> {
    let text = std::fs::read_to_string(fixture("demo/heldout.jsonl")).expect("the fixture is there");
    text.lines().map(|line| serde_json::from_str(line).expect("a line is a case")).collect()
}

/// How often a method finds the deciding word, in percent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// As the first of the words.
    pub first: f64,
    /// Among the first two.
    pub top_two: f64,
}

/// How often a method finds the deciding word at the step where the form shows; with `contrast`, of the probability of the form
/// less that of the other form.
///
/// # Errors
/// What the method fails with.
pub fn figures(model: &AttributionModel, cases: &[Case], method: &str, contrast: bool) -> Result<Figures, Error> {
    let (mut first, mut top_two, mut total) = (0, 0, 0);
    for case in cases {
        let ids = model.encode(&case.french, Role::Target, true)?;
        for (word, deciding, other) in &case.decisions {
            let mut words: Vec<&str> = case.french.split(' ').collect();
            words[*word] = other;
            let other_text = words.join(" ");
            let other = model.encode(&other_text, Role::Target, true)?;
            let Some(position) = ids.iter().zip(&other).position(|(a, b)| a != b) else { continue };
            let mut request = AttributionRequest::new([case.english.as_str()])
                .generated_texts([case.french.as_str()])
                .positions(Some(position as i64), Some(position as i64 + 1))
                .method(method);
            if method.ends_with("integrated_gradients") {
                request = request.attribution_argument("n_steps", 20);
            }
            if method == "reagent" {
                // A probe that does not come to its end otherwise goes on to the reference's 3,000 iterations.
                request = request.attribution_argument("max_probe_steps", 20);
            }
            if contrast {
                request = request.attributed_fn("contrast_prob_diff");
                let arguments = json!({
                    "contrast_targets": other_text,
                    "contrast_targets_alignments": [[position, position]],
                });
                request.attributed_fn_args = arguments.as_object().cloned().unwrap_or_default();
            }
            let result = model.attribute(&request)?.aggregate()?;
            let Some(ranked) = ranked_words(&result.sequences[0]) else { continue };
            total += 1;
            first += usize::from(ranked.first() == Some(deciding));
            top_two += usize::from(ranked.iter().take(2).any(|w| w == deciding));
        }
    }
    let percent = |n: usize| 100.0 * n as f64 / total.max(1) as f64;
    Ok(Figures { first: percent(first), top_two: percent(top_two) })
}

/// The English words that count most at the first step, best first; none where the source has no scores.
fn ranked_words(sequence: &SequenceAttribution) -> Option<Vec<usize>> {
    let scores = sequence.source_attributions.as_ref()?;
    let mut words: Vec<f32> = Vec::new();
    for (row, token) in sequence.source.iter().enumerate() {
        if token.text == "</s>" {
            continue;
        }
        if token.text.starts_with('▁') || words.is_empty() {
            words.push(0.0);
        }
        if let Some(last) = words.last_mut() {
            *last += scores[[row, 0]].abs();
        }
    }
    let mut order: Vec<usize> = (0..words.len()).collect();
    order.sort_by(|&a, &b| words[b].total_cmp(&words[a]));
    Some(order)
}
