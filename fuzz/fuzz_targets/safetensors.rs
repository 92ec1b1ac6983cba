//! Every tensor of a `model.safetensors`.
#![no_main]

use inseq_models::checkpoint::{Repository, Weights};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let repository = Repository::in_memory("fuzz", [("model.safetensors".to_string(), data.to_vec())]);
    let Ok(weights) = Weights::open(&repository) else { return };
    for name in weights.names() {
        let _ = weights.tensor(name).and_then(|tensor| tensor.to_f32());
    }
});
