//! Phi-3.
//!
//! Abdin et al., 2024, <https://arxiv.org/abs/2404.14219>.

use super::Architecture;
use super::gated_decoder::{Kind, Windows, load};
use super::rope::RopeFamily;

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "phi3",
    title: "Phi-3",
    paper: "https://arxiv.org/abs/2404.14219",
    load: |repository, loader| load(&KIND, repository, loader),
};

const KIND: Kind =
    Kind { model_class: "Phi3ForCausalLM", fused: true, windows: Windows::All, rope: RopeFamily::Phi3, ..Kind::LLAMA };
