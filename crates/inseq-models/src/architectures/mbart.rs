//! mBART: multilingual BART.
//!
//! Liu et al., 2020, <https://arxiv.org/abs/2001.08210>; mBART-50: Tang et al., 2020, <https://arxiv.org/abs/2008.00401>.

use serde_json::json;

use super::architecture::{Architecture, Layout};
use super::configuration::{Fields, with};
use super::encoder_decoder::{ALIASES, Kind, Positions, fields, load};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "mbart",
    title: "mBART (also mBART-50)",
    paper: "https://arxiv.org/abs/2001.08210",
    fields: FIELDS,
    layout: Layout::Other(|configuration, loader| load(&KIND, configuration, loader)),
};

const FIELDS: Fields = Fields {
    defaults: || {
        with(
            fields(),
            json!({
                "decoder_start_token_id": null,
            }),
        )
    },
    aliases: ALIASES,
};

const KIND: Kind = Kind {
    model_class: "MBartForConditionalGeneration",
    normalized_before: true,
    embedding_norm: true,
    positions: Positions::Learned,
    logits_bias: true,
};
