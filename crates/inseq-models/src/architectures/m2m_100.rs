//! M2M-100 and NLLB-200: translation between any two of more than a hundred languages.
//!
//! Fan et al., 2020, <https://arxiv.org/abs/2010.11125>; NLLB Team, 2022, <https://arxiv.org/abs/2207.04672>.

use serde_json::json;

use super::architecture::{Architecture, Layout};
use super::configuration::{Fields, with};
use super::encoder_decoder::{ALIASES, Kind, Positions, fields, load};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "m2m_100",
    title: "M2M-100 and NLLB-200",
    paper: "https://arxiv.org/abs/2010.11125",
    fields: FIELDS,
    layout: Layout::Other(|configuration, loader| load(&KIND, configuration, loader)),
};

const FIELDS: Fields = Fields {
    defaults: || {
        with(
            fields(),
            json!({
                "vocab_size": 128_112,
                "activation_function": "relu",
                "scale_embedding": true,
                "attention_dropout": 0.1,
                "decoder_start_token_id": 2,
            }),
        )
    },
    aliases: ALIASES,
};

const KIND: Kind = Kind {
    model_class: "M2M100ForConditionalGeneration",
    normalized_before: true,
    embedding_norm: false,
    positions: Positions::Fairseq,
    logits_bias: false,
};
