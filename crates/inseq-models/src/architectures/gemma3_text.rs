//! Gemma 3, the models of text alone.
//!
//! Gemma Team, 2025, <https://arxiv.org/abs/2503.19786>.

use super::Architecture;
use super::gated_decoder::{Kind, NormPlaces, QueryKeyNorms, Windows, load};
use super::rope::RopeFamily;

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "gemma3_text",
    title: "Gemma 3 (text)",
    paper: "https://arxiv.org/abs/2503.19786",
    load: |repository, loader| load(&KIND, repository, loader),
};

const KIND: Kind = Kind {
    model_class: "Gemma3ForCausalLM",
    tied: true,
    gemma: true,
    norms: NormPlaces::Around,
    query_key_norms: QueryKeyNorms::Heads,
    windows: Windows::AllBut(6),
    rope: RopeFamily::Gemma3,
    theta: 1_000_000.0,
    ..Kind::LLAMA
};
