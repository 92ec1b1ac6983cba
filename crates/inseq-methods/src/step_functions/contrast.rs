//! Scores that compare with another token, or with what the model says in another context.

use std::sync::Arc;

use burn::tensor::{Int, Tensor, activation::log_softmax};
use inseq_models::model::Model;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::filter::kept;
use super::{SharedStepFunction, StepContext, StepFunction, StepFunctionInfo};
use crate::{Error, Result};

/// What is compared with, one entry a text where there are several.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ContrastArguments {
    /// Source texts of the other context; of decoder-only models, prompts.
    pub contrast_sources: Option<OneOrMore<String>>,
    /// Target texts of the other context, whose tokens are the alternatives.
    pub contrast_targets: Option<OneOrMore<String>>,
    /// Which position of the other target stands for which of the target: pairs, pairs by text, or `auto`.
    pub contrast_targets_alignments: Option<Alignments>,
    /// Whether an attributed function takes the alternative's score from the other context rather than from the text's own.
    pub contrast_force_inputs: bool,
    /// Accepted as the reference does.
    pub skip_special_tokens: bool,
    /// Whether probabilities are logarithms.
    pub logprob: bool,
    /// Tokens over which a divergence is taken: the likeliest so many; 0 for all.
    pub top_k: usize,
    /// Tokens over which a divergence is taken: the likeliest that have this probability together.
    pub top_p: Option<f32>,
    /// Tokens that are taken whatever `top_k` and `top_p` say.
    pub min_tokens_to_keep: Option<usize>,
}

/// One value, or one a text.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum OneOrMore<T> {
    /// For the only text.
    One(T),
    /// For each text.
    More(Vec<T>),
}

impl<T> OneOrMore<T> {
    /// The values, one a text.
    pub fn as_slice(&self) -> &[T] {
        match self {
            OneOrMore::One(one) => std::slice::from_ref(one),
            OneOrMore::More(more) => more,
        }
    }
}

/// Which position of the other target stands for which of the target.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Alignments {
    /// `auto`: tokens that stand in both, in order.
    Named(String),
    /// Pairs of the only text.
    One(Vec<(usize, usize)>),
    /// Pairs of each text.
    More(Vec<Vec<(usize, usize)>>),
}

/// What another context says at each step of a text.
#[derive(Clone, Debug)]
pub struct OtherContext {
    /// `[step, feature]`: the decoder's hidden states before the alternatives.
    pub hidden: Tensor<2>,
    /// `[step]`: ids of the alternatives.
    pub targets: Vec<u32>,
}

/// What is made of the text's own scores and those of the other context.
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

/// One of the contrastive functions; [bound](StepFunction::bound) to the texts of a call before it is evaluated.
#[derive(Clone)]
struct Contrast {
    name: &'static str,
    kind: Kind,
    arguments: ContrastArguments,
    /// The head, and the other contexts by text; whether the function is attributed.
    bound: Option<(Arc<Model>, Vec<OtherContext>, bool)>,
}

impl StepFunction for Contrast {
    fn name(&self) -> &str {
        self.name
    }

    fn contrast(&self) -> Option<&ContrastArguments> {
        Some(&self.arguments)
    }

    fn bound(&self, model: Arc<Model>, contexts: Vec<OtherContext>, attributed: bool) -> Option<SharedStepFunction> {
        Some(Arc::new(Self { bound: Some((model, contexts, attributed)), ..self.clone() }))
    }

    fn evaluate(&self, context: &StepContext) -> Tensor<1> {
        let own = &context.logits;
        let (other, targets) = self.other(context);
        let of = |logits: &Tensor<2>, targets: &Tensor<1, Int>| -> Tensor<1> {
            logits.clone().gather(1, targets.clone().unsqueeze_dim(1)).squeeze_dim(1)
        };
        let log = |logits: &Tensor<2>, targets: &Tensor<1, Int>| of(&log_softmax(logits.clone(), 1), targets);
        let probability = |logits: &Tensor<2>, targets: &Tensor<1, Int>| match self.arguments.logprob {
            true => log(logits, targets),
            false => log(logits, targets).exp(),
        };
        let mine = &context.targets;
        match self.kind {
            Kind::Logit => of(&other, &targets),
            Kind::Probability => probability(&other, &targets),
            Kind::LogitDifference => of(own, mine) - of(&other, &targets),
            Kind::ProbabilityDifference => probability(own, mine) - probability(&other, &targets),
            Kind::Pcxmi => (log(&other, &targets) - log(own, mine)) / std::f64::consts::LN_2,
            Kind::InContextPvi => log(&other, &targets) - log(own, mine),
            Kind::Divergence => self.divergence(own, &other),
        }
    }
}

