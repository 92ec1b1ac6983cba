//! Gemma 3, the models of text alone.
//!
//! Gemma Team, 2025, <https://arxiv.org/abs/2503.19786>.

use serde_json::json;

use super::Architecture;
use super::configuration::Fields;
use super::gated_decoder::{Kind, NormPlaces, QueryKeyNorms, Windows, load};
use super::rope::RopeFamily;

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "gemma3_text",
    title: "Gemma 3 (text)",
    paper: "https://arxiv.org/abs/2503.19786",
    fields: FIELDS,
    load: |configuration, loader| load(&KIND, configuration, loader),
};

const FIELDS: Fields = Fields {
    defaults: || {
        json!({
            "vocab_size": 262_208,
            "hidden_size": 2304,
            "intermediate_size": 9216,
            "num_hidden_layers": 26,
            "num_attention_heads": 8,
            "num_key_value_heads": 4,
            "head_dim": 256,
            "hidden_activation": "gelu_pytorch_tanh",
            "rms_norm_eps": 1e-6,
            "max_position_embeddings": 131_072,
            "attention_bias": false,
            "query_pre_attn_scalar": 256,
            "sliding_window": 4096,
            "sliding_window_pattern": 6,
            "layer_types": null,
            "final_logit_softcapping": null,
            "use_bidirectional_attention": false,
            "rope_theta": 1_000_000.0,
            "rope_local_base_freq": 10_000.0,
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

const KIND: Kind = Kind {
    model_class: "Gemma3ForCausalLM",
    gemma: true,
    norms: NormPlaces::Around,
    query_key_norms: QueryKeyNorms::Heads,
    windows: Windows::AllBut(6),
    rope: RopeFamily::Gemma3,
    ..Kind::LLAMA
};
