//! Qwen3.
//!
//! Qwen Team, 2025, <https://arxiv.org/abs/2505.09388>.

use serde_json::json;

use super::Architecture;
use super::configuration::Fields;
use super::gated_decoder::{Kind, QueryKeyNorms, Windows, load};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "qwen3",
    title: "Qwen3",
    paper: "https://arxiv.org/abs/2505.09388",
    fields: FIELDS,
    load: |configuration, loader| load(&KIND, configuration, loader),
};

const FIELDS: Fields = Fields {
    defaults: || {
        json!({
            "vocab_size": 151_936,
            "hidden_size": 4096,
            "intermediate_size": 22_016,
            "num_hidden_layers": 32,
            "num_attention_heads": 32,
            "num_key_value_heads": 32,
            "head_dim": 128,
            "hidden_act": "silu",
            "rms_norm_eps": 1e-6,
            "max_position_embeddings": 32_768,
            "attention_bias": false,
            "use_sliding_window": false,
            "sliding_window": 4096,
            "max_window_layers": 28,
            "layer_types": null,
            "rope_theta": 10_000.0,
            "original_max_position_embeddings": null,
            "partial_rotary_factor": null,
            "rope_scaling": null,
            "rope_parameters": null,
            "attention_dropout": 0.0,
            "tie_word_embeddings": false,
            "bos_token_id": null,
            "eos_token_id": null,
            "pad_token_id": null,
        })
    },
    aliases: &[],
};

const KIND: Kind = Kind {
    model_class: "Qwen3ForCausalLM",
    query_key_norms: QueryKeyNorms::Heads,
    windows: Windows::Upper,
    ..Kind::LLAMA
};
