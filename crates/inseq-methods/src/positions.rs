//! The attributed tokens of a target.

use inseq_core::{SequenceAttribution, StepAttribution, TextKind, TextName, Token, Warning};
use ndarray::{Array1, ArrayD, Axis, Slice};

use crate::request::AttributionRequest;
use crate::steps::Steps;
use crate::{Error, Result};

/// The requested positions of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asked<'r> {
    /// Those from a first one up to an end; negative ones count from the end of each text.
    Range { start: Option<i64>, end: Option<i64> },
    /// Those of each text, wherever they are.
    Each(&'r [Vec<usize>]),
}

impl Asked<'_> {
    /// The requested positions of a target, or the reason why it has none of them. The prompt of a decoder-only model, of
    /// `prompt` tokens, is never attributed; without a prompt, the target starts with the decoder start.
    pub(crate) fn of(self, index: usize, prompt: Option<usize>, length: usize, text: &str) -> Result<Steps> {
        if length < 2 {
            let problem = format!("the generated text {text:?} has no token to attribute");
            return Err(Error::argument("generated_texts", problem));
        }
        let first = prompt.unwrap_or(1).max(1);
        if length <= first {
            let problem = format!("the text {text:?} has nothing after its prompt to attribute");
            return Err(Error::argument("generated_texts", problem));
        }
        let there = || {
            let why = match first > 1 {
                true => "what is before them is the prompt",
                false => "position 0 is what the decoder starts from",
            };
            format!("the generated text {text:?} has positions {first} to {} ({why})", length - 1)
        };
        let (start, end) = match self {
            Asked::Range { start, end } => (start, end),
            Asked::Each(each) => {
                let positions = each.get(index).map(Vec::as_slice).unwrap_or_default();
                return match positions.iter().find(|position| !(first..length).contains(*position)) {
                    Some(position) => Err(Error::argument(
                        "positions",
                        format!("the position {position} is requested, but {}", there()),
                    )),
                    None if positions.is_empty() => {
                        Err(Error::argument("positions", format!("no position is requested, and {}", there())))
                    }
                    None => Ok(Steps::at(positions.iter().copied())),
                };
            }
        };
        let length = length as i64;
        let from_end = |position: i64| if position < 0 { position.saturating_add(length) } else { position };
        let from = match prompt {
            // As in the reference, positions from the end are raised as well.
            Some(prompt) => start.unwrap_or(0).max(prompt as i64),
            None => from_end(start.unwrap_or(1)),
        };
        let to = from_end(end.unwrap_or(length)).min(length);
        if from < 1 || from >= length {
            return Err(Error::argument(
                "attr_pos_start",
                format!("`attr_pos_start` is {}, but {}", counted(start, from, length), there()),
            ));
        }
        if to <= from {
            return Err(Error::argument(
                "attr_pos_end",
                format!(
                    "`attr_pos_end` ({}) must lie after `attr_pos_start` ({}) in the generated text {text:?}",
                    counted(end, to, length),
                    counted(start, from, length)
                ),
            ));
        }
        Ok((from as usize..to as usize).into())
    }
}

/// Refuses positions that no text has, whatever its length.
pub(crate) fn check_positions(request: &AttributionRequest) -> Result<()> {
    let (start, end) = (request.attr_pos_start, request.attr_pos_end);
    let is_nowhere = match (start, end) {
        (_, Some(0)) => true,
        (Some(start), Some(end)) => (start < 0) == (end < 0) && end <= start,
        _ => false,
    };
    match (is_nowhere, end) {
        (true, Some(end)) => {
            let start = start.map_or_else(|| "the first position".to_owned(), |start| start.to_string());
            Err(Error::argument(
                "attr_pos_end",
                format!("`attr_pos_end` ({end}) must lie after `attr_pos_start` ({start}); no text has such positions"),
            ))
        }
        _ => Ok(()),
    }
}

/// A position as it was asked for; with the position that it means, if it counts from the end.
fn counted(asked: Option<i64>, position: i64, length: i64) -> String {
    match asked {
        Some(asked) if asked < 0 && asked.saturating_add(length) == position => {
            format!("{asked}, which is {position} in {length} tokens")
        }
        _ => position.to_string(),
    }
}

/// Sets rows at or after a step's own token to NaN, because the step cannot see them.
pub(crate) fn hide_what_steps_cannot_see(array: &mut ArrayD<f32>, steps: &Steps) {
    for (position, mut column) in steps.positions().zip(array.axis_iter_mut(Axis(1))) {
        let rows = column.shape()[0];
        column.slice_axis_mut(Axis(0), Slice::from(position.min(rows)..)).fill(f32::NAN);
    }
}

/// Warning about a text, of `count`, with NaN or infinite scores of visible tokens. `is_undefined` says whether the attributed function
/// has no finite value at one of its steps.
///
/// # Errors
/// Those of `is_undefined`.
pub(crate) fn without_value(
    sequence: &SequenceAttribution,
    (index, count): (usize, usize),
    attributed_fn: &str,
    is_undefined: impl FnOnce() -> Result<bool>,
) -> Result<Option<Warning>> {
    let is_none = |score: &&f32| !score.is_finite();
    let source = sequence.source_attributions.iter().flatten().filter(is_none).count();
    let columns = sequence.target_attributions.iter().flat_map(|scores| scores.axis_iter(Axis(1))).enumerate();
    let target = columns.map(|(step, column)| {
        let rows = column.axis_iter(Axis(0)).take(sequence.attr_pos_start + step);
        rows.map(|row| row.iter().filter(is_none).count()).sum::<usize>()
    });
    let found = source + target.sum::<usize>();
    let mut problems = Vec::new();
    if found > 0 {
        problems.push(match is_undefined()? {
            true => format!(
                "the attributed function `{attributed_fn}` is NaN or infinite at a step, and so are {found} scores; choose a \
                 function that is finite at every step"
            ),
            false => format!(
                "{found} scores are NaN or infinite, because a number on the way to them was too large or a division by 0; try \
                 `float32`, or other arguments of the method or the attributed function"
            ),
        });
    }
    let names = sequence.step_scores.iter().filter(|(_, scores)| scores.iter().any(|score| is_none(&score)));
    let names: Vec<String> = names.map(|(name, _)| format!("`{name}`")).collect();
    if !names.is_empty() {
        problems.push(format!("NaN or infinite at a step, as step scores: {}", names.join(", ")));
    }
    let name = TextName::new(TextKind::Attributed, index).of(count);
    Ok((!problems.is_empty()).then(|| Warning::about(name, format!(": {}", problems.join("; ")))))
}

/// Tokens without their pieces, which the sequence contains.
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
