//! Rotary positions as `config.json` describes them, and texts that outgrow them, against transformers (golden file made by
//! `tests/reference/rotary_golden.py`).

use std::ops::Range;

use burn::tensor::activation::log_softmax;
use inseq_core::SequenceAttribution;
use inseq_methods::{AttributionModel, AttributionRequest, list_methods};
use inseq_models::tokenizer::Role;
use inseq_tests::edited::edited;
use inseq_tests::{assert_close, fixture};
use ndarray::Axis;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Fields that say how queries and keys are rotated: a case starts without any.
const FIELDS: [&str; 8] = [
    "rope_scaling",
    "rope_parameters",
    "rope_theta",
    "rope_local_base_freq",
    "rotary_emb_base",
    "rotary_pct",
    "partial_rotary_factor",
    "original_max_position_embeddings",
];

#[derive(Deserialize)]
struct Golden {
    text: Vec<u32>,
    cases: Vec<Case>,
    generated: Vec<Generated>,
    attributed: Vec<Attributed>,
}

/// A checkpoint with other rotary fields.
#[derive(Deserialize)]
struct Case {
    checkpoint: String,
    fields: Map<String, Value>,
    /// Log probabilities of the text's tokens, each after those before it alone.
    scores: Option<Vec<f32>>,
    refused: Option<String>,
}

/// What a checkpoint writes.
#[derive(Deserialize)]
struct Generated {
    checkpoint: String,
    fields: Map<String, Value>,
    new_tokens: usize,
    prompts: Vec<String>,
    greedy: Vec<Vec<u32>>,
    beam: Vec<Vec<u32>>,
}

/// Texts that a checkpoint is taken to have written.
#[derive(Deserialize)]
struct Attributed {
    checkpoint: String,
    fields: Map<String, Value>,
    texts: Vec<AttributedText>,
}

#[derive(Deserialize)]
struct AttributedText {
    prompt: String,
    text: String,
    /// The first step, after the prompt.
    start: usize,
    /// Probability of each step.
    probability: Vec<f32>,
    /// Norm of the gradient of each step's probability, for each token before the step.
    saliency: Vec<Vec<f32>>,
}

