//! Mistral.
//!
//! Jiang et al., 2023, <https://arxiv.org/abs/2310.06825>.

use super::Architecture;
use super::gated_decoder::{Kind, Windows, load};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "mistral",
    title: "Mistral",
    paper: "https://arxiv.org/abs/2310.06825",
    load: |repository, loader| load(&KIND, repository, loader),
};

const KIND: Kind = Kind { model_class: "MistralForCausalLM", windows: Windows::All, ..Kind::LLAMA };
