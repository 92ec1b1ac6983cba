//! Qwen3.
//!
//! Qwen Team, 2025, <https://arxiv.org/abs/2505.09388>.

use super::Architecture;
use super::gated_decoder::{Kind, QueryKeyNorms, Windows, load};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "qwen3",
    title: "Qwen3",
    paper: "https://arxiv.org/abs/2505.09388",
    load: |repository, loader| load(&KIND, repository, loader),
};

const KIND: Kind = Kind {
    model_class: "Qwen3ForCausalLM",
    query_key_norms: QueryKeyNorms::Heads,
    windows: Windows::Upper,
    ..Kind::LLAMA
};
