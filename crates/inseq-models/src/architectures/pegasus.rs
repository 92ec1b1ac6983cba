//! Pegasus: summarization.
//!
//! Zhang et al., 2019, <https://arxiv.org/abs/1912.08777>.

use serde_json::json;

use super::architecture::{Architecture, Layout};
use super::configuration::{Fields, with};
use super::encoder_decoder::{ALIASES, Kind, Positions, fields, load};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "pegasus",
    title: "Pegasus",
    paper: "https://arxiv.org/abs/1912.08777",
    fields: FIELDS,
    layout: Layout::Other(|configuration, loader| load(&KIND, configuration, loader)),
};

const FIELDS: Fields = Fields {
    defaults: || {
        with(
            fields(),
            json!({
                "bos_token_id": null,
                "eos_token_id": 1,
                "pad_token_id": 0,
                "decoder_start_token_id": 0,
            }),
        )
    },
    aliases: ALIASES,
};

const KIND: Kind = Kind {
    model_class: "PegasusForConditionalGeneration",
    normalized_before: true,
    embedding_norm: false,
    positions: Positions::Sinusoidal,
    logits_bias: true,
};
