//! OLMo 2.
//!
//! Team OLMo, 2024, <https://arxiv.org/abs/2501.00656>.

use super::Architecture;
use super::gated_decoder::{Kind, NormPlaces, QueryKeyNorms, load};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "olmo2",
    title: "OLMo 2",
    paper: "https://arxiv.org/abs/2501.00656",
    load: |repository, loader| load(&KIND, repository, loader),
};

const KIND: Kind = Kind {
    model_class: "Olmo2ForCausalLM",
    norms: NormPlaces::Behind,
    query_key_norms: QueryKeyNorms::Whole,
    ..Kind::LLAMA
};