impl Contrast {
    /// Logits of the other context with the alternatives, `[row, vocabulary]` and `[row]`.
    ///
    /// An attributed function takes the alternatives' scores from the text's own logits, through which gradients go, unless
    /// it is told otherwise or only the context differs.
    fn other(&self, context: &StepContext) -> (Tensor<2>, Tensor<1, Int>) {
        let Some((model, contexts, attributed)) = &self.bound else {
            return (context.logits.clone(), context.targets.clone());
        };
        let rows = context.rows.iter().filter_map(|row| {
            let other = contexts.get(row.text)?;
            Some((other, row.step.min(other.targets.len().checked_sub(1)?)))
        });
        let targets: Vec<i64> = rows.clone().map(|(other, step)| i64::from(other.targets[step])).collect();
        let targets = Tensor::<1, Int>::from_data(targets.as_slice(), &context.targets.device());
        let has_alternatives = self.arguments.contrast_targets.is_some();
        let own = *attributed && has_alternatives && !self.arguments.contrast_force_inputs;
        if own && self.kind != Kind::Divergence {
            return (context.logits.clone(), targets);
        }
        let hidden: Vec<Tensor<2>> = rows.map(|(other, step)| other.hidden.clone().narrow(0, step, 1)).collect();
        let logits = model.logits(Tensor::cat(hidden, 0));
        // What carries gradients can only be joined with what could.
        let logits = if context.tracked { logits.autodiff() } else { logits };
        (logits, targets)
    }

    /// `Σ p (log p - log q)` over the tokens that are kept, among which both are distributions.
    fn divergence(&self, own: &Tensor<2>, other: &Tensor<2>) -> Tensor<1> {
        let least = self.arguments.min_tokens_to_keep.unwrap_or(1);
        let top_p = self.arguments.top_p.filter(|p| *p < 1.0);
        let top_k = (self.arguments.top_k > 0).then_some(self.arguments.top_k);
        let [own, other] = match (top_p, top_k) {
            (None, None) => [own.clone(), other.clone()],
            _ => {
                // Which tokens are kept is decided by both contexts together.
                let hidden = kept(&(own.clone() + other.clone()), top_p, top_k, least);
                [own, other].map(|logits| logits.clone() + hidden.clone())
            }
        };
        let [p, q] = [own, other].map(|logits| log_softmax(logits, 1));
        (p.clone().exp() * (p - q)).sum_dim(1).squeeze_dim(1)
    }
}

const CONTEXT: &[&str] = &[
    "contrast_sources",
    "contrast_targets",
    "contrast_targets_alignments",
    "contrast_force_inputs",
    "skip_special_tokens",
];

const WITH_LOGARITHM: &[&str] = &[
    "contrast_sources",
    "contrast_targets",
    "contrast_targets_alignments",
    "contrast_force_inputs",
    "skip_special_tokens",
    "logprob",
];

const WITH_FILTER: &[&str] = &[
    "contrast_sources",
    "contrast_targets",
    "contrast_targets_alignments",
    "contrast_force_inputs",
    "skip_special_tokens",
    "top_k",
    "top_p",
    "min_tokens_to_keep",
];

fn make(name: &'static str, kind: Kind, arguments: &Map<String, Value>) -> Result<SharedStepFunction> {
    let refuse = |message: String| Err(Error::Argument(format!("arguments of the step function `{name}`: {message}")));
    let parsed: ContrastArguments = match serde_json::from_value(Value::Object(arguments.clone())) {
        Ok(parsed) => parsed,
        Err(error) => return refuse(error.to_string()),
    };
    if parsed.contrast_sources.is_none() && parsed.contrast_targets.is_none() {
        return refuse("it compares with another context; give `contrast_targets` or `contrast_sources`".into());
    }
    if let Some(Alignments::Named(other)) = &parsed.contrast_targets_alignments
        && other != "auto"
    {
        return refuse(format!("`contrast_targets_alignments` must be pairs of positions or `auto`, found {other:?}"));
    }
    if parsed.top_p.is_some_and(|p| !(0.0..=1.0).contains(&p)) || parsed.min_tokens_to_keep == Some(0) {
        return refuse("`top_p` must lie between 0 and 1, and `min_tokens_to_keep` be at least 1".into());
    }
    Ok(Arc::new(Contrast { name, kind, arguments: parsed, bound: None }))
}

