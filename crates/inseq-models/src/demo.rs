//! The small English to French model that is part of the program (feature `demo`).

use crate::checkpoint::Repository;

const FILES: &[(&str, &[u8])] = &[
    ("config.json", include_bytes!("../demo/config.json")),
    ("generation_config.json", include_bytes!("../demo/generation_config.json")),
    ("model.safetensors", include_bytes!("../demo/model.safetensors")),
    ("source.spm", include_bytes!("../demo/source.spm")),
    ("target.spm", include_bytes!("../demo/target.spm")),
    ("tokenizer_config.json", include_bytes!("../demo/tokenizer_config.json")),
    ("vocab.json", include_bytes!("../demo/vocab.json")),
];

/// The repository of the demo model, in the layout of the hub.
pub fn repository() -> Repository {
    Repository::embedded("demo", FILES)
}
