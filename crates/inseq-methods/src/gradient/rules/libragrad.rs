//! Balanced gradients.
//!
//! Known to fail: it was measured on vision transformers only. As with CP-LRP, no relevance passes the attention weights.

use inseq_core::{About, Argument};
use inseq_models::layers::Propagation;
use serde::{Deserialize, Serialize};

use super::{MULTIPLY_BY_INPUTS, RETURN_CONVERGENCE_DELTA, RuleBaseline, RuleScores, RuleSet};
use crate::method::{MethodInfo, from_arguments};

/// Its arguments, in the order of the fields.
const ARGUMENTS: &[Argument] = &[
    Argument::new(
        "gated",
        "both",
        "Sides of a gated product that get cotangents: both (half each) or up (the gated values).",
    ),
    MULTIPLY_BY_INPUTS,
    RuleBaseline::argument("zero"),
    RETURN_CONVERGENCE_DELTA,
];

/// The entry of the registry.
pub(crate) fn info() -> MethodInfo {
    MethodInfo {
        about: About {
            name: LibraGrad::NAME,
            description: "How much does each feature contribute if gradients are pruned and scaled until they balance?",
            details: "The embedding times a modified gradient. Norm deviations and attention weights are constants, an activation passes f(x) / x, and a gated \
                      product gives each side half of the cotangent, or the gated values all of it. The scores of a logit sum to the logit of a model \
                      without biases. Tokens that only decide where a head looks get no score. Scores are signed. Use it with `attributed_fn` logit or \
                      contrast_logits_diff.",
            arguments: ARGUMENTS,
        },
        cost: "1 forward, 1 pullback per step",
        citation: "Mehri et al. (2025), LibraGrad: Balancing Gradient Flow for Universally Better Vision Transformer Attributions, \
                   https://arxiv.org/abs/2411.16760",
        make: from_arguments::<LibraGrad>(LibraGrad::NAME),
    }
}

/// How much does each feature contribute if gradients are pruned and scaled until they balance?
///
/// `(x - b) · g`, with `g` the cotangent of the embedding `x` by the rules below, and `b` the embedding of the baseline. Granular
/// scores `[input, step, feature]`, signed. Cost: one forward and one pullback per step.
///
/// | operation | rule |
/// |---|---|
/// | norm | constant deviation |
/// | softmax | constant weights |
/// | cotangents of values | 1 |
/// | activation | `f(x) / x` |
/// | gate, gated values | 1/2, 1/2, or 0, 1 |
///
/// Mehri et al., 2025, <https://arxiv.org/abs/2411.16760>.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LibraGrad {
    /// Sides of a gated product that get cotangents.
    pub gated: GatedSide,
    /// Whether cotangents are multiplied by the embeddings, minus those of the baseline.
    pub multiply_by_inputs: bool,
    /// The baseline.
    pub baseline: RuleBaseline,
    /// Whether the step score `deltas` gives the sum of the scores minus the attributed function.
    pub return_convergence_delta: bool,
}

impl Default for LibraGrad {
    fn default() -> Self {
        Self {
            gated: GatedSide::Both,
            multiply_by_inputs: true,
            baseline: RuleBaseline::Zero,
            return_convergence_delta: false,
        }
    }
}

/// Sides of a gated product that get cotangents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum GatedSide {
    /// Half each.
    #[default]
    Both,
    /// The gated values, all of it.
    Up,
}

impl RuleSet for LibraGrad {
    const NAME: &'static str = "libragrad";

    fn rules(&self) -> Propagation {
        match self.gated {
            GatedSide::Both => Propagation { gate: 0.5, up: 0.5, ..Propagation::CONSERVATIVE },
            GatedSide::Up => Propagation::CONSERVATIVE,
        }
    }

    fn scores(&self) -> RuleScores {
        let Self { multiply_by_inputs, baseline, return_convergence_delta, .. } = *self;
        RuleScores { multiply_by_inputs, baseline, return_convergence_delta }
    }
}
