//! The configurations of a model whose weights and tokenizer are sound.
#![no_main]

use burn::tensor::DType;
use inseq_models::architectures;
use inseq_models::checkpoint::Repository;
use inseq_models::device;
use inseq_models::generation::GenerationConfig;
use libfuzzer_sys::fuzz_target;

const WEIGHTS: &[u8] = include_bytes!("../../crates/inseq-models/demo/model.safetensors");

fuzz_target!(|data: &[u8]| {
    let files = [("config.json", data), ("generation_config.json", data), ("model.safetensors", WEIGHTS)];
    let repository = Repository::in_memory("fuzz", files.map(|(name, bytes)| (name.to_string(), bytes.to_vec())));
    let Ok(device) = device::parse("flex") else { return };
    let _ = architectures::load(&repository, &device, DType::F32);
    let _ = GenerationConfig::load(&repository);
});
