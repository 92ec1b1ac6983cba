//! Gemma 2.
//!
//! Gemma Team, 2024, <https://arxiv.org/abs/2408.00118>.

use serde_json::json;

use super::architecture::{Architecture, Layout};
use super::configuration::{Fields, with};
use super::gated_decoder::{Kind, NormPlaces, Windows};
use super::gemma::fields;

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "gemma2",
    title: "Gemma 2",
    paper: "https://arxiv.org/abs/2408.00118",
    fields: FIELDS,
    layout: Layout::GatedDecoder(&KIND),
};

const FIELDS: Fields = Fields {
    defaults: || {
        with(
            fields(),
            json!({
                "hidden_activation": "gelu_pytorch_tanh",
                "query_pre_attn_scalar": 256,
                "sliding_window": 4096,
                "layer_types": null,
                "final_logit_softcapping": 30.0,
                "attn_logit_softcapping": 50.0,
            }),
        )
    },
    aliases: &[],
};

const KIND: Kind = Kind {
    model_class: "Gemma2ForCausalLM",
    gain_offset: 1.0,
    scales_embeddings: true,
    norms: NormPlaces::Around,
    windows: Windows::AllBut(2),
    ..Kind::LLAMA
};
