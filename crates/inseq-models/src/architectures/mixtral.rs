//! Mixtral: Mistral with a mixture of experts.
//!
//! Jiang et al., 2024, <https://arxiv.org/abs/2401.04088>.

use serde_json::json;

use super::architecture::{Architecture, Layout};
use super::configuration::{Fields, with};
use super::gated_decoder::{FeedKind, Kind, Names, Windows, fields};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "mixtral",
    title: "Mixtral",
    paper: "https://arxiv.org/abs/2401.04088",
    fields: FIELDS,
    layout: Layout::GatedDecoder(&KIND),
};

const FIELDS: Fields = Fields {
    defaults: || {
        with(
            fields(),
            json!({
                "intermediate_size": 14_336,
                "num_key_value_heads": 8,
                "hidden_act": "silu",
                "rms_norm_eps": 1e-5,
                "max_position_embeddings": 131_072,
                "sliding_window": null,
                "num_experts_per_tok": 2,
                "num_local_experts": 8,
                "router_jitter_noise": 0.0,
                "rope_theta": 1_000_000.0,
            }),
        )
    },
    aliases: &[("num_experts", "num_local_experts")],
};

const KIND: Kind = Kind {
    model_class: "MixtralForCausalLM",
    feed: FeedKind::Experts,
    windows: Windows::All,
    // As transformers called the experts before 5.
    names: Names { feed_modules: ["mlp", "block_sparse_moe"], ..Names::LLAMA },
    ..Kind::LLAMA
};
