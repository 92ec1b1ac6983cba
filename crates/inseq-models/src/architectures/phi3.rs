//! Phi-3.
//!
//! Abdin et al., 2024, <https://arxiv.org/abs/2404.14219>.

use serde_json::json;

use super::Architecture;
use super::configuration::Fields;
use super::gated_decoder::{Kind, Windows, load};
use super::rope::RopeFamily;

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "phi3",
    title: "Phi-3",
    paper: "https://arxiv.org/abs/2404.14219",
    fields: FIELDS,
    load: |configuration, loader| load(&KIND, configuration, loader),
};

const FIELDS: Fields = Fields {
    defaults: || {
        json!({
            "vocab_size": 32_064,
            "hidden_size": 3072,
            "intermediate_size": 8192,
            "num_hidden_layers": 32,
            "num_attention_heads": 32,
            "num_key_value_heads": null,
            "head_dim": null,
            "hidden_act": "silu",
            "rms_norm_eps": 1e-5,
            "max_position_embeddings": 4096,
            "original_max_position_embeddings": 4096,
            "sliding_window": null,
            "resid_pdrop": 0.0,
            "rope_theta": 10_000.0,
            "partial_rotary_factor": 1.0,
            "rope_scaling": null,
            "rope_parameters": null,
            "attention_dropout": 0.0,
            "tie_word_embeddings": false,
            "bos_token_id": 1,
            "eos_token_id": 32_000,
            "pad_token_id": 32_000,
        })
    },
    aliases: &[],
};

const KIND: Kind =
    Kind { model_class: "Phi3ForCausalLM", fused: true, windows: Windows::All, rope: RopeFamily::Phi3, ..Kind::LLAMA };
