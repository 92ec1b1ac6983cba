//! Layer-wise relevance propagation for transformers.
//!
//! Known to fail: CP-LRP says nothing of *why* a token was attended to, because no relevance passes the attention weights, so it
//! misses the tokens that decide where a head looks. AttnLRP depends on the form of a product and not only on its value: `(a b) c`
//! and `a (b c)` share their relevance differently (<https://arxiv.org/abs/2510.18810>), and some models collect it on their first token.

use inseq_core::{About, Argument};
use inseq_models::layers::{Propagation, Slope, Statistics};
use serde::{Deserialize, Serialize};

use super::{MULTIPLY_BY_INPUTS, RETURN_CONVERGENCE_DELTA, RuleBaseline, RuleScores, RuleSet};
use crate::method::{MethodInfo, from_arguments};

/// Its arguments, in the order of the fields.
const ARGUMENTS: &[Argument] = &[
    Argument::new(
        "rule",
        "cp",
        "Rules: cp (CP-LRP, attention weights and gates are constants) or attn (AttnLRP, products are divided among their factors).",
    ),
    MULTIPLY_BY_INPUTS,
    RuleBaseline::argument("zero"),
    RETURN_CONVERGENCE_DELTA,
];

/// The entry of the registry.
pub(crate) fn info() -> MethodInfo {
    MethodInfo {
        about: About {
            name: Lrp::NAME,
            description: "How much of the score comes from each feature if every layer passes on what it received?",
            details: "Layer-wise relevance propagation: the embedding times a modified gradient. Norm deviations are constants, and an \
                      activation passes f(x) / x in place of its derivative. With the rule cp, attention weights and gates are \
                      constants, too, so the scores of a logit sum to the logit, less what biases add; `return_convergence_delta` gives \
                      the difference. The rule misses tokens that decide where a head looks. With the rule attn, relevance also passes \
                      the softmax: the cotangents of queries and keys are multiplied by 1/4, and those of values, gates and gated \
                      values by 1/2. Its scores do not sum to the logit, depend on the order of products, and may gather on the first \
                      token. Use it with `attributed_fn` logit or contrast_logits_diff; a probability multiplies all scores by p (1 - p). \
                      The authors of the implementation LXT state that LRP is patented; see the page of methods. Scores are signed.",
            arguments: ARGUMENTS,
        },
        cost: "1 forward, 1 pullback per step",
        citation: "CP-LRP: Ali et al. (2022), XAI for Transformers: Better Explanations through Conservative Propagation, \
                   https://arxiv.org/abs/2202.07304; AttnLRP: Achtibat et al. (2024), https://arxiv.org/abs/2402.05602",
        make: from_arguments::<Lrp>(Lrp::NAME),
    }
}

/// How much of the score comes from each feature if every layer passes on what it received?
///
/// `x · g`, with `g` the cotangent of the embedding `x` by the rules below. Granular scores `[input, step, feature]`, signed. Cost:
/// one forward and one pullback per step.
///
/// | operation | CP-LRP | AttnLRP |
/// |---|---|---|
/// | norm | constant deviation | constant deviation |
/// | softmax | constant weights | Jacobian |
/// | cotangents of queries, keys | 0 | 1/4 |
/// | cotangents of values | 1 | 1/2 |
/// | activation | `f(x) / x` | `f(x) / x` |
/// | gate, gated values | 0, 1 | 1/2, 1/2 |
///
/// Ali et al., 2022, <https://arxiv.org/abs/2202.07304>; Achtibat et al., 2024, <https://arxiv.org/abs/2402.05602>.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lrp {
    /// The rules.
    pub rule: LrpRule,
    /// Whether cotangents are multiplied by the embeddings, minus those of the baseline.
    pub multiply_by_inputs: bool,
    /// The baseline.
    pub baseline: RuleBaseline,
    /// Whether the step score `deltas` gives the sum of the scores minus the attributed function.
    pub return_convergence_delta: bool,
}

/// Rules of [`Lrp`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LrpRule {
    /// Attention weights and gates are constants.
    #[default]
    Cp,
    /// Products are divided among their factors.
    Attn,
}

impl Default for Lrp {
    fn default() -> Self {
        Self {
            rule: LrpRule::Cp,
            multiply_by_inputs: true,
            baseline: RuleBaseline::Zero,
            return_convergence_delta: false,
        }
    }
}

impl LrpRule {
    /// The rules of AttnLRP.
    const ATTN: Propagation = Propagation {
        norm: Statistics::Constant,
        queries: 0.25,
        keys: 0.25,
        values: 0.5,
        activation: Slope::Quotient,
        gate: 0.5,
        up: 0.5,
        ..Propagation::GRADIENT
    };
}

impl RuleSet for Lrp {
    const NAME: &'static str = "lrp";

    fn rules(&self) -> Propagation {
        match self.rule {
            LrpRule::Cp => Propagation::CONSERVATIVE,
            LrpRule::Attn => LrpRule::ATTN,
        }
    }

    fn scores(&self) -> RuleScores {
        let Self { multiply_by_inputs, baseline, return_convergence_delta, .. } = *self;
        RuleScores { multiply_by_inputs, baseline, return_convergence_delta }
    }
}
