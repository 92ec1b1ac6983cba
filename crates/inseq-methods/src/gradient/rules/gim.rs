//! Gradient interaction modifications.
//!
//! Known to fail: scores do not sum to the score of the text, so their size has no unit. The temperature spreads attention over tokens
//! with small weights, which receive scores even if the model hardly reads them.

use inseq_core::{About, Argument};
use inseq_models::layers::{Propagation, Softmax, Statistics};
use serde::{Deserialize, Serialize};

use super::{MULTIPLY_BY_INPUTS, RETURN_CONVERGENCE_DELTA, RuleBaseline, RuleScores, RuleSet};
use crate::method::{MethodInfo, from_arguments};

/// Its arguments, in the order of the fields.
const ARGUMENTS: &[Argument] = &[MULTIPLY_BY_INPUTS, RuleBaseline::argument("space"), RETURN_CONVERGENCE_DELTA];

/// The entry of the registry.
pub(crate) fn info() -> MethodInfo {
    MethodInfo {
        about: About {
            name: Gim::NAME,
            description: "How much does each feature contribute if heads and gates cannot hide each other's effects?",
            details: "The difference of the embedding to that of a space, times a modified gradient. Norm deviations are constants. The softmax of attention has \
                      the Jacobian of a softmax at temperature 2, so keys with small weights count although other keys already fill the head. The \
                      cotangents of queries and keys are multiplied by 1/4, and those of values, gates and gated values by 1/2. Scores are signed and do \
                      not sum to the score. Use it with `attributed_fn` logit or contrast_logits_diff.",
            arguments: ARGUMENTS,
        },
        cost: "1 forward, 1 pullback per step",
        citation: "Edin et al. (2025), GIM: Improved Interpretability for Large Language Models, https://arxiv.org/abs/2505.17630",
        make: from_arguments::<Gim>(Gim::NAME),
    }
}

/// How much does each feature contribute if heads and gates cannot hide each other's effects?
///
/// `(x - b) · g`, with `g` the cotangent of the embedding `x` by the rules below, and `b` the embedding of the baseline. Granular
/// scores `[input, step, feature]`, signed. Cost: one forward and one pullback per step.
///
/// | operation | rule |
/// |---|---|
/// | norm | constant deviation |
/// | softmax of attention | Jacobian at temperature 2, without the factor 1/2 |
/// | cotangents of queries, keys | 1/4 |
/// | cotangents of values | 1/2 |
/// | activation | derivative |
/// | gate, gated values | 1/2, 1/2 |
///
/// Edin et al., 2025, <https://arxiv.org/abs/2505.17630>.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Gim {
    /// Whether cotangents are multiplied by the embeddings, minus those of the baseline.
    pub multiply_by_inputs: bool,
    /// The baseline.
    pub baseline: RuleBaseline,
    /// Whether the step score `deltas` gives the sum of the scores minus the attributed function.
    pub return_convergence_delta: bool,
}

impl Default for Gim {
    fn default() -> Self {
        Self { multiply_by_inputs: true, baseline: RuleBaseline::Space, return_convergence_delta: false }
    }
}

impl RuleSet for Gim {
    const NAME: &'static str = "gim";

    fn rules(&self) -> Propagation {
        Propagation {
            norm: Statistics::Constant,
            softmax: Softmax::Temperature(2.0),
            queries: 0.25,
            keys: 0.25,
            values: 0.5,
            gate: 0.5,
            up: 0.5,
            ..Propagation::GRADIENT
        }
    }

    fn scores(&self) -> RuleScores {
        let Self { multiply_by_inputs, baseline, return_convergence_delta, .. } = *self;
        RuleScores { multiply_by_inputs, baseline, return_convergence_delta }
    }
}
