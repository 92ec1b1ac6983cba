//! UMT5: multilingual T5 with uniform sampling of languages.
//!
//! Chung et al., 2023, <https://openreview.net/forum?id=kXwdL1cWOAi>.

use serde_json::json;

use super::architecture::{Architecture, Layout};
use super::configuration::{Fields, with};
use super::t5::{ALIASES, Kind, Scale, fields, load};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "umt5",
    title: "UMT5",
    paper: "https://openreview.net/forum?id=kXwdL1cWOAi",
    fields: FIELDS,
    layout: Layout::Other(|configuration, loader| {
        let kind = Kind { model_class: "UMT5ForConditionalGeneration", bias_per_layer: true, scale: Scale::TiedInFact };
        load(&kind, configuration, loader)
    }),
};

const FIELDS: Fields = Fields {
    defaults: || {
        with(
            fields(),
            json!({
                "vocab_size": 250_112,
                "d_ff": 1024,
                "num_layers": 8,
                "num_heads": 6,
                "feed_forward_proj": "gated-gelu",
                "decoder_start_token_id": 0,
            }),
        )
    },
    aliases: ALIASES,
};
