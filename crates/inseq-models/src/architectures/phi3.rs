//! Phi-3.
//!
//! Abdin et al., 2024, <https://arxiv.org/abs/2404.14219>.

use serde_json::json;

use super::architecture::{Architecture, Layout};
use super::configuration::{Fields, with};
use super::gated_decoder::{FeedKind, Kind, Windows, fields};
use super::rope::RopeFamily;

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "phi3",
    title: "Phi-3",
    paper: "https://arxiv.org/abs/2404.14219",
    fields: FIELDS,
    layout: Layout::GatedDecoder(&KIND),
};

const FIELDS: Fields = Fields {
    defaults: || {
        with(
            fields(),
            json!({
                "vocab_size": 32_064,
                "hidden_size": 3072,
                "intermediate_size": 8192,
                "hidden_act": "silu",
                "rms_norm_eps": 1e-5,
                "max_position_embeddings": 4096,
                "original_max_position_embeddings": 4096,
                "sliding_window": null,
                "resid_pdrop": 0.0,
                "partial_rotary_factor": 1.0,
                "eos_token_id": 32_000,
                "pad_token_id": 32_000,
            }),
        )
    },
    aliases: &[],
};

const KIND: Kind = Kind {
    model_class: "Phi3ForCausalLM",
    joined_query_key_value: true,
    feed: FeedKind::Joined,
    windows: Windows::All,
    rope: RopeFamily::Phi3,
    ..Kind::LLAMA
};
