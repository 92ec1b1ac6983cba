//! The alternatives that functions compare with, and the contexts that they stand in.

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::tensor::{Int, Tensor};
use inseq_models::model::Model;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::StepContext;
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

impl ContrastArguments {
    /// Reads the arguments of a function.
    ///
    /// # Errors
    /// When one is unknown, or of a wrong type or range.
    pub(super) fn read(function: &str, arguments: &Map<String, Value>) -> Result<Self> {
        let refuse =
            |message: String| Error::Argument(format!("arguments of the step function `{function}`: {message}"));
        let parsed: Self = crate::arguments::read(&format!("the step function `{function}`"), arguments)?;
        if let Some(Alignments::Named(other)) = &parsed.contrast_targets_alignments
            && other != "auto"
        {
            return Err(refuse(format!(
                "`contrast_targets_alignments` must be pairs of positions or `auto`, found {other:?}"
            )));
        }
        if parsed.top_p.is_some_and(|p| !(0.0..=1.0).contains(&p)) || parsed.min_tokens_to_keep == Some(0) {
            return Err(refuse("`top_p` must lie between 0 and 1, and `min_tokens_to_keep` be at least 1".into()));
        }
        Ok(parsed)
    }

    /// Refuses to compare with nothing.
    pub(super) fn checked(self, function: &str) -> Result<Self> {
        if self.contrast_sources.is_none() && self.contrast_targets.is_none() {
            return Err(Error::Argument(format!(
                "the step function `{function}` compares with another context; give `contrast_targets` or \
                 `contrast_sources`"
            )));
        }
        Ok(self)
    }
}

/// One value, or one a text.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged, expecting = "expected one value, or a list of one value per text")]
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
#[serde(
    untagged,
    expecting = "expected \"auto\", a list of pairs of positions such as [[0, 0], [1, 2]], or a list of such lists, one per text"
)]
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

/// Other contexts by the index of the text that they belong to.
pub type OtherContexts = BTreeMap<usize, OtherContext>;

/// Where alternatives come from; [bound](Self::bound) to the texts of a call before they are asked for.
#[derive(Clone)]
pub(super) struct Alternative {
    pub(super) arguments: ContrastArguments,
    /// The head, and the other contexts by text; whether the function is attributed.
    bound: Option<(Arc<Model>, OtherContexts, bool)>,
}

impl Alternative {
    pub(super) fn new(arguments: ContrastArguments) -> Self {
        Self { arguments, bound: None }
    }

    pub(super) fn bound(&self, model: Arc<Model>, contexts: OtherContexts, attributed: bool) -> Self {
        Self { arguments: self.arguments.clone(), bound: Some((model, contexts, attributed)) }
    }

    /// Logits of the other context with the alternatives, `[row, vocabulary]` and `[row]`.
    ///
    /// An attributed function takes the alternatives' scores from the text's own logits, through which gradients go, unless
    /// it is told otherwise, only the context differs, or the function is about `whole_distributions`.
    pub(super) fn of(&self, context: &StepContext, whole_distributions: bool) -> (Tensor<2>, Tensor<1, Int>) {
        let Some((model, contexts, attributed)) = &self.bound else {
            return (context.logits.clone(), context.targets.clone());
        };
        let rows = context.rows.iter().filter_map(|row| {
            let other = contexts.get(&row.text)?;
            Some((other, row.step.min(other.targets.len().checked_sub(1)?)))
        });
        let targets: Vec<i64> = rows.clone().map(|(other, step)| i64::from(other.targets[step])).collect();
        let targets = Tensor::<1, Int>::from_data(targets.as_slice(), &context.targets.device());
        let has_alternatives = self.arguments.contrast_targets.is_some();
        let own = *attributed && has_alternatives && !self.arguments.contrast_force_inputs;
        if own && !whole_distributions {
            return (context.logits.clone(), targets);
        }
        let hidden: Vec<Tensor<2>> = rows.map(|(other, step)| other.hidden.clone().narrow(0, step, 1)).collect();
        let logits = model.logits(Tensor::cat(hidden, 0));
        // What carries gradients can only be joined with what could.
        let logits = if context.tracked { logits.autodiff() } else { logits };
        (logits, targets)
    }
}
