//! Mistral.
//!
//! Jiang et al., 2023, <https://arxiv.org/abs/2310.06825>.

use serde_json::json;

use super::architecture::{Architecture, Layout};
use super::configuration::{Fields, with};
use super::gated_decoder::{Kind, Windows, fields};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "mistral",
    title: "Mistral",
    paper: "https://arxiv.org/abs/2310.06825",
    fields: FIELDS,
    layout: Layout::GatedDecoder(&KIND),
};

const FIELDS: Fields = Fields {
    defaults: || {
        with(
            fields(),
            json!({
                "intermediate_size": 14_336,
                "num_key_value_heads": 8,
                "hidden_act": "silu",
                "max_position_embeddings": 131_072,
                "sliding_window": 4096,
            }),
        )
    },
    aliases: &[],
};

const KIND: Kind = Kind { model_class: "MistralForCausalLM", windows: Windows::All, ..Kind::LLAMA };
