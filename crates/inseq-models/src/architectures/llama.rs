//! Llama.
//!
//! Touvron et al., 2023, <https://arxiv.org/abs/2302.13971>; Llama Team, 2024, <https://arxiv.org/abs/2407.21783>.

use super::Architecture;
use super::gated_decoder::{Kind, load};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "llama",
    title: "Llama 1 to 3 (also TinyLlama, SmolLM, Vicuna)",
    paper: "https://arxiv.org/abs/2407.21783",
    load: |repository, loader| load(&KIND, repository, loader),
};

const KIND: Kind = Kind::LLAMA;
