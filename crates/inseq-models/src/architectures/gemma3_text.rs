//! Gemma 3, text only.
//!
//! Gemma Team, 2025, <https://arxiv.org/abs/2503.19786>.

use serde_json::json;

use super::architecture::{Architecture, Layout};
use super::configuration::{Fields, with};
use super::gated_decoder::{Kind, NormPlaces, QueryKeyNorms, Windows};
use super::gemma::fields;
use super::rope::RopeFamily;

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "gemma3_text",
    title: "Gemma 3 (text)",
    paper: "https://arxiv.org/abs/2503.19786",
    fields: FIELDS,
    layout: Layout::GatedDecoder(&KIND),
};

const FIELDS: Fields = Fields {
    defaults: || {
        with(
            fields(),
            json!({
                "vocab_size": 262_208,
                "hidden_activation": "gelu_pytorch_tanh",
                "max_position_embeddings": 131_072,
                "query_pre_attn_scalar": 256,
                "sliding_window": 4096,
                "sliding_window_pattern": 6,
                "layer_types": null,
                "final_logit_softcapping": null,
                "use_bidirectional_attention": false,
                "rope_theta": 1_000_000.0,
                "rope_local_base_freq": 10_000.0,
            }),
        )
    },
    aliases: &[],
};

const KIND: Kind = Kind {
    model_class: "Gemma3ForCausalLM",
    gain_offset: 1.0,
    scales_embeddings: true,
    norms: NormPlaces::Around,
    query_key_norms: QueryKeyNorms::Heads,
    windows: Windows::AllBut(6),
    rope: RopeFamily::Gemma3,
    ..Kind::LLAMA
};
