//! Gemma 2.
//!
//! Gemma Team, 2024, <https://arxiv.org/abs/2408.00118>.

use serde_json::json;

use super::Architecture;
use super::configuration::Fields;
use super::gated_decoder::{Kind, NormPlaces, Windows, load};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "gemma2",
    title: "Gemma 2",
    paper: "https://arxiv.org/abs/2408.00118",
    fields: FIELDS,
    load: |configuration, loader| load(&KIND, configuration, loader),
};

const FIELDS: Fields = Fields {
    defaults: || {
        json!({
            "vocab_size": 256_000,
            "hidden_size": 2304,
            "intermediate_size": 9216,
            "num_hidden_layers": 26,
            "num_attention_heads": 8,
            "num_key_value_heads": 4,
            "head_dim": 256,
            "hidden_activation": "gelu_pytorch_tanh",
            "rms_norm_eps": 1e-6,
            "max_position_embeddings": 8192,
            "attention_bias": false,
            "query_pre_attn_scalar": 256,
            "sliding_window": 4096,
            "layer_types": null,
            "final_logit_softcapping": 30.0,
            "attn_logit_softcapping": 50.0,
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

const KIND: Kind = Kind {
    model_class: "Gemma2ForCausalLM",
    gemma: true,
    norms: NormPlaces::Around,
    windows: Windows::AllBut(2),
    ..Kind::LLAMA
};
