//! Qwen2 and Qwen2.5.
//!
//! Qwen Team, 2024, <https://arxiv.org/abs/2407.10671>.

use super::Architecture;
use super::gated_decoder::{Kind, Windows, load};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "qwen2",
    title: "Qwen2 (also Qwen2.5)",
    paper: "https://arxiv.org/abs/2407.10671",
    load: |repository, loader| load(&KIND, repository, loader),
};

const KIND: Kind =
    Kind { model_class: "Qwen2ForCausalLM", query_key_value_bias: true, windows: Windows::Upper, ..Kind::LLAMA };
