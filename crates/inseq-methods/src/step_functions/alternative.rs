//! The alternatives of contrastive functions, and their contexts.

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::tensor::{Bool, Int, Tensor, TensorData};
use inseq_models::model::Model;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::StepContext;
use crate::{Error, Result};

/// Arguments of contrastive functions; a list has one entry per text.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ContrastArguments {
    /// Source texts of the other context; for decoder-only models, prompts.
    pub contrast_sources: Option<OneOrMore<String>>,
    /// Target texts of the other context, whose tokens are the alternatives.
    pub contrast_targets: Option<OneOrMore<String>>,
    /// Alignment of the target with the other target: pairs of positions, a list of pairs per text, or `auto`.
    pub contrast_targets_alignments: Option<Alignments>,
    /// Whether an attributed function takes the alternative's score from the other context instead of the text's own.
    pub contrast_force_inputs: bool,
    /// Whether the texts of the other context are encoded without special tokens.
    pub skip_special_tokens: bool,
    /// Whether log probabilities replace probabilities.
    pub logprob: bool,
    /// Number of likeliest tokens in a divergence; 0 for all.
    pub top_k: usize,
    /// Restricts a divergence to the likeliest tokens that together have this probability.
    pub top_p: Option<f32>,
    /// Smallest number of tokens in a divergence, for all values of `top_k` and `top_p`.
    pub min_tokens_to_keep: Option<usize>,
}

impl ContrastArguments {
    /// Reads the arguments of a function.
    ///
    /// # Errors
    /// An argument is unknown, or has a wrong type or value.
    pub(super) fn read(function: &str, arguments: &Map<String, Value>) -> Result<Self> {
        let refuse = |name: &str, message: &str| {
            Error::argument(name, format!("arguments of the step function `{function}`: `{name}` {message}"))
        };
        let parsed: Self = crate::arguments::read(&format!("the step function `{function}`"), arguments)?;
        if let Some(Alignments::Named(other)) = &parsed.contrast_targets_alignments
            && other != "auto"
        {
            let problem = format!("must be pairs of positions or `auto`, found {other:?}");
            return Err(refuse("contrast_targets_alignments", &problem));
        }
        if let Some(top_p) = parsed.top_p.filter(|p| !(0.0..=1.0).contains(p)) {
            return Err(refuse("top_p", &format!("must lie between 0 and 1, found {top_p}")));
        }
        if parsed.min_tokens_to_keep == Some(0) {
            return Err(refuse("min_tokens_to_keep", "must be at least 1, found 0"));
        }
        Ok(parsed)
    }

    /// Refuses arguments without another context.
    ///
    /// # Errors
    /// Neither `contrast_sources` nor `contrast_targets` is given.
    pub(crate) fn check(&self, function: &str) -> Result<()> {
        if self.contrast_sources.is_none() && self.contrast_targets.is_none() {
            return Err(Error::argument(
                "contrast_targets",
                format!(
                    "the step function `{function}` compares with another context; give `contrast_targets` or \
                 `contrast_sources`"
                ),
            ));
        }
        Ok(())
    }
}

/// One value, or one value per text; there is no third.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged, expecting = "expected one value, or a list of one value per text")]
pub enum OneOrMore<T> {
    /// Value of the only text.
    One(T),
    /// Value of each text.
    More(Vec<T>),
}

impl<T> OneOrMore<T> {
    /// The values, one per text.
    pub fn as_slice(&self) -> &[T] {
        match self {
            OneOrMore::One(one) => std::slice::from_ref(one),
            OneOrMore::More(more) => more,
        }
    }
}

/// Alignment of the target with the other target.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(
    untagged,
    expecting = "expected \"auto\", a list of pairs of positions such as [[0, 0], [1, 2]], or a list of such lists, one per text"
)]
#[non_exhaustive]
pub enum Alignments {
    /// `auto`: pairs the tokens that both targets contain, in order.
    Named(String),
    /// Pairs of the only text.
    One(Vec<(usize, usize)>),
    /// Pairs of each text.
    More(Vec<Vec<(usize, usize)>>),
}

/// The other context at each attributed token of a text.
#[derive(Clone, Debug)]
pub struct OtherContext {
    /// Hidden states of the decoder before the alternatives, `[token, feature]`.
    pub hidden: Tensor<2>,
    /// Ids of the alternatives, `[token]`.
    pub targets: Vec<u32>,
    /// Whether an attributed function takes the score of each alternative from the text's own context, `[token]`. Otherwise, and for step
    /// scores, it is taken from the other context.
    pub in_own_context: Vec<bool>,
}

/// Other contexts by the index of their text.
pub type OtherContexts = BTreeMap<usize, OtherContext>;

/// Source of the alternatives; it must be [bound](Self::bound) to the texts of a call before use.
#[derive(Clone)]
pub(super) struct Alternative {
    pub(super) arguments: ContrastArguments,
    /// The model (for its head), the other contexts by text, and whether the function is attributed.
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
    /// An attributed function takes the score of an alternative from the text's own logits, through which gradients flow, if the
    /// other context [says so](OtherContext::in_own_context), unless the function compares `whole_distributions`.
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
        let own: Vec<bool> = rows
            .clone()
            .map(|(other, step)| *attributed && !whole_distributions && other.in_own_context.get(step) == Some(&true))
            .collect();
        if own.iter().all(|own| *own) {
            return (context.logits.clone(), targets);
        }
        let hidden: Vec<Tensor<2>> = rows.map(|(other, step)| other.hidden.clone().narrow(0, step, 1)).collect();
        let logits = model.logits(Tensor::cat(hidden, 0));
        // What carries gradients can only be joined with what could.
        let logits = if context.tracked { logits.autodiff() } else { logits };
        let logits = match own.contains(&true) {
            true => {
                let [rows, vocabulary] = logits.dims();
                let own = Tensor::<2, Bool>::from_data(TensorData::new(own, [rows, 1]), &logits.device());
                logits.mask_where(own.expand([rows, vocabulary]), context.logits.clone())
            }
            false => logits,
        };
        (logits, targets)
    }
}
