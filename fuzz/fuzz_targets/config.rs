//! The configurations of models whose weights are sound: a file of any bytes, and one of each model type with other values
//! in some fields.
#![no_main]

use std::path::Path;
use std::sync::OnceLock;

use burn::tensor::DType;
use inseq_models::checkpoint::Repository;
use inseq_models::generation::GenerationConfig;
use inseq_models::{architectures, device};
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value, json};

/// A checkpoint of a model type, its configuration apart.
struct Checkpoint {
    config: Map<String, Value>,
    files: Vec<(String, Vec<u8>)>,
}

fn checkpoints() -> &'static [Checkpoint] {
    static CHECKPOINTS: OnceLock<Vec<Checkpoint>> = OnceLock::new();
    CHECKPOINTS.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/architectures");
        let mut folders: Vec<_> = std::fs::read_dir(folder).unwrap().map(|folder| folder.unwrap().path()).collect();
        folders.sort();
        let read = |folder: &Path| {
            let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
            let name = |file: &Path| file.file_name().unwrap().to_string_lossy().into_owned();
            let weights = files.filter(|file| {
                let name = name(file);
                !name.starts_with("golden") && ["safetensors", "bin", "index.json"].iter().any(|end| name.ends_with(end))
            });
            Checkpoint {
                config: serde_json::from_slice(&std::fs::read(folder.join("config.json")).unwrap()).unwrap(),
                files: weights.map(|file| (name(&file), std::fs::read(&file).unwrap())).collect(),
            }
        };
        folders.iter().map(|folder| read(folder)).collect()
    })
}

fn load(checkpoint: &Checkpoint, config: &[u8]) {
    let configs = ["config.json", "generation_config.json"].map(|name| (name.to_string(), config.to_vec()));
    let repository = Repository::in_memory("fuzz", checkpoint.files.iter().cloned().chain(configs));
    let Ok(device) = device::parse("flex") else { return };
    let _ = architectures::load(&repository, &device, DType::F32);
    let _ = GenerationConfig::load(&repository);
}

fn value(source: &mut Unstructured, depth: usize) -> Result<Value> {
    Ok(match source.int_in_range(0..=9)? {
        0 => Value::Null,
        1 => json!(source.arbitrary::<bool>()?),
        2 => json!(source.int_in_range(-2..=70)?),
        3 => json!(source.arbitrary::<u64>()?),
        4 => json!(source.arbitrary::<i32>()?),
        5 => json!(source.arbitrary::<f64>()?),
        6 => json!(*source.choose(&["gelu", "gated-gelu", "relu", "linear", "yarn", "llama3", "longrope", "x"])?),
        7 if depth < 3 => (0..source.int_in_range(0..=3)?).map(|_| value(source, depth + 1)).collect::<Result<_>>()?,
        8 if depth < 3 => {
            const NAMES: [&str; 6] = ["rope_type", "factor", "rope_theta", "long_factor", "full_attention", "beta_fast"];
            let count = source.int_in_range(0..=3)?;
            let fields = (0..count).map(|_| Ok((source.choose(&NAMES)?.to_string(), value(source, depth + 1)?)));
            Value::Object(fields.collect::<Result<_>>()?)
        }
        _ => json!(1u64 << source.int_in_range(0..=63)?),
    })
}

/// A configuration with other values in some fields, its own or another's.
fn changed(source: &mut Unstructured) -> Result<()> {
    let checkpoint = source.choose(checkpoints())?;
    let mut config = checkpoint.config.clone();
    for _ in 0..source.int_in_range(1..=4)? {
        // A field of its own more often than one of another's.
        let other = source.choose(checkpoints())?;
        let names: Vec<&String> = source.choose(&[checkpoint, checkpoint, other])?.config.keys().collect();
        config.insert(source.choose(&names)?.to_string(), value(source, 0)?);
    }
    load(checkpoint, Value::Object(config).to_string().as_bytes());
    Ok(())
}

fuzz_target!(|data: &[u8]| {
    if data.starts_with(b"{") {
        let given: Option<Value> = serde_json::from_slice(data).ok();
        let of_type = |one: &&Checkpoint| given.as_ref().is_some_and(|given| given["model_type"] == one.config["model_type"]);
        load(checkpoints().iter().find(of_type).unwrap_or(&checkpoints()[0]), data);
    } else {
        let _ = changed(&mut Unstructured::new(data));
    }
});
