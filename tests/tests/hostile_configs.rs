//! Configurations of every architecture with one absurd number: an error, before anything is allocated for it, never a panic.

use std::path::Path;

use burn::tensor::DType;
use inseq_models::checkpoint::Repository;
use inseq_models::{architectures, device};
use inseq_tests::fixture;
use serde_json::{Value, json};

/// Fields without which a model has no shape.
const SIZES: [&str; 36] = [
    "vocab_size",
    "d_model",
    "d_kv",
    "d_ff",
    "num_layers",
    "num_heads",
    "encoder_layers",
    "encoder_ffn_dim",
    "encoder_attention_heads",
    "decoder_layers",
    "decoder_ffn_dim",
    "decoder_attention_heads",
    "relative_attention_num_buckets",
    "n_embd",
    "n_embed",
    "n_layer",
    "n_head",
    "n_inner",
    "n_positions",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "intermediate_size",
    "ffn_dim",
    "word_embed_proj_dim",
    "head_dim",
    "window_size",
    "sliding_window",
    "rotary_dim",
    "max_position_embeddings",
    "num_local_experts",
    "num_experts_per_tok",
    "conv_L_cache",
    "block_ff_dim",
    "block_multiple_of",
];

/// Numbers whose products with others do not fit 64 bits.
const EXTREMES: [u64; 4] = [u64::MAX, i64::MAX as u64, 1 << 62, 1 << 33];

/// Files of a checkpoint, by name.
type Files = Vec<(String, Vec<u8>)>;

fn checkpoints() -> Vec<(String, Files)> {
    let folders = std::fs::read_dir(fixture("architectures")).unwrap();
    folders
        .map(|folder| {
            let folder = folder.unwrap().path();
            let files = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path());
            let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
            let files = files.map(|file| (name(&file), std::fs::read(&file).unwrap()));
            (name(&folder), files.collect())
        })
        .collect()
}

fn load(name: &str, files: &[(String, Vec<u8>)], config: &Value) -> Result<(), String> {
    let files = files.iter().map(|(file, bytes)| match file.as_str() {
        "config.json" => (file.clone(), config.to_string().into_bytes()),
        _ => (file.clone(), bytes.clone()),
    });
    let repository = Repository::in_memory(name, files);
    let device = device::parse("flex").unwrap();
    architectures::load(&repository, &device, DType::F32).map(|_| ()).map_err(|error| error.to_string())
}

#[test]
fn an_absurd_number_is_an_error_before_anything_is_allocated() {
    for (name, files) in checkpoints() {
        let (_, bytes) = files.iter().find(|(file, _)| file == "config.json").unwrap();
        let config: Value = serde_json::from_slice(bytes).unwrap();
        assert_eq!(load(&name, &files, &config), Ok(()), "{name} as it is");
        for (field, value) in config.as_object().unwrap() {
            if !value.is_number() || is_overridden(&config, field) || !is_read(&config, field) {
                continue;
            }
            for absurd in
                [json!(0), json!(-1), json!(3), json!(1_000_000_000_000u64), json!(1e300), json!([]), json!("1")]
                    .into_iter()
                    .chain(EXTREMES.map(|extreme| json!(extreme)))
                    .chain([json!(i64::MIN)])
            {
                let mut config = config.clone();
                config[field] = absurd.clone();
                let loaded = load(&name, &files, &config);
                // Rotary models have no table of positions, and take any number of them; nor need they rotate anything.
                let unlimited = field == "max_position_embeddings" && config.get("n_positions").is_none()
                    || field == "rotary_dim" && absurd == json!(0);
                let impossible =
                    absurd == json!(-1) || absurd == json!(i64::MIN) || absurd == json!([]) || absurd == json!("1");
                let large = absurd == json!(1_000_000_000_000u64)
                    || absurd == json!(1e300)
                    || absurd == json!(0)
                    || EXTREMES.iter().any(|extreme| absurd == json!(extreme));
                if SIZES.contains(&field.as_str()) && (impossible || large && !unlimited) && !is_free(&name, field) {
                    let message = loaded.expect_err(&format!("{name}: {field} = {absurd}"));
                    assert!(message.starts_with("config.json: "), "{name}: {field} = {absurd}: {message}");
                }
            }
        }
    }
}

