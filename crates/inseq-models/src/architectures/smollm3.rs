//! SmolLM3.
//!
//! Bakouch et al., 2025, <https://huggingface.co/blog/smollm3>; layers without positions: Yang et al., 2025,
//! <https://arxiv.org/abs/2501.18795>.

use serde_json::json;

use super::architecture::{Architecture, Layout};
use super::configuration::{Fields, with};
use super::gated_decoder::{Kind, Windows, fields};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "smollm3",
    title: "SmolLM3",
    paper: "https://huggingface.co/blog/smollm3",
    fields: FIELDS,
    layout: Layout::GatedDecoder(&KIND),
};

const FIELDS: Fields = Fields {
    defaults: || {
        with(
            fields(),
            json!({
                "vocab_size": 128_256,
                "hidden_size": 2048,
                "num_hidden_layers": 36,
                "num_attention_heads": 16,
                "num_key_value_heads": 4,
                "hidden_act": "silu",
                "max_position_embeddings": 32_768,
                "attention_bias": false,
                "mlp_bias": false,
                "use_sliding_window": false,
                "sliding_window": null,
                "layer_types": null,
                "no_rope_layers": null,
                "no_rope_layer_interval": 4,
                "rope_theta": 2_000_000.0,
                "tie_word_embeddings": true,
                "bos_token_id": 128_000,
                "eos_token_id": 128_001,
                "pad_token_id": 128_004,
            }),
        )
    },
    aliases: &[],
};

const KIND: Kind = Kind { model_class: "SmolLM3ForCausalLM", windows: Windows::Unrotated, ..Kind::LLAMA };
