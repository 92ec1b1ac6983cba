//! OLMo 2.
//!
//! Team OLMo, 2024, <https://arxiv.org/abs/2501.00656>.

use serde_json::json;

use super::architecture::{Architecture, Layout};
use super::configuration::{Fields, with};
use super::gated_decoder::{Kind, NormPlaces, QueryKeyNorms, fields};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "olmo2",
    title: "OLMo 2",
    paper: "https://arxiv.org/abs/2501.00656",
    fields: FIELDS,
    layout: Layout::GatedDecoder(&KIND),
};

const FIELDS: Fields = Fields {
    defaults: || {
        with(
            fields(),
            json!({
                "vocab_size": 50_304,
                "hidden_act": "silu",
                "rms_norm_eps": 1e-5,
                "attention_bias": false,
                "bos_token_id": null,
                "eos_token_id": 50_279,
                "pad_token_id": 1,
            }),
        )
    },
    aliases: &[],
};

const KIND: Kind = Kind {
    model_class: "Olmo2ForCausalLM",
    norms: NormPlaces::Behind,
    query_key_norms: QueryKeyNorms::Whole,
    ..Kind::LLAMA
};
