//! LFM2: layers of a gated short convolution among layers of attention.
//!
//! Liquid AI, 2025, <https://arxiv.org/abs/2511.23404>.

use serde_json::json;

use super::architecture::{Architecture, Layout};
use super::configuration::Fields;
use super::gated_decoder::{Kind, Names, QueryKeyNorms};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "lfm2",
    title: "LFM2",
    paper: "https://arxiv.org/abs/2511.23404",
    fields: FIELDS,
    layout: Layout::GatedDecoder(&KIND),
};

const FIELDS: Fields = Fields {
    defaults: || {
        json!({
            "vocab_size": 65_536,
            "hidden_size": 2560,
            "intermediate_size": 12_288,
            "num_hidden_layers": 32,
            "num_attention_heads": 32,
            "num_key_value_heads": 8,
            "head_dim": null,
            "norm_eps": 1e-5,
            "max_position_embeddings": 128_000,
            "conv_bias": false,
            "conv_L_cache": 3,
            "block_multiple_of": 256,
            "block_ffn_dim_multiplier": 1.0,
            "block_auto_adjust_ff_dim": true,
            "full_attn_idxs": null,
            "layer_types": null,
            "rope_theta": 1_000_000.0,
            "original_max_position_embeddings": null,
            "partial_rotary_factor": null,
            "rope_scaling": null,
            "rope_parameters": null,
            "tie_word_embeddings": true,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "pad_token_id": 0,
        })
    },
    aliases: &[("tie_embedding", "tie_word_embeddings"), ("block_ff_dim", "intermediate_size")],
};

const KIND: Kind = Kind {
    model_class: "Lfm2ForCausalLM",
    query_key_norms: QueryKeyNorms::Heads,
    convolutions: true,
    names: Names {
        before: ["operator_norm", "ffn_norm"],
        last: "embedding_norm",
        attention_output: "out_proj",
        query_key_norms: ["q_layernorm", "k_layernorm"],
        feed: "feed_forward",
        gated: ["w1", "w3", "w2"],
        attention_modules: ["self_attn", "self_attn.out_proj"],
        feed_modules: ["feed_forward", "feed_forward.w2"],
    },
    ..Kind::LLAMA
};
