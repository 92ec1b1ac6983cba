//! A set of rules of the caller.

use inseq_core::{About, Argument};
use inseq_models::layers::Propagation;
use serde::{Deserialize, Serialize};

use super::{MULTIPLY_BY_INPUTS, RETURN_CONVERGENCE_DELTA, RuleBaseline, RuleScores, RuleSet};
use crate::method::{MethodInfo, from_arguments};

/// Its arguments, in the order of the fields.
const ARGUMENTS: &[Argument] = &[
    Argument::new(
        "rules",
        "none",
        "The rules that differ from the gradient, as an object, such as {\"norm\": \"constant\", \"softmax\": {\"temperature\": 2}}.",
    ),
    MULTIPLY_BY_INPUTS,
    RuleBaseline::argument("zero"),
    RETURN_CONVERGENCE_DELTA,
];

/// The entry of the registry.
pub(crate) fn info() -> MethodInfo {
    MethodInfo {
        about: About {
            name: OwnRules::NAME,
            description: "How much does each feature contribute by rules of propagation that you choose?",
            details: "The embedding times a modified gradient. `rules` is an object with the rules that differ from the gradient: norm (differentiated or \
                      constant), softmax (differentiated, closed, or an object with a temperature), activation (derivative, quotient or closed), and the \
                      factors queries, keys, values, gate and up of cotangents. For instance, the rules of GIM are norm constant, softmax temperature 2, \
                      queries and keys 0.25, values, gate and up 0.5. Without rules the method is input_x_gradient. Scores are signed.",
            arguments: ARGUMENTS,
        },
        cost: "1 forward, 1 pullback per step",
        citation: "Shrikumar et al. (2016), Not Just a Black Box, https://arxiv.org/abs/1605.01713",
        make: from_arguments::<OwnRules>(OwnRules::NAME),
    }
}

/// How much does each feature contribute by rules of propagation that you choose?
///
/// `(x - b) · g`, with `g` the cotangent of the embedding `x` by the rules below, and `b` the embedding of the baseline. Granular
/// scores `[input, step, feature]`, signed. Cost: one forward and one pullback per step.
///
/// ```
/// use inseq_methods::gradient::OwnRules;
/// use inseq_models::layers::{Propagation, Statistics};
///
/// let rules = Propagation { norm: Statistics::Constant, ..Propagation::GRADIENT };
/// let method = OwnRules { rules: Some(rules), ..OwnRules::default() };
/// assert!(!method.return_convergence_delta);
/// ```
///
/// The paper of the gradient: Shrikumar et al., 2016, <https://arxiv.org/abs/1605.01713>.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct OwnRules {
    /// The rules; `None` for the gradient.
    pub rules: Option<Propagation>,
    /// Whether cotangents are multiplied by the embeddings, minus those of the baseline.
    pub multiply_by_inputs: bool,
    /// The baseline.
    pub baseline: RuleBaseline,
    /// Whether the step score `deltas` gives the sum of the scores minus the attributed function.
    pub return_convergence_delta: bool,
}

impl Default for OwnRules {
    fn default() -> Self {
        Self { rules: None, multiply_by_inputs: true, baseline: RuleBaseline::Zero, return_convergence_delta: false }
    }
}

impl RuleSet for OwnRules {
    const NAME: &'static str = "propagation";

    fn rules(&self) -> Propagation {
        self.rules.unwrap_or_default()
    }

    fn scores(&self) -> RuleScores {
        let Self { multiply_by_inputs, baseline, return_convergence_delta, .. } = *self;
        RuleScores { multiply_by_inputs, baseline, return_convergence_delta }
    }
}
