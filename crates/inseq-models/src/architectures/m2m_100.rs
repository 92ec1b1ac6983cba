//! M2M-100 and NLLB-200: translation between any two of a hundred and more languages.
//!
//! Fan et al., 2020, <https://arxiv.org/abs/2010.11125>; NLLB Team, 2022, <https://arxiv.org/abs/2207.04672>.

use serde_json::json;

use super::Architecture;
use super::configuration::Fields;
use super::encoder_decoder::{ALIASES, Kind, Positions, load};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "m2m_100",
    title: "M2M-100 and NLLB-200",
    paper: "https://arxiv.org/abs/2010.11125",
    fields: FIELDS,
    load: |configuration, loader| load(&KIND, configuration, loader),
};

const FIELDS: Fields = Fields {
    defaults: || {
        json!({
            "vocab_size": 128_112,
            "max_position_embeddings": 1024,
            "encoder_layers": 12,
            "encoder_ffn_dim": 4096,
            "encoder_attention_heads": 16,
            "decoder_layers": 12,
            "decoder_ffn_dim": 4096,
            "decoder_attention_heads": 16,
            "activation_function": "relu",
            "d_model": 1024,
            "scale_embedding": true,
            "dropout": 0.1,
            "attention_dropout": 0.1,
            "activation_dropout": 0.0,
            "tie_word_embeddings": true,
            "bos_token_id": 0,
            "eos_token_id": 2,
            "pad_token_id": 1,
            "decoder_start_token_id": 2,
        })
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
