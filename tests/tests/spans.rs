//! Spans of the target as steps: their scores are the sums, or means, over their tokens.

use std::ops::Range;

use inseq_core::{AttributionKind, AttributionResult, SequenceAttribution};
use inseq_methods::{AttributionModel, AttributionRequest, FeatureGroups, Limits, TargetSpans, list_methods};
use inseq_tests::{assert_close, fixture};
use ndarray::{ArrayD, Axis};
use serde_json::{Map, Value, json};

const PROMPTS: [&str; 3] = ["the cat", "a dog and the big house", "she sat"];
const WRITTEN: [&str; 3] = ["sat on a mat", "ran to the house . the cat sat", "on a mat and the dog ran"];

fn model(name: &str) -> AttributionModel {
    AttributionModel::load(fixture("architectures").join(name).to_str().unwrap()).unwrap()
}

/// Texts of different lengths with what follows them; the text of a decoder-only model begins with its prompt.
fn request(model: &AttributionModel) -> AttributionRequest {
    let whole = PROMPTS.iter().zip(WRITTEN).map(|(prompt, written)| match model.model().encoder.is_some() {
        true => written.to_owned(),
        false => format!("{prompt} {written}"),
    });
    AttributionRequest::new(PROMPTS).generated_texts(whole)
}

/// The request with the log probability as attributed function and step score, which is the default of spans.
fn of_tokens(request: &AttributionRequest) -> AttributionRequest {
    let logprob = || Map::from_iter([("logprob".to_owned(), Value::Bool(true))]);
    let request = request.clone().attributed_fn("probability").attributed_fn_args(logprob());
    request.step_scores(["probability"]).step_scores_args(logprob())
}

/// Sum of scores, without those that a step cannot see.
fn plus(sum: &mut [f64], scores: ndarray::ArrayViewD<f32>) {
    sum.iter_mut().zip(scores).filter(|(_, score)| !score.is_nan()).for_each(|(sum, score)| *sum += f64::from(*score));
}

/// What the steps `spans`, which cover all attributed tokens, have by the steps of their tokens: in each column the sum, divided by
/// the number of tokens where it is `mean`, and in each row the sum over a span of the tokens that the step sees.
fn expected(whole: &ArrayD<f32>, rows: &[Range<usize>], spans: &[Range<usize>], start: usize, mean: bool) -> Vec<f32> {
    let further = whole.shape()[2..].iter().product();
    let mut all = Vec::new();
    for row in rows {
        for span in spans {
            let seen = row.start..row.end.min(span.end - 1);
            let mut sum = vec![0f64; further];
            for token in span.clone() {
                for row in seen.clone() {
                    plus(&mut sum, whole.index_axis(Axis(0), row).index_axis(Axis(0), token - start));
                }
            }
            let count = if mean { span.len() as f64 } else { 1.0 };
            all.extend(sum.into_iter().map(|sum| if seen.is_empty() { f32::NAN } else { (sum / count) as f32 }));
        }
    }
    all
}

/// The spans of a result by tokens that a result by spans has: rows of the target, and among them the steps.
fn spans_of(tokens: &SequenceAttribution, found: &SequenceAttribution) -> (Vec<Range<usize>>, Vec<Range<usize>>) {
    let mut next = 0;
    let mut rows: Vec<Range<usize>> = Vec::new();
    for token in &found.target {
        let from = next;
        next += 1;
        let text = |end: usize| tokens.target[from..end].iter().map(|token| token.text.as_str()).collect::<String>();
        while text(next) != token.text {
            next += 1;
        }
        rows.push(from..next);
    }
    assert_eq!(next, tokens.target.len());
    let steps = rows[found.attr_pos_start..found.attr_pos_end].to_vec();
    (rows, steps)
}