/// Whether the type reads the field.
fn is_read(config: &Value, field: &str) -> bool {
    let architecture = architectures::list().iter().find(|a| config["model_type"] == a.model_type).unwrap();
    architecture.fields().contains_key(field) || architecture.aliases().iter().any(|(other, _)| *other == field)
}

/// Whether the file has the field by another name too, which counts.
fn is_overridden(config: &Value, field: &str) -> bool {
    let architecture = architectures::list().iter().find(|a| config["model_type"] == a.model_type);
    let aliases = architecture.map(|architecture| architecture.aliases()).unwrap_or_default();
    aliases.iter().any(|(other, name)| *name == field && config.get(other).is_some())
}

/// Fields that are numbers above 0, whatever they are in.
fn is_epsilon(field: &str) -> bool {
    ["layer_norm_epsilon", "layer_norm_eps", "rms_norm_eps", "norm_eps"].contains(&field)
}

#[test]
fn a_norm_adds_a_small_number_to_what_it_divides_by() {
    let mut seen = 0;
    for (name, files) in checkpoints() {
        let (_, bytes) = files.iter().find(|(file, _)| file == "config.json").unwrap();
        let text = String::from_utf8(bytes.clone()).unwrap();
        let config: Value = serde_json::from_str(&text).unwrap();
        for field in config.as_object().unwrap().keys().filter(|field| is_epsilon(field)) {
            seen += 1;
            for absurd in [json!(0), json!(-1e-5), json!(1e300), json!("1e-5"), json!([])] {
                let mut config = config.clone();
                config[field] = absurd.clone();
                let message = load(&name, &files, &config).expect_err(&format!("{name}: {field} = {absurd}"));
                assert!(message.starts_with("config.json: "), "{name}: {field} = {absurd}: {message}");
            }
            // Python writes what JSON does not know.
            for absurd in ["NaN", "Infinity", "-Infinity"] {
                let start = text.find(&format!("\"{field}\": ")).unwrap() + field.len() + 4;
                let end = start + text[start..].find([',', '\n']).unwrap();
                let written = format!("{}{absurd}{}", &text[..start], &text[end..]);
                let files: Files = files
                    .iter()
                    .map(|(file, bytes)| {
                        (file.clone(), if file == "config.json" { written.clone().into_bytes() } else { bytes.clone() })
                    })
                    .collect();
                let repository = Repository::in_memory(&name, files);
                let device = device::parse("flex").unwrap();
                let message =
                    architectures::load(&repository, &device, DType::F32).map(|_| ()).unwrap_err().to_string();
                assert!(
                    message.starts_with("config.json: ")
                        && message.contains(field.as_str())
                        && message.contains(absurd),
                    "{name}: {field} = {absurd}: {message}"
                );
            }
        }
    }
    assert!(seen > 20, "{seen} checkpoints have such a field");
}

/// What else is said of such types is in the tests of inseq-models.
#[test]
fn a_model_type_that_there_is_not_is_refused() {
    let file = [("config.json".to_string(), Vec::new())];
    for unknown in ["qwen2_moe", "wav2vec2", "something"] {
        let message = load("unknown", &file, &json!({ "model_type": unknown })).unwrap_err();
        assert!(message.starts_with(&format!("config.json: `model_type` is `{unknown}`, ")), "{message}");
        assert!(message.contains("supported: marian, t5") && !message.contains("did you mean"), "{message}");
    }
}

/// Whether a model takes any size for a field: windows may be as wide as they like, T5 and GPT-J have no positions to run out of, and
/// BART and its kin have their layers under other names.
fn is_free(name: &str, field: &str) -> bool {
    match field {
        "window_size" | "sliding_window" => true,
        "n_positions" => name.contains("t5") || name == "gptj",
        _ => false,
    }
}
