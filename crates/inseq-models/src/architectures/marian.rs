//! Marian: the translation models of Helsinki-NLP (opus-mt).
//!
//! Junczys-Dowmunt et al., 2018, <https://arxiv.org/abs/1804.00344>.

use serde_json::json;

use super::architecture::{Architecture, Layout};
use super::configuration::{Fields, with};
use super::encoder_decoder::{ALIASES, Kind, Positions, fields, load};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "marian",
    title: "Marian (opus-mt)",
    paper: "https://arxiv.org/abs/1804.00344",
    fields: FIELDS,
    layout: Layout::Other(|configuration, loader| load(&KIND, configuration, loader)),
};

const FIELDS: Fields = Fields {
    defaults: || {
        with(
            fields(),
            json!({
                "vocab_size": 58_101,
                "decoder_vocab_size": null,
                "share_encoder_decoder_embeddings": true,
                "bos_token_id": null,
                "eos_token_id": 0,
                "pad_token_id": 58_100,
                "decoder_start_token_id": 58_100,
            }),
        )
    },
    aliases: ALIASES,
};

const KIND: Kind = Kind {
    model_class: "MarianMTModel",
    normalized_before: false,
    embedding_norm: false,
    positions: Positions::Sinusoidal,
    logits_bias: true,
};