/// Compares a result by spans with one by tokens.
fn check(what: &str, tokens: &SequenceAttribution, found: &SequenceAttribution, mean: bool, tolerance: f32) {
    let (rows, spans) = spans_of(tokens, found);
    let (start, end) = (tokens.attr_pos_start, tokens.attr_pos_end);
    assert_eq!((spans[0].start, spans.last().unwrap().end), (start, end), "{what}");
    let values = |scores: &ArrayD<f32>| scores.iter().copied().collect::<Vec<_>>();
    if let (Some(tokens), Some(found)) = (&tokens.source_attributions, &found.source_attributions) {
        let rows: Vec<_> = (0..tokens.shape()[0]).map(|row| row..row + 1).collect();
        // No step sees less of a source.
        let beyond: Vec<_> = spans.iter().map(|span| span.start + 1000..span.end + 1000).collect();
        let expected = expected(tokens, &rows, &beyond, start + 1000, mean);
        assert_close(&format!("{what}: source"), &values(found), &expected, tolerance);
    }
    assert_eq!(tokens.target_attributions.is_some(), found.target_attributions.is_some(), "{what}");
    if let (Some(tokens), Some(found)) = (&tokens.target_attributions, &found.target_attributions) {
        let expected = expected(tokens, &rows, &spans, start, mean);
        assert_close(&format!("{what}: target"), &values(found), &expected, tolerance);
    }
    let sums: Vec<f32> = spans
        .iter()
        .map(|span| span.clone().map(|token| tokens.step_scores["probability"][token - start]).sum())
        .collect();
    assert_close(&format!("{what}: scores"), &found.step_scores["probability"].to_vec(), &sums, 1e-5);
}

/// Methods that are linear in the attributed function, with arguments that keep them so, and the tolerance of their rounding; and
/// those that have the mean over the tokens.
fn methods() -> Vec<(&'static str, Value, bool, f32)> {
    let methods = list_methods().iter().filter_map(|method| {
        let (arguments, mean, tolerance) = match method.name {
            "saliency" => (json!({ "abs": false }), false, 1e-5),
            "smoothgrad" => (json!({ "abs": false, "n_samples": 2 }), false, 1e-5),
            "gradient_shap" => (json!({ "n_samples": 2, "stdevs": 0.1 }), false, 1e-5),
            "input_x_gradient" | "deeplift" | "layer_gradient_x_activation" | "layer_deeplift" => {
                (json!({}), false, 1e-5)
            }
            "lrp" | "gim" | "relp" | "libragrad" | "propagation" => (json!({}), false, 1e-5),
            name if name.ends_with("integrated_gradients") => (json!({ "n_steps": 3 }), false, 1e-5),
            "shapley_value_sampling" => (json!({ "n_samples": 2 }), false, 1e-4),
            "partition_shap" => (json!({ "max_evals": 10_000 }), false, 1e-4),
            "attention" | "attention_rollout" | "attention_flow" | "value_zeroing" => (json!({}), true, 1e-5),
            // They are not: of absolute values, of a penalty, of a random search.
            "occlusion" | "lime" | "kernel_shap" | "reagent" | "dummy" => return None,
            other => panic!("what {other} makes of a span is not known"),
        };
        Some((method.name, arguments, mean, tolerance))
    });
    methods.collect()
}

fn attribute(model: &AttributionModel, request: &AttributionRequest) -> AttributionResult {
    let result = model.attribute(request).unwrap_or_else(|error| panic!("{request:?}: {error}"));
    result.validate().unwrap();
    result
}

fn check_request(what: &str, model: &AttributionModel, request: &AttributionRequest, mean: bool, tolerance: f32) {
    let request = of_tokens(request);
    let tokens = attribute(model, &request);
    for spans in [TargetSpans::Sentences, TargetSpans::Words, TargetSpans::Whole] {
        for budget in [1 << 30, 1] {
            // The default attributed function of spans.
            let mut request = request.clone().target_spans(spans.clone());
            request = request.limits(Limits::default().memory_budget(budget));
            (request.attributed_fn, request.attributed_fn_args) = (None, Map::new());
            let found = attribute(model, &request);
            for (index, (tokens, found)) in tokens.sequences.iter().zip(&found.sequences).enumerate() {
                check(&format!("{what} {spans} {budget} text {index}"), tokens, found, mean, tolerance);
            }
        }
    }
}

#[test]
fn every_method_sums_over_the_tokens_of_a_span() {
    for name in ["gpt2", "marian"] {
        let model = model(name);
        for (method, arguments, mean, tolerance) in methods() {
            let request = request(&model).method(method).attribute_target(true);
            let request = request.attribution_args(arguments.as_object().cloned().unwrap());
            check_request(&format!("{name} {method}"), &model, &request, mean, tolerance);
        }
    }
}

#[test]
fn every_architecture_sums_gradients_over_the_tokens_of_a_span() {
    for entry in std::fs::read_dir(fixture("architectures")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let model = model(&name);
        for attribute_target in if model.model().encoder.is_some() { &[false, true][..] } else { &[false] } {
            let request = request(&model).method("input_x_gradient").attribute_target(*attribute_target);
            let tokens = attribute(&model, &of_tokens(&request));
            let found = attribute(&model, &of_tokens(&request).target_spans(TargetSpans::Sentences));
            for (tokens, found) in tokens.sequences.iter().zip(&found.sequences) {
                check(&format!("{name} {attribute_target}"), tokens, found, false, 1e-5);
            }
        }
    }
}

