//! mT5: multilingual T5.
//!
//! Xue et al., 2020, <https://arxiv.org/abs/2010.11934>.

use serde_json::json;

use super::architecture::{Architecture, Layout};
use super::configuration::{Fields, with};
use super::t5::{ALIASES, Kind, Scale, fields, load};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "mt5",
    title: "mT5",
    paper: "https://arxiv.org/abs/2010.11934",
    fields: FIELDS,
    layout: Layout::Other(|configuration, loader| {
        let kind = Kind { model_class: "MT5ForConditionalGeneration", bias_per_layer: false, scale: Scale::Never };
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
                "tie_word_embeddings": true,
                "decoder_start_token_id": 0,
            }),
        )
    },
    aliases: ALIASES,
};
