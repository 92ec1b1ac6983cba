//! Which tokens of a target are attributed.

use std::ops::Range;

use inseq_core::{SequenceAttribution, StepAttribution, Token};
use ndarray::{Array1, ArrayD, Axis, Slice};

use crate::request::AttributionRequest;
use crate::targets::Target;
use crate::{Error, Result};

/// The attributed positions of each text of a call.
pub(crate) struct Positions {
    /// Positions in each target. A text that does not have those asked for has none: its length to its length, as in the
    /// reference.
    pub(crate) steps: Vec<Range<usize>>,
    /// Why a text has none, naming it.
    pub(crate) warnings: Vec<String>,
}

impl Positions {
    /// The positions that a request asks for. `has_source` says that targets start from the decoder start, and not with a prompt.
    ///
    /// # Errors
    /// When no text has them.
    pub(crate) fn of(request: &AttributionRequest, targets: &[Target], has_source: bool) -> Result<Self> {
        let each = targets.iter().map(|target| {
            let prompt = (!has_source).then_some(target.source.len());
            positions(request, prompt, target.target.len(), &target.text).map_err(|reason| {
                match target.notes.as_slice() {
                    [] => reason,
                    notes => format!("{reason} ({})", notes.join("; ")),
                }
            })
        });
        let each: Vec<Result<Range<usize>, String>> = each.collect();
        if let Some(Err(reason)) = each.first()
            && each.iter().all(Result::is_err)
        {
            return Err(Error::Argument(reason.clone()));
        }
        let mut warnings = Vec::new();
        let steps = each.into_iter().zip(targets).enumerate().map(|(index, (steps, target))| {
            steps.unwrap_or_else(|reason| {
                warnings.push(format!("text {} of {} is not attributed: {reason}", index + 1, targets.len()));
                target.target.len()..target.target.len()
            })
        });
        Ok(Self { steps: steps.collect(), warnings })
    }
}

/// The positions `start..end` of a target of `length` tokens that a request asks for, or why it has none of them. Those of the
/// prompt of a decoder-only model, of `prompt` tokens, are never attributed.
fn positions(
    request: &AttributionRequest,
    prompt: Option<usize>,
    length: usize,
    text: &str,
) -> Result<Range<usize>, String> {
    let length = length as i64;
    let from_end = |position: i64| if position < 0 { position.saturating_add(length) } else { position };
    let start = match prompt {
        // As in the reference, positions from the end are raised as well.
        Some(prompt) => request.attr_pos_start.unwrap_or(0).max(prompt as i64),
        None => from_end(request.attr_pos_start.unwrap_or(1)),
    };
    let end = from_end(request.attr_pos_end.unwrap_or(length)).min(length);
    if length < 2 {
        return Err(format!("the generated text {text:?} has no token to attribute"));
    }
    if start < 1 || start >= length {
        let first = prompt.unwrap_or(1);
        let why =
            if first > 1 { "what is before them is the prompt" } else { "position 0 is what the decoder starts from" };
        return Err(match length - 1 {
            last if last < first as i64 => format!("the text {text:?} has nothing after its prompt to attribute"),
            last => format!(
                "`attr_pos_start` is {start}, but the generated text {text:?} has positions {first} to {last} ({why})"
            ),
        });
    }
    if end <= start {
        return Err(format!(
            "`attr_pos_end` ({end}) must lie after `attr_pos_start` ({start}) in the generated text {text:?}"
        ));
    }
    Ok(start as usize..end as usize)
}

/// Rows at or after a step's own token are NaN: the step could not see them.
pub(crate) fn hide_what_steps_cannot_see(array: &mut ArrayD<f32>, start: usize) {
    for (step, mut column) in array.axis_iter_mut(Axis(1)).enumerate() {
        let rows = column.shape()[0];
        column.slice_axis_mut(Axis(0), Slice::from((start + step).min(rows)..)).fill(f32::NAN);
    }
}

/// What to say of texts with scores that are NaN or infinite where a step sees something.
pub(crate) fn without_value(sequences: &[SequenceAttribution]) -> Vec<String> {
    let is_none = |score: &&f32| !score.is_finite();
    let of_text = |(index, sequence): (usize, &SequenceAttribution)| {
        let source = sequence.source_attributions.iter().flatten().filter(is_none).count();
        let columns = sequence.target_attributions.iter().flat_map(|scores| scores.axis_iter(Axis(1))).enumerate();
        let target = columns.map(|(step, column)| {
            let rows = column.axis_iter(Axis(0)).take(sequence.attr_pos_start + step);
            rows.map(|row| row.iter().filter(is_none).count()).sum::<usize>()
        });
        let steps = sequence.step_scores.values().flatten().filter(is_none).count();
        let count = source + target.sum::<usize>() + steps;
        (count > 0).then(|| {
            format!(
                "text {} of {}: {count} scores are NaN or infinite, because a number on the way to them was too large or a \
                 division by 0; try `float32`, or other arguments of the method or the step function",
                index + 1,
                sequences.len()
            )
        })
    };
    sequences.iter().enumerate().filter_map(of_text).collect()
}

/// Tokens as they are spelled; what they stand for is the sequence's to say.
fn spelled(tokens: &[Token]) -> Vec<Token> {
    tokens.iter().map(|token| Token::new(&*token.text, token.id)).collect()
}

/// The raw output of each step of a text.
pub(crate) fn steps_of(sequence: &SequenceAttribution) -> Vec<StepAttribution> {
    (sequence.attr_pos_start..sequence.attr_pos_end)
        .enumerate()
        .map(|(step, position)| {
            let row = |array: &ArrayD<f32>, rows: usize| {
                let mut column = array.index_axis(Axis(1), step).to_owned();
                column.slice_axis_inplace(Axis(0), Slice::from(..rows.min(column.shape()[0])));
                column.insert_axis(Axis(0))
            };
            StepAttribution {
                source: vec![spelled(&sequence.source)],
                target: vec![spelled(&sequence.target[position..=position])],
                prefix: vec![spelled(&sequence.target[..position])],
                source_attributions: sequence.source_attributions.as_ref().map(|a| row(a, usize::MAX)),
                target_attributions: sequence.target_attributions.as_ref().map(|a| row(a, position)),
                step_scores: sequence
                    .step_scores
                    .iter()
                    .filter_map(|(name, scores)| Some((name.clone(), Array1::from(vec![*scores.get(step)?]))))
                    .collect(),
                kind: sequence.kind.clone(),
                ..StepAttribution::default()
            }
        })
        .collect()
}
