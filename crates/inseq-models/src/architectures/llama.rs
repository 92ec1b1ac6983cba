//! Llama.
//!
//! Touvron et al., 2023, <https://arxiv.org/abs/2302.13971>; Llama Team, 2024, <https://arxiv.org/abs/2407.21783>.

use serde_json::json;

use super::Architecture;
use super::configuration::Fields;
use super::gated_decoder::{Kind, load};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "llama",
    title: "Llama 1 to 3 (also TinyLlama, SmolLM, Vicuna)",
    paper: "https://arxiv.org/abs/2407.21783",
    fields: FIELDS,
    load: |configuration, loader| load(&KIND, configuration, loader),
};

const FIELDS: Fields = Fields {
    defaults: || {
        json!({
            "vocab_size": 32_000,
            "hidden_size": 4096,
            "intermediate_size": 11_008,
            "num_hidden_layers": 32,
            "num_attention_heads": 32,
            "num_key_value_heads": null,
            "head_dim": null,
            "hidden_act": "silu",
            "rms_norm_eps": 1e-6,
            "max_position_embeddings": 2048,
            "attention_bias": false,
            "mlp_bias": false,
            "rope_theta": 10_000.0,
            "original_max_position_embeddings": null,
            "partial_rotary_factor": null,
            "rope_scaling": null,
            "rope_parameters": null,
            "attention_dropout": 0.0,
            "tie_word_embeddings": false,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "pad_token_id": null,
        })
    },
    aliases: &[],
};

const KIND: Kind = Kind::LLAMA;
