//! Relevance patching.
//!
//! Known to fail: as with CP-LRP, no relevance passes the attention weights, so tokens that only decide where a head looks get none.
//! The scores approximate what patching would change; they are exact only for changes along which the rules are linear.

use inseq_core::{About, Argument};
use inseq_models::layers::Propagation;
use serde::{Deserialize, Serialize};

use super::{MULTIPLY_BY_INPUTS, RETURN_CONVERGENCE_DELTA, RuleBaseline, RuleScores, RuleSet};
use crate::method::{MethodInfo, from_arguments};

/// Its arguments, in the order of the fields.
const ARGUMENTS: &[Argument] = &[MULTIPLY_BY_INPUTS, RuleBaseline::argument("unknown"), RETURN_CONVERGENCE_DELTA];

/// The entry of the registry.
pub(crate) fn info() -> MethodInfo {
    MethodInfo {
        about: About {
            name: RelP::NAME,
            description: "How much would the score change if each token were patched with its baseline, by the rules of relevance?",
            details: "The difference of the embedding to that of the baseline, times a modified gradient: an approximation of activation patching. Norm \
                      deviations and attention weights are constants, an activation passes f(x) / x, and each side of a gated product gets half of the \
                      cotangent. Tokens that only decide where a head looks get no score. Scores are signed. Use it with `attributed_fn` logit or \
                      contrast_logits_diff.",
            arguments: ARGUMENTS,
        },
        cost: "1 forward, 1 pullback per step",
        citation: "Rezaei Jafari et al. (2025), RelP: Faithful and Efficient Circuit Discovery via Relevance Patching, https://arxiv.org/abs/2508.21258",
        make: from_arguments::<RelP>(RelP::NAME),
    }
}

/// How much would the score change if each token were patched with its baseline, by the rules of relevance?
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
/// | gate, gated values | 1/2, 1/2 |
///
/// Rezaei Jafari et al., 2025, <https://arxiv.org/abs/2508.21258>.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RelP {
    /// Whether cotangents are multiplied by the embeddings, minus those of the baseline.
    pub multiply_by_inputs: bool,
    /// The baseline.
    pub baseline: RuleBaseline,
    /// Whether the step score `deltas` gives the sum of the scores minus the attributed function.
    pub return_convergence_delta: bool,
}

impl Default for RelP {
    fn default() -> Self {
        Self { multiply_by_inputs: true, baseline: RuleBaseline::Unknown, return_convergence_delta: false }
    }
}

impl RuleSet for RelP {
    const NAME: &'static str = "relp";

    fn rules(&self) -> Propagation {
        Propagation { gate: 0.5, up: 0.5, ..Propagation::CONSERVATIVE }
    }

    fn scores(&self) -> RuleScores {
        let Self { multiply_by_inputs, baseline, return_convergence_delta, .. } = *self;
        RuleScores { multiply_by_inputs, baseline, return_convergence_delta }
    }
}
