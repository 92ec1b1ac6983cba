//! Marian: the translation models of Helsinki-NLP (opus-mt).
//!
//! Junczys-Dowmunt et al., 2018, <https://arxiv.org/abs/1804.00344>.

use super::Architecture;
use super::encoder_decoder::{Kind, Positions, load};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "marian",
    title: "Marian (opus-mt)",
    paper: "https://arxiv.org/abs/1804.00344",
    load: |repository, loader| load(&KIND, repository, loader),
};

const KIND: Kind = Kind {
    model_class: "MarianMTModel",
    normalized_before: false,
    embedding_norm: false,
    positions: Positions::Sinusoidal,
    attention_dropout: 0.0,
    logits_bias: true,
};
