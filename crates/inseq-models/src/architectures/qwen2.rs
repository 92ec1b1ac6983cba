//! Qwen2 and Qwen2.5.
//!
//! Qwen Team, 2024, <https://arxiv.org/abs/2407.10671>.

use serde_json::{Value, json};

use super::architecture::{Architecture, Layout};
use super::configuration::{Fields, with};
use super::gated_decoder::{self, Kind, Windows};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "qwen2",
    title: "Qwen2 (also Qwen2.5)",
    paper: "https://arxiv.org/abs/2407.10671",
    fields: FIELDS,
    layout: Layout::GatedDecoder(&KIND),
};

const FIELDS: Fields = Fields { defaults: fields, aliases: &[] };

/// The fields of Qwen2 and Qwen3, with their common defaults.
pub(super) fn fields() -> Value {
    with(
        gated_decoder::fields(),
        json!({
            "vocab_size": 151_936,
            "intermediate_size": 22_016,
            "num_key_value_heads": 32,
            "hidden_act": "silu",
            "max_position_embeddings": 32_768,
            "use_sliding_window": false,
            "sliding_window": 4096,
            "max_window_layers": 28,
            "layer_types": null,
            "bos_token_id": null,
            "eos_token_id": null,
        }),
    )
}

const KIND: Kind =
    Kind { model_class: "Qwen2ForCausalLM", query_key_value_bias: true, windows: Windows::Upper, ..Kind::LLAMA };
