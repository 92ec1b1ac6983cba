//! mT5: T5 over many languages.
//!
//! Xue et al., 2020, <https://arxiv.org/abs/2010.11934>.

use serde_json::json;

use super::Architecture;
use super::configuration::Fields;
use super::t5::{ALIASES, Kind, Scale, load};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "mt5",
    title: "mT5",
    paper: "https://arxiv.org/abs/2010.11934",
    fields: FIELDS,
    load: |configuration, loader| {
        let kind = Kind { model_class: "MT5ForConditionalGeneration", bias_per_layer: false, scale: Scale::Never };
        load(&kind, configuration, loader)
    },
};

const FIELDS: Fields = Fields {
    defaults: || {
        json!({
            "vocab_size": 250_112,
            "d_model": 512,
            "d_kv": 64,
            "d_ff": 1024,
            "num_layers": 8,
            "num_heads": 6,
            "feed_forward_proj": "gated-gelu",
            "num_decoder_layers": null,
            "relative_attention_num_buckets": 32,
            "relative_attention_max_distance": 128,
            "dropout_rate": 0.1,
            "layer_norm_epsilon": 1e-6,
            "is_gated_act": null,
            "dense_act_fn": null,
            "tie_word_embeddings": true,
            "bos_token_id": null,
            "eos_token_id": 1,
            "pad_token_id": 0,
            "decoder_start_token_id": 0,
        })
    },
    aliases: ALIASES,
};
