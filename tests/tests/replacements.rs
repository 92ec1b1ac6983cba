//! Where ReAGent takes its replacements from.

use inseq_core::SequenceAttribution;
use inseq_methods::{AttributionModel, AttributionRequest, Error};
use inseq_tests::fixture;
use serde_json::{Value, json};

const PROMPT: &str = "a dog ran";
const WRITTEN: &str = "a dog ran to the big house .";

fn folder(name: &str) -> String {
    fixture("architectures").join(name).to_str().unwrap().to_owned()
}

fn attribute(model: &AttributionModel, replacements: Value) -> Result<SequenceAttribution, Error> {
    let request = AttributionRequest::new([PROMPT])
        .generated_texts([WRITTEN])
        .method("reagent")
        .attribution_argument("replacements", replacements)
        .attribution_argument("max_probe_steps", 3)
        .attribution_argument("num_probes", 4);
    Ok(model.attribute(&request)?.sequences.swap_remove(0))
}

#[test]
fn a_given_model_that_is_the_model_itself_changes_nothing() {
    let model = AttributionModel::load(&folder("gpt2")).unwrap();
    let own = attribute(&model, json!("model")).unwrap();
    let given = attribute(&model, json!({ "given_model": folder("gpt2") })).unwrap();
    let bits = |sequence: &SequenceAttribution| -> Vec<u32> {
        sequence.target_attributions.iter().flatten().map(|v| v.to_bits()).collect()
    };
    assert_eq!(bits(&own), bits(&given));
    // Another one with the same tokens does.
    let other = attribute(&model, json!({ "given_model": folder("gpt_neo") })).unwrap();
    assert_ne!(bits(&own), bits(&other));
}

#[test]
fn a_given_model_must_read_from_left_to_right_and_have_the_same_tokens() {
    let model = AttributionModel::load(&folder("gpt2")).unwrap();
    let message = attribute(&model, json!({ "given_model": folder("marian") })).unwrap_err().to_string();
    assert!(message.contains("has an encoder"), "{message}");
    let message = attribute(&model, json!({ "given_model": folder("llama") })).unwrap_err().to_string();
    assert!(message.contains("tokens"), "{message}");
}

#[test]
fn words_of_one_list_stand_for_each_other() {
    let model = AttributionModel::load(&folder("gpt2")).unwrap();
    let lists = json!({ "noun": ["dog", "house", "cat", "mat"], "other": ["a", "the", "to", "on", "big", "old"] });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("words.json");
    std::fs::write(&path, lists.to_string()).unwrap();
    let inline = attribute(&model, json!({ "words": lists })).unwrap();
    let file = attribute(&model, json!({ "words": path })).unwrap();
    let uniform = attribute(&model, json!("uniform")).unwrap();
    let values = |sequence: &SequenceAttribution| -> Vec<f32> {
        sequence.target_attributions.iter().flatten().map(|v| if v.is_nan() { 0.0 } else { *v }).collect()
    };
    assert_eq!(values(&inline), values(&file));
    assert_ne!(values(&inline), values(&uniform));
}
