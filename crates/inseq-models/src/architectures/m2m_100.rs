//! M2M-100 and NLLB-200: translation between any two of a hundred and more languages.
//!
//! Fan et al., 2020, <https://arxiv.org/abs/2010.11125>; NLLB Team, 2022, <https://arxiv.org/abs/2207.04672>.

use super::Architecture;
use super::encoder_decoder::{Kind, Positions, load};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "m2m_100",
    title: "M2M-100 and NLLB-200",
    paper: "https://arxiv.org/abs/2010.11125",
    load: |repository, loader| load(&KIND, repository, loader),
};

const KIND: Kind = Kind {
    model_class: "M2M100ForConditionalGeneration",
    normalized_before: true,
    embedding_norm: false,
    positions: Positions::Fairseq,
    attention_dropout: 0.1,
    logits_bias: false,
};
