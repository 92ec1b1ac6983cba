//! mT5: T5 over many languages.
//!
//! Xue et al., 2020, <https://arxiv.org/abs/2010.11934>.

use super::Architecture;
use super::t5::{Kind, load};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "mt5",
    title: "mT5",
    paper: "https://arxiv.org/abs/2010.11934",
    load: |repository, loader| {
        let kind = Kind { model_class: "MT5ForConditionalGeneration", bias_per_layer: false, scales_output: false };
        load(&kind, repository, loader)
    },
};
