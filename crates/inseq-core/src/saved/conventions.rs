//! Facts that the reference's files do not state, because the reference knows them by the names of scores.
//!
//! A file of this crate states a fact only if it differs from these, so that both programs read each other's files.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use ndarray::ArrayD;

use crate::aggregators::AggregationFunction;
use crate::{ScoreAxis, SequenceScore};

/// The first two axes of a sequence score of the reference: `decoder...` has target tokens twice, `encoder...` source tokens twice,
/// any other name source tokens and steps.
fn axes(name: &str) -> [ScoreAxis; 2] {
    match name {
        name if name.starts_with("decoder") => [ScoreAxis::Target, ScoreAxis::Target],
        name if name.starts_with("encoder") => [ScoreAxis::Source, ScoreAxis::Source],
        _ => [ScoreAxis::Source, ScoreAxis::Step],
    }
}

/// The function by which the reference merges a step score with this name.
fn merging(name: &str) -> Option<AggregationFunction> {
    match name {
        "probability" | "perplexity" | "contrast_prob_diff" | "contrast_prob" | "mc_dropout_prob_avg" => {
            Some(AggregationFunction::Prod)
        }
        "entropy" | "crossentropy" | "pcxmi" | "kl_divergence" => Some(AggregationFunction::Sum),
        _ => None,
    }
}

/// Axes of sequence scores that differ from the convention, by name.
pub(super) type StatedAxes = BTreeMap<String, [ScoreAxis; 2]>;

/// Functions that merge step scores and differ from the convention, by name; `None` states that there is no function.
pub(super) type StatedMerging = BTreeMap<String, Option<AggregationFunction>>;

/// The axes that a file must state.
pub(super) fn stated_axes(scores: &IndexMap<String, SequenceScore>) -> StatedAxes {
    let unlike = scores.iter().filter(|(name, score)| score.axes != axes(name));
    unlike.map(|(name, score)| (name.clone(), score.axes)).collect()
}

/// A sequence score of a file.
pub(super) fn sequence_score(name: &str, scores: ArrayD<f32>, stated: Option<&StatedAxes>) -> SequenceScore {
    SequenceScore { axes: stated.and_then(|stated| stated.get(name)).copied().unwrap_or_else(|| axes(name)), scores }
}

/// The merging functions that a file must state.
pub(super) fn stated_merging<T>(
    step_scores: &IndexMap<String, T>,
    functions: &BTreeMap<String, AggregationFunction>,
) -> StatedMerging {
    let implied = |name: &str| step_scores.contains_key(name).then(|| merging(name)).flatten();
    let own = functions.iter().map(|(name, function)| (name, Some(*function)));
    let none = step_scores.keys().filter(|name| !functions.contains_key(*name)).map(|name| (name, None));
    own.chain(none)
        .filter(|(name, function)| *function != implied(name))
        .map(|(name, function)| (name.clone(), function))
        .collect()
}

/// The merging functions of a file with these step scores.
pub(super) fn step_score_merging<'n>(
    step_scores: impl Iterator<Item = &'n String>,
    stated: Option<&StatedMerging>,
) -> BTreeMap<String, AggregationFunction> {
    let mut functions: StatedMerging = step_scores.map(|name| (name.clone(), merging(name))).collect();
    functions.extend(stated.into_iter().flatten().map(|(name, function)| (name.clone(), *function)));
    functions.into_iter().filter_map(|(name, function)| Some((name, function?))).collect()
}
