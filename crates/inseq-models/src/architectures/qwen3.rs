//! Qwen3.
//!
//! Qwen Team, 2025, <https://arxiv.org/abs/2505.09388>.

use serde_json::json;

use super::architecture::{Architecture, Layout};
use super::configuration::{Fields, with};
use super::gated_decoder::{Kind, QueryKeyNorms, Windows};
use super::qwen2::fields;

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "qwen3",
    title: "Qwen3",
    paper: "https://arxiv.org/abs/2505.09388",
    fields: FIELDS,
    layout: Layout::GatedDecoder(&KIND),
};

const FIELDS: Fields = Fields {
    defaults: || {
        with(
            fields(),
            json!({
                "head_dim": 128,
                "attention_bias": false,
            }),
        )
    },
    aliases: &[],
};

const KIND: Kind = Kind {
    model_class: "Qwen3ForCausalLM",
    query_key_norms: QueryKeyNorms::Heads,
    windows: Windows::Upper,
    ..Kind::LLAMA
};
