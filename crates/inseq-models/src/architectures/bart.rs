//! BART: a denoising autoencoder, used for summaries and questions.
//!
//! Lewis et al., 2019, <https://arxiv.org/abs/1910.13461>.

use super::Architecture;
use super::encoder_decoder::{Kind, Positions, load};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "bart",
    title: "BART",
    paper: "https://arxiv.org/abs/1910.13461",
    load: |repository, loader| load(&KIND, repository, loader),
};

const KIND: Kind = Kind {
    model_class: "BartForConditionalGeneration",
    normalized_before: false,
    embedding_norm: true,
    positions: Positions::Learned,
    attention_dropout: 0.0,
    logits_bias: true,
};
