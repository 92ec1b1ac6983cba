//! mBART: BART over many languages.
//!
//! Liu et al., 2020, <https://arxiv.org/abs/2001.08210>; mBART-50: Tang et al., 2020, <https://arxiv.org/abs/2008.00401>.

use super::Architecture;
use super::encoder_decoder::{Kind, Positions, load};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "mbart",
    title: "mBART (also mBART-50)",
    paper: "https://arxiv.org/abs/2001.08210",
    load: |repository, loader| load(&KIND, repository, loader),
};

const KIND: Kind = Kind {
    model_class: "MBartForConditionalGeneration",
    normalized_before: true,
    embedding_norm: true,
    positions: Positions::Learned,
    attention_dropout: 0.0,
    logits_bias: true,
};
