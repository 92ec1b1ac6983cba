//! Contrastive functions: scores that compare with another token, or with another context.

use std::sync::Arc;

use burn::tensor::{Int, Tensor, activation::log_softmax};
use inseq_core::Argument;
use inseq_core::aggregators::AggregationFunction;
use inseq_models::model::Model;

use super::alternative::Alternative;
use super::filter::kept;
use super::{
    BuiltIn, ContrastArguments, LOGPROB, OtherContexts, SharedStepFunction, StepContext, StepFunction, built_in,
};
use crate::Result;

/// Combination of the text's own scores and those of the other context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Logit,
    Probability,
    LogitDifference,
    ProbabilityDifference,
    Pcxmi,
    Divergence,
    InContextPvi,
}

/// A contrastive function; it must be [bound](StepFunction::bound) to the texts of a call before it is evaluated.
#[derive(Clone)]
struct Contrast {
    name: &'static str,
    kind: Kind,
    other: Alternative,
}

impl StepFunction for Contrast {
    fn name(&self) -> &str {
        self.name
    }

    fn contrast(&self) -> Option<&ContrastArguments> {
        Some(&self.other.arguments)
    }

    fn bound(&self, model: Arc<Model>, contexts: OtherContexts, attributed: bool) -> Option<SharedStepFunction> {
        Some(Arc::new(Self { other: self.other.bound(model, contexts, attributed), ..self.clone() }))
    }

    fn merging(&self) -> Option<AggregationFunction> {
        match self.kind {
            Kind::Probability | Kind::ProbabilityDifference if !self.other.arguments.logprob => {
                Some(AggregationFunction::Prod)
            }
            Kind::Probability | Kind::ProbabilityDifference | Kind::Pcxmi | Kind::Divergence => {
                Some(AggregationFunction::Sum)
            }
            Kind::Logit | Kind::LogitDifference | Kind::InContextPvi => None,
        }
    }

    fn evaluate(&self, context: &StepContext) -> Result<Tensor<1>> {
        let own = &context.logits;
        let (other, targets) = self.other.of(context, self.kind == Kind::Divergence);
        let of = |logits: &Tensor<2>, targets: &Tensor<1, Int>| -> Tensor<1> {
            logits.clone().gather(1, targets.clone().unsqueeze_dim(1)).squeeze_dim(1)
        };
        let log = |logits: &Tensor<2>, targets: &Tensor<1, Int>| of(&log_softmax(logits.clone(), 1), targets);
        let probability = |logits: &Tensor<2>, targets: &Tensor<1, Int>| match self.other.arguments.logprob {
            true => log(logits, targets),
            false => log(logits, targets).exp(),
        };
        let mine = &context.targets;
        Ok(match self.kind {
            Kind::Logit => of(&other, &targets),
            Kind::Probability => probability(&other, &targets),
            Kind::LogitDifference => of(own, mine) - of(&other, &targets),
            Kind::ProbabilityDifference => probability(own, mine) - probability(&other, &targets),
            Kind::Pcxmi => (log(&other, &targets) - log(own, mine)) / std::f64::consts::LN_2,
            Kind::InContextPvi => log(&other, &targets) - log(own, mine),
            Kind::Divergence => self.divergence(own, &other)?,
        })
    }
}

impl Contrast {
    /// `Σ p (log p - log q)` over the kept tokens, with both distributions normalized over them.
    fn divergence(&self, own: &Tensor<2>, other: &Tensor<2>) -> Result<Tensor<1>> {
        let least = self.other.arguments.min_tokens_to_keep.unwrap_or(1);
        let top_p = self.other.arguments.top_p.filter(|p| *p < 1.0);
        let top_k = (self.other.arguments.top_k > 0).then_some(self.other.arguments.top_k);
        let [own, other] = match (top_p, top_k) {
            (None, None) => [own.clone(), other.clone()],
            _ => {
                // Which tokens are kept is decided by both contexts together.
                let hidden = kept(&(own.clone() + other.clone()), top_p, top_k, least)?;
                [own, other].map(|logits| logits.clone() + hidden.clone())
            }
        };
        let [p, q] = [own, other].map(|logits| log_softmax(logits, 1));
        Ok((p.clone().exp() * (p - q)).sum_dim(1).squeeze_dim(1))
    }
}

