//! Which tokens of the contexts a context-sensitive token depends on.

use std::collections::BTreeMap;

use inseq_core::aggregators::Scaling;
use inseq_core::{ContextCues, SequenceAttribution};
use inseq_models::tokenizer::Role;
use ndarray::Axis;
use serde_json::{Map, Value};

use super::output_ids::OutputIds;
use super::request::ContextRequest;
use super::texts::WithContext;
use crate::attributed::{default_aggregation, one_per_step, one_score_per_token};
use crate::call::Call;
use crate::forward::Forward;
use crate::passage::Reader;
use crate::{Error, Result};

/// Arguments of a contrast, which the call finds by itself.
const FOUND: [&str; 4] = ["contrast_sources", "contrast_targets", "contrast_targets_alignments", "skip_special_tokens"];

/// Refuses arguments of the attributed function that the call finds by itself.
///
/// # Errors
/// There is one.
pub(crate) fn check_arguments(attributed_fn_args: &Map<String, Value>) -> Result<()> {
    match FOUND.iter().find(|name| attributed_fn_args.contains_key(**name)) {
        None => Ok(()),
        Some(name) => Err(Error::argument(
            name,
            format!(
                "`{name}` says what the attributed function compares with, which is here the text without its context; leave it out. \
                 Words to compare with are `contextless_output_next_tokens` of the attribution of a context"
            ),
        )),
    }
}

/// The attribution of selected tokens, one for each, in the order of `selected`, from the forward of the text with its context.
///
/// # Errors
/// The method, the attributed function or the device fails, or the call is cancelled.
pub(super) fn attributed(
    call: &Call,
    with: &OutputIds,
    forward: &Forward,
    selected: &[usize],
    progress: crate::progress::ProgressCallback,
) -> Result<Vec<SequenceAttribution>> {
    let mut order: Vec<usize> = selected.to_vec();
    order.sort_unstable();
    let runs = with.at(order.iter().copied()).runs(call, Some(forward), progress)?;
    let by_index: BTreeMap<usize, SequenceAttribution> = order.into_iter().zip(one_per_step(&runs)?).collect();
    Ok(selected.iter().filter_map(|index| by_index.get(index).cloned()).collect())
}

/// One score per token of the attribution of one token.
///
/// # Errors
/// The aggregator fails, or merges tokens.
pub(super) fn aggregated(request: &ContextRequest, raw: &SequenceAttribution) -> Result<SequenceAttribution> {
    match &request.aggregator {
        Some(aggregator) => one_score_per_token(&**aggregator, raw),
        None => {
            let scaling = if request.normalize_attributions { Scaling::Normalize } else { Scaling::None };
            one_score_per_token(&default_aggregation(raw, scaling), raw)
        }
    }
}

/// A selected token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Selected {
    /// Index in the output.
    pub(super) index: usize,
    /// Its sensitivity.
    pub(super) score: f32,
    /// Id of its alternative, if the attributed function compares with one.
    pub(super) alternative: Option<u32>,
}

/// The scores of the contexts for a selected token.
///
/// # Errors
/// The tokenizer fails.
pub(super) fn cues(
    reader: &Reader,
    (with, without): (&WithContext, &OutputIds),
    selected: Selected,
    aggregated: &SequenceAttribution,
) -> Result<ContextCues> {
    let role = with.target.role;
    let position = with.positions[selected.index];
    let contextless = |token: u32| {
        let before = &without.target[..without.positions[selected.index]];
        reader.text_of(&[before, &[token]].concat(), role)
    };
    let scores = |positions: Vec<usize>, of_source: bool| {
        let scores = if of_source { &aggregated.source_attributions } else { &aggregated.target_attributions };
        let scores = scores.as_ref().map(|scores| scores.index_axis(Axis(1), 0));
        let score =
            |&position: &usize| scores.as_ref().and_then(|scores| scores.get(position).copied()).unwrap_or(f32::NAN);
        positions.iter().map(score).collect::<Vec<f32>>()
    };
    let is_source = with.source.is_some();
    Ok(ContextCues {
        cti_idx: selected.index,
        cti_token: reader.spelling(with.target.ids[position], role),
        cti_score: selected.score,
        contextual_output: reader.text_of(&with.target.ids[..=position], role)?,
        contrast_token: selected.alternative.map(|token| reader.spelling(token, role)),
        contextless_output: selected.alternative.map(contextless).transpose()?,
        input_context_scores: with
            .input_context
            .as_ref()
            .map(|span| scores(reader.tokens_of(with.input(), span), is_source)),
        output_context_scores: with
            .output_context
            .as_ref()
            .map(|span| scores(reader.tokens_of(&with.target, span), false)),
    })
}

/// Whether the target is attributed, too.
pub(super) fn attributes_target(with: &WithContext) -> bool {
    with.output_context.is_some() || with.target.role == Role::Source
}
