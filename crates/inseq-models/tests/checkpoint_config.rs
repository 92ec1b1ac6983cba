//! Configurations and SentencePiece models that are damaged in every way, beside weights and vocabularies that are sound.
#![cfg(all(feature = "demo", feature = "flex"))]

use burn::tensor::DType;
use inseq_models::checkpoint::Repository;
use inseq_models::generation::GenerationConfig;
use inseq_models::tokenizer::{Role, Tokenizer};
use inseq_models::{architectures, demo, device};
use proptest::prelude::*;
use serde_json::{Value, json};

/// The demo model with some files replaced.
fn repository(replaced: &[(&str, &[u8])]) -> Repository {
    let demo = demo::repository();
    let names =
        ["config.json", "generation_config.json", "model.safetensors", "source.spm", "target.spm", "vocab.json"];
    let files = names.map(|name| {
        let replacement = replaced.iter().find(|(file, _)| *file == name).map(|(_, bytes)| bytes.to_vec());
        let bytes = replacement.unwrap_or_else(|| demo.read(name).unwrap().unwrap().into_owned());
        (name.to_string(), bytes)
    });
    Repository::in_memory("damaged", files)
}

fn load(config: &[u8]) -> Result<(), String> {
    let device = device::parse("flex").unwrap();
    let repository = repository(&[("config.json", config), ("generation_config.json", config)]);
    let model = architectures::load(&repository, &device, DType::F32).map(|_| ()).map_err(|e| e.to_string());
    let generation = GenerationConfig::load(&repository).map(|_| ()).map_err(|e| e.to_string());
    model.and(generation)
}

fn config() -> serde_json::Map<String, Value> {
    demo::repository().config().unwrap().as_object().unwrap().clone()
}

#[test]
fn a_field_that_cannot_be_is_named_before_anything_is_allocated() {
    let fields = [
        "vocab_size",
        "max_position_embeddings",
        "encoder_layers",
        "encoder_ffn_dim",
        "encoder_attention_heads",
        "decoder_layers",
        "decoder_ffn_dim",
        "decoder_attention_heads",
        "d_model",
    ];
    for field in fields {
        for value in [json!(0), json!(-1), json!(1_000_000_000_000u64), json!("many"), json!(1.5), json!([])] {
            let mut config = config();
            config.insert(field.into(), value.clone());
            let message = load(json!(config).to_string().as_bytes()).unwrap_err();
            assert!(message.starts_with("config.json: ") && message.contains(field), "{field} = {value}: {message}");
        }
    }
    assert!(load(b"").unwrap_err().contains("config.json"));
    assert!(load(b"{}").unwrap_err().contains("model_type"));
    assert!(load(b"{\"model_type\":\"marian\"").unwrap_err().contains("config.json"));
    assert!(load(&b"[".repeat(100_000)).unwrap_err().contains("config.json"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_config_never_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![
            Just(json!(null)), Just(json!(0)), Just(json!(-1)), Just(json!(1)), Just(json!(3)), Just(json!(1u64 << 40)), Just(json!(u64::MAX)),
            Just(json!(1e300)), Just(json!("x")), Just(json!(true)), Just(json!([[1], []])), Just(json!({ "a": 1 })),
        ]), 1..4),
    ) {
        let mut config = config();
        let names: Vec<String> = config.keys().cloned().collect();
        for (index, value) in changes {
            config.insert(names[index.index(names.len())].clone(), value);
        }
        let _ = load(json!(config).to_string().as_bytes());
    }

    #[test]
    fn a_damaged_sentencepiece_model_never_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
        text in any::<String>(),
    ) {
        let mut bytes = demo::repository().read("source.spm").unwrap().unwrap().into_owned();
        for (index, value) in changes {
            let length = bytes.len();
            bytes[index.index(length)] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let repository = repository(&[("source.spm", &bytes), ("target.spm", &bytes)]);
        if let Ok(tokenizer) = Tokenizer::load(&repository) {
            for role in [Role::Source, Role::Target] {
                for text in [text.as_str(), "The tired nurse said that she was late."] {
                    if let Ok(encoding) = tokenizer.encode(text, role, true) {
                        let _ = tokenizer.decode(&encoding.ids, role, false);
                    }
                }
            }
        }
    }
}
