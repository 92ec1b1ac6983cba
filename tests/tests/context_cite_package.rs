//! Weights of ContextCite beside those of the package context-cite, on the same models, prompts, answers and masks.

use std::collections::BTreeMap;

use inseq_methods::AttributionModel;
use inseq_methods::citations::{CitationRequest, ContextCite, Sources};
use inseq_tests::fixture;
use serde::Deserialize;

/// A case of `context_cite_golden.py`.
#[derive(Deserialize)]
struct Case {
    prompt: String,
    spans: Vec<(usize, usize)>,
    answer: String,
    masks: Vec<Vec<bool>>,
    /// `[sentence][source]`
    weights: Vec<Vec<f64>>,
}

#[test]
fn weights_are_those_of_the_package() {
    let json = std::fs::read_to_string(fixture("citations/context_cite.json")).unwrap();
    let models: BTreeMap<String, Vec<Case>> = serde_json::from_str(&json).unwrap();
    let count = models.values().flatten().count();
    assert!(count >= 7, "{count} cases");
    for (name, cases) in models {
        let model = AttributionModel::load(fixture(&name).to_str().unwrap()).unwrap();
        for case in cases {
            let named = case.spans.iter().enumerate().map(|(index, &(start, end))| (format!("s{index}"), start..end));
            let sources = Sources::of_spans(case.prompt.as_str(), named).unwrap();
            let method = ContextCite { masks: Some(case.masks), ..ContextCite::default() };
            let request = CitationRequest::new(sources).answer(&case.answer).plain(true).contextless_answer(false);
            let citations = model.cite(&request.method(method)).unwrap();
            assert_eq!(citations.sentences.len(), case.weights.len(), "{name}: {}", case.answer);
            for (sentence, expected) in citations.sentences.iter().zip(&case.weights) {
                // The package stops its regression at a gap of 1e-4.
                let scale = expected.iter().fold(1f64, |largest, weight| largest.max(weight.abs()));
                for (found, expected) in sentence.scores.iter().zip(expected) {
                    let difference = (found.score - expected).abs();
                    assert!(difference <= 1e-3 * scale, "{name}: `{}`: {found:?}, expected {expected}", sentence.text);
                }
            }
        }
    }
}
