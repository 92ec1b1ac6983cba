//! UMT5: T5 over many languages, evenly sampled.
//!
//! Chung et al., 2023, <https://openreview.net/forum?id=kXwdL1cWOAi>.

use super::Architecture;
use super::t5::{Kind, load};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "umt5",
    title: "UMT5",
    paper: "https://openreview.net/forum?id=kXwdL1cWOAi",
    load: |repository, loader| {
        let kind = Kind { model_class: "UMT5ForConditionalGeneration", bias_per_layer: true, scales_output: true };
        load(&kind, repository, loader)
    },
};
