//! BART: a denoising autoencoder, used for summarization and question answering.
//!
//! Lewis et al., 2019, <https://arxiv.org/abs/1910.13461>.

use serde_json::json;

use super::architecture::{Architecture, Layout};
use super::configuration::{Fields, with};
use super::encoder_decoder::{ALIASES, Kind, Positions, fields, load};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "bart",
    title: "BART",
    paper: "https://arxiv.org/abs/1910.13461",
    fields: FIELDS,
    layout: Layout::Other(|configuration, loader| load(&KIND, configuration, loader)),
};

const FIELDS: Fields = Fields {
    defaults: || {
        with(
            fields(),
            json!({
                "decoder_start_token_id": 2,
            }),
        )
    },
    aliases: ALIASES,
};

const KIND: Kind = Kind {
    model_class: "BartForConditionalGeneration",
    normalized_before: false,
    embedding_norm: true,
    positions: Positions::Learned,
    logits_bias: true,
};
