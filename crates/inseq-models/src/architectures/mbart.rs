//! mBART: BART over many languages.
//!
//! Liu et al., 2020, <https://arxiv.org/abs/2001.08210>; mBART-50: Tang et al., 2020, <https://arxiv.org/abs/2008.00401>.

use serde_json::json;

use super::Architecture;
use super::configuration::Fields;
use super::encoder_decoder::{ALIASES, Kind, Positions, load};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "mbart",
    title: "mBART (also mBART-50)",
    paper: "https://arxiv.org/abs/2001.08210",
    fields: FIELDS,
    load: |configuration, loader| load(&KIND, configuration, loader),
};

const FIELDS: Fields = Fields {
    defaults: || {
        json!({
            "vocab_size": 50_265,
            "max_position_embeddings": 1024,
            "encoder_layers": 12,
            "encoder_ffn_dim": 4096,
            "encoder_attention_heads": 16,
            "decoder_layers": 12,
            "decoder_ffn_dim": 4096,
            "decoder_attention_heads": 16,
            "activation_function": "gelu",
            "d_model": 1024,
            "scale_embedding": false,
            "dropout": 0.1,
            "attention_dropout": 0.0,
            "activation_dropout": 0.0,
            "tie_word_embeddings": true,
            "bos_token_id": 0,
            "eos_token_id": 2,
            "pad_token_id": 1,
            "decoder_start_token_id": null,
        })
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
