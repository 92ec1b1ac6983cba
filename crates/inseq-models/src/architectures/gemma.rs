//! Gemma.
//!
//! Gemma Team, 2024, <https://arxiv.org/abs/2403.08295>.

use serde_json::{Value, json};

use super::architecture::{Architecture, Layout};
use super::configuration::{Fields, with};
use super::gated_decoder::{self, Kind};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "gemma",
    title: "Gemma",
    paper: "https://arxiv.org/abs/2403.08295",
    fields: FIELDS,
    layout: Layout::GatedDecoder(&KIND),
};

const FIELDS: Fields = Fields {
    defaults: || {
        with(
            fields(),
            json!({
                "hidden_size": 3072,
                "intermediate_size": 24_576,
                "num_hidden_layers": 28,
                "num_attention_heads": 16,
                "num_key_value_heads": 16,
                "hidden_act": "gelu_pytorch_tanh",
            }),
        )
    },
    aliases: &[],
};

/// The fields of the models of this family, with Gemma 2's defaults.
pub(super) fn fields() -> Value {
    with(
        gated_decoder::fields(),
        json!({
            "vocab_size": 256_000,
            "hidden_size": 2304,
            "intermediate_size": 9216,
            "num_hidden_layers": 26,
            "num_attention_heads": 8,
            "num_key_value_heads": 4,
            "head_dim": 256,
            "max_position_embeddings": 8192,
            "attention_bias": false,
            "use_bidirectional_attention": null,
            "tie_word_embeddings": true,
            "bos_token_id": 2,
            "eos_token_id": 1,
            "pad_token_id": 0,
        }),
    )
}

const KIND: Kind = Kind {
    model_class: "GemmaForCausalLM",
    gain_offset: 1.0,
    scales_embeddings: true,
    approximates_gelu: true,
    ..Kind::LLAMA
};