/// The attributed function of a span is the sum over its tokens, and scores of path methods add up to its difference.
#[test]
fn scores_add_up_to_the_function_of_a_span() {
    for (name, method) in [("gpt2", "integrated_gradients"), ("gpt2", "deeplift"), ("marian", "integrated_gradients")] {
        let model = model(name);
        let mut request = request(&model).attribute_target(true).method(method).target_spans(TargetSpans::Sentences);
        request.attribution_args = match method {
            "deeplift" => json!({ "rule": "full", "return_convergence_delta": true }),
            _ => json!({ "n_steps": 200, "return_convergence_delta": true }),
        }
        .as_object()
        .cloned()
        .unwrap();
        for sequence in attribute(&model, &request).sequences {
            let sums = [&sequence.source_attributions, &sequence.target_attributions].into_iter().flatten();
            let largest = sums.flatten().filter(|x| !x.is_nan()).fold(0f32, |largest, x| largest.max(x.abs()));
            for delta in &sequence.step_scores["deltas"] {
                assert!(delta.abs() < 0.05 * largest.max(1.0), "{name} {method}: {delta} of {largest}");
            }
        }
    }
}

/// Probabilities are multiplied and entropies added, whatever is attributed.
#[test]
fn step_scores_are_merged_by_their_own_functions() {
    let model = model("gpt2");
    let request = request(&model).method("dummy").step_scores(["probability", "entropy", "logit"]);
    let tokens = attribute(&model, &request);
    let found = attribute(&model, &request.target_spans(TargetSpans::Whole));
    for (tokens, found) in tokens.sequences.iter().zip(&found.sequences) {
        for (name, scores) in &tokens.step_scores {
            let merged = if name == "probability" { scores.product() } else { scores.sum() };
            assert_close(name, &found.step_scores[name].to_vec(), &[merged], 1e-5);
        }
    }
}

/// Methods that are not linear have a column for each span, too.
#[test]
fn other_methods_have_a_column_for_each_span() {
    for name in ["gpt2", "marian"] {
        let model = model(name);
        for (method, arguments) in [
            ("occlusion", json!({})),
            ("lime", json!({ "n_samples": 20 })),
            ("kernel_shap", json!({ "n_samples": 20 })),
            ("reagent", json!({ "max_probe_steps": 3, "num_probes": 2, "keep_top_n": 2 })),
        ] {
            let request = of_tokens(&request(&model)).method(method).attribute_target(true);
            let request = request.attribution_args(arguments.as_object().cloned().unwrap());
            let tokens = attribute(&model, &request);
            let found = attribute(&model, &request.target_spans(TargetSpans::Sentences));
            for (tokens, found) in tokens.sequences.iter().zip(&found.sequences) {
                let (_, spans) = spans_of(tokens, found);
                for (step, span) in spans.iter().enumerate() {
                    let sides = [&found.source_attributions, &found.target_attributions].into_iter().flatten();
                    let column = sides.flat_map(|scores| scores.index_axis(Axis(1), step).to_owned());
                    let column: Vec<f32> = column.filter(|score| !score.is_nan()).collect();
                    assert!(column.iter().any(|score| score.abs() > 1e-6), "{name} {method} {span:?}: {column:?}");
                    if method == "reagent" {
                        assert_close("shares", &[column.iter().sum()], &[1.0], 1e-5);
                    }
                }
            }
        }
    }
}

/// A call by spans says how it was made, and its file is one of the reference's form.
#[test]
fn results_say_what_they_are_and_are_read_again() {
    let model = model("marian");
    let request = request(&model).attribute_target(true).target_spans("chars 0..6, 9..12".parse().unwrap());
    let result = attribute(&model, &request);
    let info = result.info.to_map();
    assert_eq!(info["target_spans"], json!("chars 0..6, 9..12"));
    assert_eq!(info["attributed_fn"], json!("probability"));
    assert_eq!(info["attributed_fn_args"], json!({ "logprob": true }));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("result.json");
    result.save(&path).unwrap();
    let loaded = AttributionResult::load(&path).unwrap();
    // Two spans, and the word between them.
    assert_eq!((loaded.sequences.len(), loaded.sequences[0].steps()), (3, 3));
    for (loaded, sequence) in loaded.sequences.iter().zip(&result.sequences) {
        assert_eq!((loaded.attr_pos_start, loaded.attr_pos_end), (sequence.attr_pos_start, sequence.attr_pos_end));
        let [loaded, saved] = [loaded, sequence].map(|one| one.target_attributions.as_ref().unwrap());
        let values = |scores: &ArrayD<f32>| scores.iter().copied().collect::<Vec<_>>();
        assert_close("scores of the file", &values(loaded), &values(saved), 1e-6);
        assert_eq!(sequence.kind, AttributionKind::Granular);
    }
}