/// The contrastive functions.
pub(super) const ALL: [StepFunctionInfo; 7] = [
    StepFunctionInfo {
        name: "contrast_logits",
        description: "The logit of the alternative token, in the contrastive context.",
        arguments: CONTEXT,
        make: |arguments| make("contrast_logits", Kind::Logit, arguments),
    },
    StepFunctionInfo {
        name: "contrast_prob",
        description: "The probability of the alternative token, in the contrastive context.",
        arguments: WITH_LOGARITHM,
        make: |arguments| make("contrast_prob", Kind::Probability, arguments),
    },
    StepFunctionInfo {
        name: "contrast_logits_diff",
        description: "The token's logit less that of the alternative (Yin & Neubig, 2022, \
                      https://aclanthology.org/2022.emnlp-main.14).",
        arguments: CONTEXT,
        make: |arguments| make("contrast_logits_diff", Kind::LogitDifference, arguments),
    },
    StepFunctionInfo {
        name: "contrast_prob_diff",
        description: "The token's probability less that of the alternative (Yin & Neubig, 2022, \
                      https://aclanthology.org/2022.emnlp-main.14).",
        arguments: WITH_LOGARITHM,
        make: |arguments| make("contrast_prob_diff", Kind::ProbabilityDifference, arguments),
    },
    StepFunctionInfo {
        name: "pcxmi",
        description: "Pointwise conditional cross-mutual information, in bits: how much likelier the contrastive context makes \
                      its token (Yin et al., 2021, https://arxiv.org/abs/2109.07446).",
        arguments: CONTEXT,
        make: |arguments| make("pcxmi", Kind::Pcxmi, arguments),
    },
    StepFunctionInfo {
        name: "kl_divergence",
        description: "The divergence of the contrastive context's distribution from the text's own, in nats.",
        arguments: WITH_FILTER,
        make: |arguments| make("kl_divergence", Kind::Divergence, arguments),
    },
    StepFunctionInfo {
        name: "in_context_pvi",
        description: "In-context pointwise usable information, in nats (Lu et al., 2023, https://arxiv.org/abs/2310.12300).",
        arguments: CONTEXT,
        make: |arguments| make("in_context_pvi", Kind::InContextPvi, arguments),
    },
];

/// Pairs for every position `start..end` of a target of ids `own`: those given, the best of them where there are several;
/// positions without any go one to one from the right.
///
/// # Errors
/// When a pair names a position that is not there.
pub(crate) fn aligned(
    arguments: &ContrastArguments,
    text: usize,
    own: &[u32],
    other: &[u32],
    steps: &std::ops::Range<usize>,
) -> Result<Vec<usize>> {
    let given: Vec<(usize, usize)> = match &arguments.contrast_targets_alignments {
        None => Vec::new(),
        Some(Alignments::Named(_)) => common(own, other),
        Some(Alignments::One(pairs)) => pairs.clone(),
        Some(Alignments::More(each)) => each.get(text).cloned().unwrap_or_default(),
    };
    if let Some((a, b)) = given.iter().find(|(a, b)| *a >= own.len() || *b >= other.len()) {
        return Err(Error::Argument(format!(
            "contrast_targets_alignments: the pair ({a}, {b}) is out of range; the target has {} tokens, the contrast target {}",
            own.len(),
            other.len()
        )));
    }
    let mut pairs = given;
    pairs.sort_unstable();
    pairs.dedup();
    let mut taken: Vec<usize> = Vec::new();
    let mut found: Vec<Option<usize>> = Vec::new();
    for position in steps.clone() {
        let mut matches = pairs.iter().filter(|pair| pair.0 == position).map(|pair| pair.1);
        let first = matches.clone().next();
        let chosen = matches.find(|other| !taken.contains(other)).or(first);
        taken.extend(chosen);
        found.push(chosen);
    }
    let from_right = |index: usize| {
        let back = steps.len() - index;
        if other.len() > back { other.len() - back } else { other.len() - 1 }
    };
    Ok(found
        .into_iter()
        .enumerate()
        .map(|(index, chosen)| chosen.unwrap_or_else(|| from_right(index)).max(1))
        .collect())
}

/// Tokens that stand in both, in order; in a stretch that differs, one to one from its start.
fn common(own: &[u32], other: &[u32]) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    for operation in similar::capture_diff_slices(similar::Algorithm::Myers, own, other) {
        let (_, a, b) = operation.as_tag_tuple();
        pairs.extend(a.zip(b));
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_without_pairs_go_from_the_right() {
        let aligned = |arguments: &str, own: &[u32], other: &[u32]| {
            let arguments: ContrastArguments = serde_json::from_str(arguments).unwrap();
            aligned(&arguments, 0, own, other, &(1..own.len())).unwrap()
        };
        // A start, then tokens; the other has one more.
        assert_eq!(aligned("{}", &[9, 1, 2, 0], &[9, 5, 1, 3, 0]), [2, 3, 4]);
        assert_eq!(aligned(r#"{"contrast_targets_alignments": [[1, 1]]}"#, &[9, 1, 2, 0], &[9, 5, 1, 3, 0]), [1, 3, 4]);
        let auto = r#"{"contrast_targets_alignments": "auto"}"#;
        assert_eq!(aligned(auto, &[9, 1, 2, 3, 0], &[9, 1, 7, 8, 3, 0]), [1, 2, 4, 5]);
    }
}
