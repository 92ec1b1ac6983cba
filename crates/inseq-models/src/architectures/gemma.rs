//! Gemma.
//!
//! Gemma Team, 2024, <https://arxiv.org/abs/2403.08295>.

use super::Architecture;
use super::gated_decoder::{Kind, load};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "gemma",
    title: "Gemma",
    paper: "https://arxiv.org/abs/2403.08295",
    load: |repository, loader| load(&KIND, repository, loader),
};

const KIND: Kind = Kind { model_class: "GemmaForCausalLM", tied: true, gemma: true, ..Kind::LLAMA };
