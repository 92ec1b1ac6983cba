//! Model types that a program adds: a checkpoint of such a type gets the scores of the same weights under the type that has a
//! file in this repository, which `architectures.rs` compares with transformers.

use inseq_core::SequenceAttribution;
use inseq_methods::{AttributionModel, AttributionRequest, LoadOptions};
use inseq_models::architectures::gated_decoder::{Kind, QueryKeyNorms, Windows, llama_fields};
use inseq_models::architectures::{Architecture, Architectures};
use inseq_tests::edited::edited;
use inseq_tests::fixture;
use serde_json::{Value, json};

const MY_LLAMA: Kind = Kind { model_class: "MyLlamaForCausalLM", ..Kind::LLAMA };
const NORMED: Kind = Kind { query_key_norms: QueryKeyNorms::Heads, ..MY_LLAMA };
const WINDOWED: Kind = Kind { windows: Windows::All, ..MY_LLAMA };

fn options(architecture: Architecture) -> LoadOptions {
    LoadOptions::default().architectures(Architectures::default().with(architecture))
}

fn attributed(model: &AttributionModel) -> SequenceAttribution {
    let request = AttributionRequest::new(["The house is"])
        .method("input_x_gradient")
        .generation_argument("max_new_tokens", 4)
        .step_scores(["probability"]);
    model.attribute(&request).unwrap().sequences.remove(0)
}

/// The scores of the target as bits, since scores of tokens that a step does not see are NaN.
fn bits(sequence: &SequenceAttribution) -> Vec<u32> {
    sequence.target_attributions.as_ref().unwrap().iter().map(|score| score.to_bits()).collect()
}

#[test]
fn a_type_that_a_program_adds_has_the_scores_of_its_weights() {
    let cases: [(&str, Architecture); 3] = [
        ("llama", Architecture::gated_decoder("my_llama", &MY_LLAMA, || llama_fields(json!({})))),
        ("qwen3", Architecture::gated_decoder("my_llama", &NORMED, || llama_fields(json!({})))),
        (
            "mistral",
            Architecture::gated_decoder("my_llama", &WINDOWED, || llama_fields(json!({"sliding_window": null}))),
        ),
    ];
    for (checkpoint, architecture) in cases {
        let folder = edited(checkpoint, |config| {
            config.insert("model_type".into(), json!("my_llama"));
        });
        let own = AttributionModel::load_with(folder.path().to_str().unwrap(), &options(architecture)).unwrap();
        assert_eq!(own.text_model().model_class(), "MyLlamaForCausalLM");
        let known = AttributionModel::load(fixture("architectures").join(checkpoint).to_str().unwrap()).unwrap();
        let (own, known) = (attributed(&own), attributed(&known));
        assert_eq!(own.target, known.target, "{checkpoint}");
        assert_eq!(bits(&own), bits(&known), "{checkpoint}");
        assert_eq!(own.step_scores, known.step_scores, "{checkpoint}");
    }
}

#[test]
fn fields_may_have_other_names_and_other_defaults() {
    let folder = edited("llama", |config| {
        config.insert("model_type".into(), json!("my_llama"));
        for (name, other) in [("hidden_size", "n_embd"), ("num_hidden_layers", "n_layer")] {
            let value = config.remove(name).unwrap();
            config.insert(other.into(), value);
        }
        config.remove("rms_norm_eps");
    });
    let fields: fn() -> Value = || llama_fields(json!({"rms_norm_eps": 1e-5}));
    let architecture = Architecture::gated_decoder("my_llama", &MY_LLAMA, fields)
        .with_aliases(&[("n_embd", "hidden_size"), ("n_layer", "num_hidden_layers")]);
    let own = AttributionModel::load_with(folder.path().to_str().unwrap(), &options(architecture)).unwrap();
    let known = AttributionModel::load(fixture("architectures/llama").to_str().unwrap()).unwrap();
    assert_eq!(bits(&attributed(&own)), bits(&attributed(&known)));
}

#[test]
fn a_type_that_nobody_added_is_refused() {
    let folder = edited("llama", |config| {
        config.insert("model_type".into(), json!("my_llama"));
    });
    let other = Architecture::gated_decoder("other_llama", &MY_LLAMA, || llama_fields(json!({})));
    let error = AttributionModel::load_with(folder.path().to_str().unwrap(), &options(other)).unwrap_err().to_string();
    assert!(error.contains("`model_type` is `my_llama`, which is not supported"), "{error}");
    assert!(error.contains("llama, ") && error.contains(", other_llama"), "{error}");
}

#[test]
fn a_type_like_llama_takes_less_than_30_lines() {
    let example = include_str!("../../crates/inseq/examples/own_model_type.rs");
    assert!(example.contains("Architecture::gated_decoder("));
    assert!(example.lines().count() < 30);
}