/// The arguments of all contrastive functions: the filter of a divergence, the context, and the form of probabilities. Each
/// function takes a part of them.
const ARGUMENTS: [Argument; 9] = [
    Argument::new("top_k", "0", "Number of likeliest tokens to compare; 0 for all."),
    Argument::new("top_p", "none", "Compares the likeliest tokens that together have this probability, 0 to 1."),
    Argument::new("min_tokens_to_keep", "none", "Smallest number of tokens to compare, 1 or more."),
    Argument::new(
        "contrast_sources",
        "none",
        "Source texts of the other context, one per text; for decoder-only models, prompts.",
    ),
    Argument::new(
        "contrast_targets",
        "none",
        "Target texts of the other context, one per text; their tokens are the alternatives.",
    ),
    Argument::new(
        "contrast_targets_alignments",
        "none",
        "Pairs of positions in the target and in the other target, or a list of pairs per text, or auto, which pairs tokens that both \
         contain, in order. By default positions are paired by their number.",
    ),
    Argument::new(
        "contrast_force_inputs",
        "false",
        "Whether an attributed function takes the alternative's score from the other context instead of the text's own.",
    ),
    Argument::new(
        "skip_special_tokens",
        "false",
        "Whether the texts of the other context are encoded without special tokens.",
    ),
    LOGPROB,
];
const FILTER_AND_CONTEXT: &[Argument] = ARGUMENTS.split_at(8).0;
const CONTEXT_AND_LOGPROB: &[Argument] = ARGUMENTS.split_at(3).1;

/// Arguments of the alternative and its context.
pub(super) const CONTEXT: &[Argument] = FILTER_AND_CONTEXT.split_at(3).1;

/// The contrastive functions: name, combination of scores, arguments and description of each.
const FUNCTIONS: [(&str, Kind, &[Argument], &str); 7] = [
    ("contrast_logits", Kind::Logit, CONTEXT, "The logit of the alternative token, in the contrastive context."),
    (
        "contrast_prob",
        Kind::Probability,
        CONTEXT_AND_LOGPROB,
        "The probability of the alternative token, in the contrastive context.",
    ),
    (
        "contrast_logits_diff",
        Kind::LogitDifference,
        CONTEXT,
        "The token's logit minus that of the alternative (Yin & Neubig, 2022, https://aclanthology.org/2022.emnlp-main.14).",
    ),
    (
        "contrast_prob_diff",
        Kind::ProbabilityDifference,
        CONTEXT_AND_LOGPROB,
        "The token's probability minus that of the alternative (Yin & Neubig, 2022, https://aclanthology.org/2022.emnlp-main.14).",
    ),
    (
        "pcxmi",
        Kind::Pcxmi,
        CONTEXT,
        "Pointwise conditional cross-mutual information, in bits: the log probability of the contrastive context's token minus that of the text's own token (Yin et al., 2021, https://arxiv.org/abs/2109.07446).",
    ),
    (
        "kl_divergence",
        Kind::Divergence,
        FILTER_AND_CONTEXT,
        "The KL divergence of the text's own distribution from that of the contrastive context, in nats.",
    ),
    (
        "in_context_pvi",
        Kind::InContextPvi,
        CONTEXT,
        "In-context pointwise usable information, in nats (Lu et al., 2023, https://arxiv.org/abs/2310.12300).",
    ),
];

/// The entries of the contrastive functions.
pub(super) fn all() -> impl Iterator<Item = BuiltIn> {
    FUNCTIONS.into_iter().map(|(name, kind, arguments, description)| {
        built_in(name, description, arguments, move |arguments| {
            let arguments = ContrastArguments::read(name, arguments)?;
            Ok(Contrast { name, kind, other: Alternative::new(arguments) })
        })
    })
}
