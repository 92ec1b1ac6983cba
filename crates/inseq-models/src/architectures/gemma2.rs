//! Gemma 2.
//!
//! Gemma Team, 2024, <https://arxiv.org/abs/2408.00118>.

use super::Architecture;
use super::gated_decoder::{Kind, NormPlaces, Windows, load};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "gemma2",
    title: "Gemma 2",
    paper: "https://arxiv.org/abs/2408.00118",
    load: |repository, loader| load(&KIND, repository, loader),
};

const KIND: Kind = Kind {
    model_class: "Gemma2ForCausalLM",
    tied: true,
    gemma: true,
    norms: NormPlaces::Around,
    windows: Windows::AllBut(2),
    ..Kind::LLAMA
};
