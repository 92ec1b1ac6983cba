//! Llama.
//!
//! Touvron et al., 2023, <https://arxiv.org/abs/2302.13971>; Llama Team, 2024, <https://arxiv.org/abs/2407.21783>.

use serde_json::json;

use super::architecture::{Architecture, Layout};
use super::configuration::Fields;
use super::gated_decoder::{Kind, llama_fields};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "llama",
    title: "Llama 1 to 3 (also TinyLlama, SmolLM, Vicuna)",
    paper: "https://arxiv.org/abs/2407.21783",
    fields: FIELDS,
    layout: Layout::GatedDecoder(&KIND),
};

const FIELDS: Fields = Fields { defaults: || llama_fields(json!({})), aliases: &[] };

const KIND: Kind = Kind::LLAMA;
