//! Gemma.
//!
//! Gemma Team, 2024, <https://arxiv.org/abs/2403.08295>.

use serde_json::json;

use super::Architecture;
use super::configuration::Fields;
use super::gated_decoder::{Kind, load};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "gemma",
    title: "Gemma",
    paper: "https://arxiv.org/abs/2403.08295",
    fields: FIELDS,
    load: |configuration, loader| load(&KIND, configuration, loader),
};

const FIELDS: Fields = Fields {
    defaults: || {
        json!({
            "vocab_size": 256_000,
            "hidden_size": 3072,
            "intermediate_size": 24_576,
            "num_hidden_layers": 28,
            "num_attention_heads": 16,
            "num_key_value_heads": 16,
            "head_dim": 256,
            "hidden_act": "gelu_pytorch_tanh",
            "rms_norm_eps": 1e-6,
            "max_position_embeddings": 8192,
            "attention_bias": false,
            "use_bidirectional_attention": null,
            "rope_theta": 10_000.0,
            "original_max_position_embeddings": null,
            "partial_rotary_factor": null,
            "rope_scaling": null,
            "rope_parameters": null,
            "attention_dropout": 0.0,
            "tie_word_embeddings": true,
            "bos_token_id": 2,
            "eos_token_id": 1,
            "pad_token_id": 0,
        })
    },
    aliases: &[],
};

const KIND: Kind = Kind { model_class: "GemmaForCausalLM", gemma: true, approximates_gelu: true, ..Kind::LLAMA };
