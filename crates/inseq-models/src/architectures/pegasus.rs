//! Pegasus: summaries.
//!
//! Zhang et al., 2019, <https://arxiv.org/abs/1912.08777>.

use super::Architecture;
use super::encoder_decoder::{Kind, Positions, load};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "pegasus",
    title: "Pegasus",
    paper: "https://arxiv.org/abs/1912.08777",
    load: |repository, loader| load(&KIND, repository, loader),
};

const KIND: Kind = Kind {
    model_class: "PegasusForConditionalGeneration",
    normalized_before: true,
    embedding_norm: false,
    positions: Positions::Sinusoidal,
    attention_dropout: 0.0,
    logits_bias: true,
};
