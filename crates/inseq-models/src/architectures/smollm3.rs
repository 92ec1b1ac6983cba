//! SmolLM3.
//!
//! Bakouch et al., 2025, <https://huggingface.co/blog/smollm3>; layers without positions: Yang et al., 2025,
//! <https://arxiv.org/abs/2501.18795>.

use super::Architecture;
use super::gated_decoder::{Kind, Windows, load};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "smollm3",
    title: "SmolLM3",
    paper: "https://huggingface.co/blog/smollm3",
    load: |repository, loader| load(&KIND, repository, loader),
};

const KIND: Kind = Kind {
    model_class: "SmolLM3ForCausalLM",
    tied: true,
    windows: Windows::Unrotated,
    unrotated: Some(4),
    theta: 2_000_000.0,
    ..Kind::LLAMA
};
