//! What a loaded model does beside attributing: encode, embed, decode, go on from a prefix, keep defaults, stop.

use std::ops::ControlFlow;

use inseq_core::AttributionResult;
use inseq_methods::{AttributionModel, AttributionRequest, Error, Progress};
use inseq_models::tokenizer::Role;
use inseq_tests::fixture;
use serde_json::{Map, Value};

const TEXT: &str = "The tired nurse said that she was late.";

fn model(name: &str) -> AttributionModel {
    AttributionModel::load(fixture(name).to_str().unwrap()).unwrap()
}

/// Scores of the first text.
fn scores(result: &AttributionResult) -> Vec<f32> {
    let sequence = result.sequences[0].aggregate().unwrap();
    let sides = [sequence.source_attributions, sequence.target_attributions];
    sides.into_iter().flatten().flatten().filter(|score| !score.is_nan()).collect()
}

fn method_of(result: &AttributionResult) -> &str {
    result.info.attribution_method.as_deref().unwrap()
}

#[test]
fn texts_become_ids_and_embeddings_and_texts_again() {
    let model = AttributionModel::demo().unwrap();
    let ids = model.encode(TEXT, Role::Source, true).unwrap();
    assert_eq!(model.decode(&ids, Role::Source, true).unwrap(), TEXT);
    assert_eq!(ids.last().copied(), model.special_tokens().eos);
    let bare = model.encode(TEXT, Role::Source, false).unwrap();
    assert_eq!(bare, ids[..ids.len() - 1]);

    // An embedding is a row of the table, times the root of its size where the configuration scales.
    let table = model.model().encoder.as_ref().unwrap().embedding.table().clone();
    let [_, features] = table.dims();
    let rows = table.try_into_vec_as::<f32>().unwrap();
    let embedded = model.embed(TEXT, Role::Source, true).unwrap();
    assert_eq!(embedded.dims(), [1, ids.len(), features]);
    let scale = (features as f32).sqrt();
    for (value, expected) in
        embedded.try_into_vec_as::<f32>().unwrap().chunks(features).zip(&ids).flat_map(|(row, &id)| {
            let start = id as usize * features;
            row.iter()
                .copied()
                .zip(rows[start..start + features].iter().map(move |value| value * scale))
                .collect::<Vec<_>>()
        })
    {
        assert!((value - expected).abs() <= 1e-6 * expected.abs().max(1.0), "{value}, expected {expected}");
    }
}

#[test]
fn a_generation_goes_on_from_a_prefix_of_itself() {
    let model = AttributionModel::demo().unwrap();
    let greedy = || AttributionRequest::new([TEXT]).generation_argument("num_beams", 1);
    let whole = model.attribute(&greedy()).unwrap();
    let text = model.generate(&[TEXT], &Map::from_iter([("num_beams".to_string(), Value::from(1))])).unwrap().remove(0);
    let prefix = text.split(' ').take(3).collect::<Vec<_>>().join(" ");
    let request = greedy().generated_texts([prefix.as_str()]);
    let gone_on = model.attribute(&request.clone().generate_from_target_prefix(true)).unwrap();
    // Greedy search writes after a prefix of its own what it wrote after it.
    assert_eq!(gone_on.sequences[0].target, whole.sequences[0].target);
    assert_eq!(scores(&gone_on), scores(&whole));
    // Otherwise the text is taken for all that was written.
    let forced = model.attribute(&request).unwrap();
    assert!(forced.sequences[0].target.len() < whole.sequences[0].target.len());
    let message = model.attribute(&greedy().generate_from_target_prefix(true)).unwrap_err().to_string();
    assert!(message.contains("needs `generated_texts`"), "{message}");
}

#[test]
fn a_models_defaults_count_where_a_call_says_nothing() {
    let mut model = model("architectures/gpt2");
    let request = || AttributionRequest::new(["the cat"]).generated_texts(["the cat sat on the mat"]);
    let saliency = scores(&model.attribute(&request()).unwrap());
    let chosen = scores(&model.attribute(&request().method("input_x_gradient").attributed_fn("logit")).unwrap());
    assert_ne!(saliency, chosen);
    model.set_default_method("input_x_gradient").unwrap();
    model.set_default_attributed_fn("logit");
    assert_eq!(model.default_method(), "input_x_gradient");
    let result = model.attribute(&request()).unwrap();
    assert_eq!((scores(&result), method_of(&result)), (chosen.clone(), "input_x_gradient"));
    // For one call, and no other.
    let result = model.attribute(&request().method("saliency").attributed_fn("probability")).unwrap();
    assert_eq!((scores(&result), method_of(&result)), (saliency, "saliency"));
    assert_eq!(scores(&model.attribute(&request()).unwrap()), chosen);
    let message = model.set_default_method("input_times_gradient").unwrap_err().to_string();
    assert!(message.contains("input_times_gradient") && message.contains("input_x_gradient"), "{message}");
    assert_eq!(model.default_method(), "input_x_gradient");
}

#[test]
fn a_call_stops_where_it_is_told_to() {
    let model = AttributionModel::demo().unwrap();
    let request =
        AttributionRequest::new([TEXT, "The doors are white."]).method("integrated_gradients").batch_size(Some(1));
    let mut seen = Vec::new();
    let whole = model
        .attribute_with_progress(&request, &mut |progress| {
            seen.push(progress);
            ControlFlow::Continue(())
        })
        .unwrap();
    let is_generating = |progress: &Progress| matches!(progress, Progress::Generating { .. });
    assert!(seen.iter().any(is_generating) && !seen.iter().all(is_generating));
    let Some(Progress::Attributing { done, total, .. }) = seen.last() else { panic!("{:?}", seen.last()) };
    assert_eq!(done, total);
    // Wherever it stops, it says so, and leaves nothing for the next call to stumble over.
    for stop in [0, seen.iter().filter(|progress| is_generating(progress)).count(), seen.len() / 2, seen.len() - 1] {
        let mut calls = 0;
        let stopped = model.attribute_with_progress(&request, &mut |_| {
            calls += 1;
            if calls > stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert!(matches!(stopped, Err(Error::Cancelled)), "stopped at {stop} of {}", seen.len());
        assert_eq!(calls, stop + 1);
    }
    assert_eq!(scores(&model.attribute(&request).unwrap()), scores(&whole));
}

/// Neither the tokenizer nor the weights are looked at, which may have to be fetched.
#[test]
fn the_configuration_is_judged_first() {
    let folder = tempfile::tempdir().unwrap();
    let message = |config: &str| {
        std::fs::write(folder.path().join("config.json"), config).unwrap();
        for file in ["tokenizer.json", "model.safetensors"] {
            std::fs::write(folder.path().join(file), "damaged").unwrap();
        }
        AttributionModel::load(folder.path().to_str().unwrap()).unwrap_err().to_string()
    };
    assert!(message(r#"{"model_type":"qwen2_moe"}"#).contains("`model_type` is `qwen2_moe`, a mixture of experts"));
    let quantized = r#"{"model_type":"llama","quantization_config":{"quant_method":"awq","bits":4}}"#;
    assert!(message(quantized).contains("the weights are quantized (AWQ, 4 bits)"));
    assert!(message(r#"{"model_type":"llama"}"#).contains("tokenizer.json"));
}
