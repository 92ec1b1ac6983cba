//! Llama.
//!
//! Touvron et al., 2023, <https://arxiv.org/abs/2302.13971>; Llama Team, 2024, <https://arxiv.org/abs/2407.21783>.

use serde_json::json;

use super::Architecture;
use super::configuration::{Fields, with};
use super::gated_decoder::{Kind, fields, load};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "llama",
    title: "Llama 1 to 3 (also TinyLlama, SmolLM, Vicuna)",
    paper: "https://arxiv.org/abs/2407.21783",
    fields: FIELDS,
    load: |configuration, loader| load(&KIND, configuration, loader),
};

const FIELDS: Fields = Fields {
    defaults: || {
        with(
            fields(),
            json!({
                "hidden_act": "silu",
                "attention_bias": false,
                "mlp_bias": false,
            }),
        )
    },
    aliases: &[],
};

const KIND: Kind = Kind::LLAMA;
