//! OLMo 2.
//!
//! Team OLMo, 2024, <https://arxiv.org/abs/2501.00656>.

use serde_json::json;

use super::Architecture;
use super::configuration::Fields;
use super::gated_decoder::{Kind, NormPlaces, QueryKeyNorms, load};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "olmo2",
    title: "OLMo 2",
    paper: "https://arxiv.org/abs/2501.00656",
    fields: FIELDS,
    load: |configuration, loader| load(&KIND, configuration, loader),
};

const FIELDS: Fields = Fields {
    defaults: || {
        json!({
            "vocab_size": 50_304,
            "hidden_size": 4096,
            "intermediate_size": 11_008,
            "num_hidden_layers": 32,
            "num_attention_heads": 32,
            "num_key_value_heads": null,
            "head_dim": null,
            "hidden_act": "silu",
            "rms_norm_eps": 1e-5,
            "max_position_embeddings": 2048,
            "attention_bias": false,
            "rope_theta": 10_000.0,
            "original_max_position_embeddings": null,
            "partial_rotary_factor": null,
            "rope_scaling": null,
            "rope_parameters": null,
            "attention_dropout": 0.0,
            "tie_word_embeddings": false,
            "bos_token_id": null,
            "eos_token_id": 50_279,
            "pad_token_id": 1,
        })
    },
    aliases: &[],
};

const KIND: Kind = Kind {
    model_class: "Olmo2ForCausalLM",
    norms: NormPlaces::Behind,
    query_key_norms: QueryKeyNorms::Whole,
    ..Kind::LLAMA
};
