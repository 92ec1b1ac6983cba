//! The demo model knows its grammar, and attributions find the word that decides.

use inseq_core::SequenceAttribution;
use inseq_methods::{AttributionModel, AttributionRequest};
use inseq_models::tokenizer::Role;
use inseq_tests::fixture;
use serde::Deserialize;
use serde_json::Map;

/// A sentence that the model was not trained on (`xtask/demo/grammar.py`).
#[derive(Deserialize)]
struct Case {
    english: String,
    french: String,
    /// French word, English word that decides its form, the form it would have had otherwise.
    decisions: Vec<(usize, usize, String)>,
}

fn cases() -> Vec<Case> {
    let text = std::fs::read_to_string(fixture("demo/heldout.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn held_out_sentences_are_translated() {
    let model = AttributionModel::demo().unwrap();
    let cases = cases();
    let english: Vec<&str> = cases.iter().map(|case| case.english.as_str()).collect();
    assert!(english.contains(&"The tired nurse said that she was late."));
    let french = model.generate(&english, &Map::new()).unwrap();
    let right = french.iter().zip(&cases).filter(|(got, case)| **got == case.french).count();
    println!("{right} of {} held-out sentences are translated exactly", cases.len());
    assert!(right * 100 >= cases.len() * 99, "{right} of {}", cases.len());
}

/// The English words that count most at a step, best first.
fn ranked_words(sequence: &SequenceAttribution, step: usize) -> Vec<usize> {
    let scores = sequence.source_attributions.as_ref().unwrap();
    let mut words: Vec<f32> = Vec::new();
    for (row, token) in sequence.source.iter().enumerate() {
        if token.text == "</s>" {
            continue;
        }
        if token.text.starts_with('▁') || words.is_empty() {
            words.push(0.0);
        }
        *words.last_mut().unwrap() += scores[[row, step]].abs();
    }
    let mut order: Vec<usize> = (0..words.len()).collect();
    order.sort_by(|&a, &b| words[b].total_cmp(&words[a]));
    order
}

#[test]
fn the_deciding_word_is_among_the_top_two() {
    let model = AttributionModel::demo().unwrap();
    let cases = cases();
    let mut best = 0.0f64;
    for method in inseq_methods::list_methods() {
        let mut request = AttributionRequest::new(cases.iter().map(|case| case.english.as_str()))
            .generated_texts(cases.iter().map(|case| case.french.as_str()))
            .method(method.name);
        if method.name == "integrated_gradients" {
            request = request.attribution_argument("n_steps", 20);
        }
        let result = model.attribute(&request).unwrap().aggregate().unwrap();
        let (mut first, mut second, mut total) = (0, 0, 0);
        for (case, sequence) in cases.iter().zip(&result.sequences) {
            let ids = model.encode(&case.french, Role::Target, true).unwrap();
            for (word, deciding, other) in &case.decisions {
                let mut words: Vec<&str> = case.french.split(' ').collect();
                words[*word] = other;
                let other = model.encode(&words.join(" "), Role::Target, true).unwrap();
                let position = ids.iter().zip(&other).position(|(a, b)| a != b).unwrap();
                let ranked = ranked_words(sequence, position - sequence.attr_pos_start);
                total += 1;
                first += usize::from(ranked.first() == Some(deciding));
                second += usize::from(ranked.iter().take(2).any(|w| w == deciding));
            }
        }
        let percent = |n: usize| 100.0 * n as f64 / total as f64;
        println!(
            "{}: first {:.1} %, top two {:.1} % of {total} decisions",
            method.name,
            percent(first),
            percent(second)
        );
        best = best.max(percent(second));
    }
    assert!(best >= 95.0, "the best method finds {best:.1} % only");
}