/// Spans and groups of features are merged side by side, and shown without the tokenizer's marks.
#[test]
fn spans_stand_beside_feature_groups() {
    for name in ["gpt2", "marian"] {
        let model = model(name);
        let request = request(&model).method("input_x_gradient").attribute_target(true);
        let plain = attribute(&model, &request.clone().target_spans(TargetSpans::Whole));
        let grouped = request.target_spans(TargetSpans::Whole).feature_groups(FeatureGroups::Sentences);
        let grouped = attribute(&model, &grouped.clean_special_chars(true));
        for (plain, (grouped, written)) in plain.sequences.iter().zip(grouped.sequences.iter().zip(WRITTEN)) {
            assert_eq!(grouped.steps(), 1);
            let letters = |text: &str| text.chars().filter(|character| !character.is_whitespace()).collect::<String>();
            let shown = letters(&grouped.target[grouped.attr_pos_start].text);
            assert!(shown.starts_with(&letters(written)), "{name}: {shown:?} of {written:?}");
            let total =
                |scores: &Option<ArrayD<f32>>| -> f32 { scores.iter().flatten().filter(|score| !score.is_nan()).sum() };
            let [a, b] = [plain, grouped].map(|one| total(&one.source_attributions) + total(&one.target_attributions));
            assert!((a - b).abs() < 1e-4 * a.abs().max(1.0), "{name}: {a} and {b}");
        }
    }
}

/// The alternatives of a span's tokens are shown together, and its score is the sum of their differences.
#[test]
fn spans_are_contrasted_as_a_whole() {
    let model = model("marian");
    let request =
        AttributionRequest::new(["the cat"]).generated_texts(["sat on a mat"]).attributed_fn("contrast_prob_diff");
    let arguments = json!({ "contrast_targets": "ran on a mat" }).as_object().cloned().unwrap();
    let request = request.attributed_fn_args(arguments.clone()).step_scores(["contrast_prob_diff"]);
    let request = request.step_scores_args(arguments).method("input_x_gradient");
    let tokens = attribute(&model, &request).sequences.remove(0);
    let found = attribute(&model, &request.target_spans(TargetSpans::Whole)).sequences.remove(0);
    let shown = &found.target[found.attr_pos_start];
    assert_eq!(shown.compared_with(), Some("▁ran▁on▁a▁mat</s>"));
    let whole = tokens.source_attributions.unwrap().sum_axis(Axis(1));
    let found = found.source_attributions.unwrap().remove_axis(Axis(1));
    assert_close(
        "contrast",
        &found.iter().copied().collect::<Vec<_>>(),
        &whole.iter().copied().collect::<Vec<_>>(),
        1e-5,
    );
}

#[test]
fn a_text_without_the_spans_is_named() {
    let model = model("gpt2");
    let request = request(&model).method("dummy");
    // The second text is longer than the others.
    let result = attribute(&model, &request.clone().target_spans("chars 14..20".parse().unwrap()));
    assert_eq!(result.sequences.iter().map(SequenceAttribution::steps).collect::<Vec<_>>(), [0, 1, 1]);
    let warnings = result.info.to_map()["warnings"].to_string();
    assert!(warnings.contains("text 1") && warnings.contains("characters are 0..12"), "{warnings}");
    let error =
        model.attribute(&request.clone().target_spans("chars 90..99".parse().unwrap())).unwrap_err().to_string();
    assert!(error.contains("the target span 90..99"), "{error}");
    let lists = TargetSpans::Characters(vec![vec![Range { start: 0, end: 3 }]; 2]);
    let error = model.attribute(&request.clone().target_spans(lists)).unwrap_err().to_string();
    assert!(error.contains("target spans are given for 2 texts, but there are 3"), "{error}");
    let positions = vec![vec![5]; 3];
    let request = request.target_spans(TargetSpans::Words);
    let error = model.attribute_positions(&request, &positions, &mut |_| std::ops::ControlFlow::Continue(()));
    assert!(error.unwrap_err().to_string().contains("`target_spans` is `words`"));
}