fn golden() -> Golden {
    let bytes = std::fs::read(fixture("rotary/golden.json")).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn load(checkpoint: &str, fields: &Map<String, Value>) -> Result<AttributionModel, String> {
    let folder = edited(checkpoint, |config| {
        FIELDS.iter().for_each(|field| drop(config.remove(*field)));
        config.extend(fields.clone());
    });
    AttributionModel::load(folder.path().to_str().unwrap()).map_err(|error| error.to_string())
}

fn what(checkpoint: &str, fields: &Map<String, Value>) -> String {
    format!("{checkpoint} with {}", Value::Object(fields.clone()))
}

/// Log probabilities of a text's tokens, each from a forward over those before it alone.
fn scores(model: &AttributionModel, text: &[u32]) -> Vec<f32> {
    let model = model.model();
    let each = (1..text.len()).map(|end| {
        let states = model.decode(None, model.target_embedding.forward(&text[..end], 1));
        let logits = model.logits(states.narrow(1, end - 1, 1));
        log_softmax(logits, 2).try_into_vec_as::<f32>().unwrap()[text[end] as usize]
    });
    each.collect()
}

#[test]
fn every_way_of_writing_them_means_what_transformers_reads() {
    let golden = golden();
    let mut wrong = Vec::new();
    for case in &golden.cases {
        let what = what(&case.checkpoint, &case.fields);
        match (load(&case.checkpoint, &case.fields), &case.scores, &case.refused) {
            (Ok(model), Some(expected), _) => {
                let got = scores(&model, &golden.text);
                let worst = got.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                if worst > 2e-5 {
                    wrong.push(format!("{what}: {worst:.1e}"));
                }
            }
            (Err(message), None, _) => {
                assert!(message.starts_with("config.json: ") && message.contains('`'), "{what}: {message}");
            }
            (Ok(_), None, refused) => wrong.push(format!("{what}: loads, but transformers refuses it: {refused:?}")),
            (Err(message), Some(_), _) => wrong.push(format!("{what}: {message}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The first Phi-3 repositories say `su`, which transformers reads as LongRoPE (5.23 does where the original length stands in
/// the parameters alone).
#[test]
fn su_is_longrope() {
    let text = golden().text;
    let of = |kind: &str| {
        let scaling = json!({"type": kind, "short_factor": [1.25, 2.0], "long_factor": [1.5, 4.0]});
        let fields = json!({"rope_scaling": scaling, "original_max_position_embeddings": 8});
        scores(&load("phi3_longrope", fields.as_object().unwrap()).unwrap(), &text)
    };
    assert_eq!(of("su"), of("longrope"));
}

#[test]
fn texts_that_outgrow_their_positions_go_on_as_in_transformers() {
    for case in golden().generated {
        let what = what(&case.checkpoint, &case.fields);
        let model = load(&case.checkpoint, &case.fields).unwrap();
        for (beams, expected) in [(1, &case.greedy), (4, &case.beam)] {
            let arguments = json!({"num_beams": beams, "max_new_tokens": case.new_tokens, "do_sample": false});
            let got = model.generate_token_ids(&case.prompts, arguments.as_object().unwrap()).unwrap();
            for ((prompt, got), expected) in case.prompts.iter().zip(&got).zip(expected) {
                assert_eq!(got, expected, "{what}: {beams} beams after {prompt:?}");
            }
        }
    }
}

/// The norm of each step's gradients for each token before it.
fn norms(sequence: &SequenceAttribution) -> Vec<Vec<f32>> {
    let scores = sequence.target_attributions.as_ref().unwrap();
    let steps = scores.axis_iter(Axis(1)).enumerate().map(|(step, column)| {
        let seen = column.axis_iter(Axis(0)).take(sequence.attr_pos_start + step);
        seen.map(|row| row.iter().map(|value| value * value).sum::<f32>().sqrt()).collect()
    });
    steps.collect()
}

fn request(texts: &[&AttributedText]) -> AttributionRequest {
    AttributionRequest::new(texts.iter().map(|text| text.prompt.clone()))
        .generated_texts(texts.iter().map(|text| text.text.clone()))
        .step_scores(["probability"])
}

/// Each step has the frequencies of the text before it, whatever comes after it, and whatever is in the batch.
#[test]
fn steps_are_attributed_as_they_were_written() {
    for case in golden().attributed {
        let what = what(&case.checkpoint, &case.fields);
        let model = load(&case.checkpoint, &case.fields).unwrap();
        let texts: Vec<&AttributedText> = case.texts.iter().collect();
        let together = model.attribute(&request(&texts)).unwrap().sequences;
        for (text, together) in texts.iter().zip(&together) {
            let what = format!("{what}: {:?}", text.text);
            let alone = model.attribute(&request(&[text])).unwrap().sequences.remove(0);
            for sequence in [together, &alone] {
                assert_eq!(sequence.attr_pos_start, text.start, "{what}");
                assert_close(&what, &sequence.step_scores["probability"].to_vec(), &text.probability, 2e-5);
                let got = norms(sequence);
                assert_eq!(got.len(), text.saliency.len(), "{what}");
                for (got, expected) in got.iter().zip(&text.saliency) {
                    assert_close(&what, got, expected, 1e-4);
                }
            }
        }
    }
}

/// A text that a model with dynamic NTK is taken to have written, with the ranges of steps that one forward serves.
fn long_text() -> (AttributionModel, AttributionRequest, Vec<Range<usize>>) {
    let scaling = json!({"rope_type": "dynamic", "factor": 8.0});
    let fields = json!({"rope_theta": 50.0, "rope_scaling": scaling, "max_position_embeddings": 9});
    let model = load("llama3", fields.as_object().unwrap()).unwrap();
    let (prompt, text) = ("a dog ran", "a dog ran to the big house . the cat");
    let count = |text: &str| model.encode(text, Role::Target, true).unwrap().len();
    let (start, end) = (count(prompt), count(text));
    assert!(start < 9 && end > 11, "{start} {end}");
    let ranges = std::iter::once(start..10).chain((10..end).map(|position| position..position + 1));
    (model, AttributionRequest::new([prompt]).generated_texts([text]), ranges.collect())
}

#[test]
fn every_method_attributes_steps_with_their_own_frequencies() {
    let (model, request, ranges) = long_text();
    for method in list_methods().iter().map(|method| method.name).filter(|name| *name != "dummy") {
        let mut request = request.clone().method(method).step_scores(["probability"]);
        if method == "reagent" {
            request = request.attribution_argument("max_probe_steps", 2).attribution_argument("num_probes", 2);
        }
        let whole = model.attribute(&request).unwrap().sequences.remove(0);
        let scores = whole.target_attributions.as_ref().unwrap();
        assert_eq!(scores.shape()[1], ranges.last().unwrap().end - ranges[0].start);
        for range in &ranges {
            let part = request.clone().positions(Some(range.start as i64), Some(range.end as i64));
            let part = model.attribute(&part).unwrap().sequences.remove(0);
            for position in range.clone() {
                let column = |sequence: &SequenceAttribution| -> Vec<f32> {
                    let scores = sequence.target_attributions.as_ref().unwrap();
                    let column = scores.index_axis(Axis(1), position - sequence.attr_pos_start);
                    let rows = column.axis_iter(Axis(0)).take(position);
                    rows.flat_map(|row| row.iter().copied().collect::<Vec<_>>()).collect()
                };
                let what = format!("{method} at {position}");
                assert_close(&what, &column(&whole), &column(&part), 1e-6);
                let probability = |s: &SequenceAttribution| s.step_scores["probability"][position - s.attr_pos_start];
                assert_close(&what, &[probability(&whole)], &[probability(&part)], 1e-6);
            }
        }
    }
}

/// Another text has at each step the frequencies of what is before it there: those with which it has its own probabilities.
#[test]
fn contrast_texts_have_their_own_frequencies() {
    for case in golden().attributed {
        let what = what(&case.checkpoint, &case.fields);
        let model = load(&case.checkpoint, &case.fields).unwrap();
        for (own, other) in [(1, 3), (3, 1), (1, 2), (2, 1), (0, 3)].map(|(a, b)| (&case.texts[a], &case.texts[b])) {
            // Without alignments the last tokens stand side by side.
            let both = own.probability.len().min(other.probability.len());
            let end = own.start + own.probability.len();
            let arguments = json!({"contrast_targets": other.text});
            let mut request = AttributionRequest::new([own.prompt.clone()])
                .generated_texts([own.text.clone()])
                .positions(Some((end - both) as i64), None)
                .step_scores(["contrast_prob"]);
            request.step_scores_args = arguments.as_object().unwrap().clone();
            let sequence = model.attribute(&request).unwrap().sequences.remove(0);
            let expected = &other.probability[other.probability.len() - both..];
            assert_close(&what, &sequence.step_scores["contrast_prob"].to_vec(), expected, 2e-5);
        }
    }
}
