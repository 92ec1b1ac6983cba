//! The rows of logits of steps.

use std::ops::Range;

use burn::tensor::{Int, Tensor};

use crate::device::read;
use crate::point::Point;
use crate::step_functions::{StepContext, StepFunction};
use crate::{Error, Result};

/// One token of a step, with the entry of its text.
#[derive(Clone, Copy, Debug)]
pub(super) struct StepRow {
    pub(super) entry: usize,
    pub(super) step: usize,
    /// Position of the token in the target.
    pub(super) token: usize,
    /// Index of the token among those of all steps of the entry.
    pub(super) index: usize,
}

impl StepRow {
    /// Position whose hidden state predicts the token.
    pub(super) fn position(self) -> usize {
        self.token.max(1) - 1
    }

    pub(super) fn target(self, point: &Point) -> u32 {
        point.texts[self.entry].target.get(self.token).copied().unwrap_or(0)
    }
}

/// The tokens of a range of steps of every entry, one entry after another; entries with fewer steps have fewer.
pub(super) fn step_rows(point: &Point, range: &Range<usize>) -> Vec<StepRow> {
    let of_entry = |entry: usize| {
        let steps = &point.texts[entry].steps;
        let spans = steps.iter().enumerate().take(range.end).skip(range.start);
        let tokens = spans.flat_map(|(step, span)| span.map(move |token| (step, token)));
        let rows = tokens.zip(steps.tokens_before(range.start)..);
        rows.map(move |((step, token), index)| StepRow { entry, step, token, index }).collect::<Vec<_>>()
    };
    (0..point.texts.len()).flat_map(of_entry).collect()
}

/// The positions whose hidden states predict the tokens of a range of steps of every entry, `[entry, step]`; the first position for
/// steps that an entry does not have.
pub(super) fn probes(point: &Point, range: &Range<usize>) -> Vec<Range<usize>> {
    let of_entry = |entry: usize| {
        let steps = &point.texts[entry].steps;
        range.clone().map(|step| match step < steps.len() {
            true => {
                let span = steps.span(step);
                let start = span.start.max(1) - 1;
                start..start + span.len()
            }
            false => 0..1,
        })
    };
    (0..point.texts.len()).flat_map(of_entry).collect()
}

/// Cotangents of the rows of [`probes`], from those of the rows of [`step_rows`], `[row, feature]`.
pub(super) fn of_probes(point: &Point, range: &Range<usize>, cotangents: Tensor<2>) -> Tensor<2> {
    let [rows, features] = cotangents.dims();
    let lacks = |entry: usize| range.end - point.texts[entry].steps.len().clamp(range.start, range.end);
    if (0..point.texts.len()).all(|entry| lacks(entry) == 0) {
        return cotangents;
    }
    let mut index: Vec<i64> = Vec::new();
    let mut next = 0i64;
    for entry in 0..point.texts.len() {
        let steps = &point.texts[entry].steps;
        let own = range.start.min(steps.len())..range.end.min(steps.len());
        let own = own.map(|step| steps.span(step).len()).sum::<usize>() as i64;
        index.extend(next..next + own);
        index.extend(std::iter::repeat_n(rows as i64, lacks(entry)));
        next += own;
    }
    let device = cotangents.device();
    let zeros = Tensor::zeros([1, features], (&device, cotangents.dtype()));
    Tensor::cat(vec![cotangents, zeros], 0).select(0, Tensor::<1, Int>::from_data(index.as_slice(), &device))
}

/// Last hidden states that predict the tokens of rows, `[row, feature]`.
pub(super) fn own_rows(hidden: &Tensor<3>, rows: &[StepRow]) -> Tensor<2> {
    let [batch, length, features] = hidden.dims();
    let index: Vec<i64> = rows.iter().map(|row| (row.entry * length + row.position()) as i64).collect();
    let index = Tensor::<1, Int>::from_data(index.as_slice(), &hidden.device());
    hidden.clone().reshape([batch * length, features]).select(0, index)
}

/// Gradients of the scores of rows; `None` where the step function does not look.
pub(super) struct Cotangents {
    /// Cotangents of the logits, then of those of each noisy forward, `[row, vocabulary]`.
    pub(super) logits: Vec<Option<Tensor<2>>>,
    /// Cotangents of the hidden states themselves, `[row, feature]`.
    pub(super) hidden: Option<Tensor<2>>,
}

/// Scores of the rows of a tracked context, and their gradients.
pub(super) fn cotangents(
    context: &StepContext,
    function: &dyn StepFunction,
    rows: usize,
) -> Result<(Vec<f32>, Cotangents)> {
    let score = function.evaluate(context)?;
    let scores = one_a_row(score.clone(), rows, function)?;
    let untracked = || {
        let problem =
            "has no gradient with regard to the logits or hidden states, so a gradient method cannot attribute it";
        Error::argument("attributed_fn", format!("the step function `{}` {problem}", function.name()))
    };
    if !score.is_tracked() {
        return Err(untracked());
    }
    let gradients = score.sum().backward();
    let logits = std::iter::once(&context.logits).chain(&context.noisy).map(|logits| logits.grad(&gradients));
    let cotangents = Cotangents { logits: logits.collect(), hidden: context.hidden.grad(&gradients) };
    match cotangents.hidden.is_none() && cotangents.logits.iter().all(Option::is_none) {
        true => Err(untracked()),
        false => Ok((scores, cotangents)),
    }
}

pub(super) fn longest(point: &Point) -> usize {
    point.texts.iter().map(|text| text.steps.len()).max().unwrap_or(0)
}

pub(super) fn chunks(steps: Range<usize>, size: usize) -> impl Iterator<Item = Range<usize>> {
    let end = steps.end;
    steps.step_by(size.max(1)).map(move |start| start..(start + size).min(end))
}

pub(super) fn evaluate(function: &dyn StepFunction, context: &StepContext) -> Result<Vec<f32>> {
    one_a_row(function.evaluate(context)?, context.logits.dims()[0], function)
}

/// Checks that a function returned one score per row.
pub(super) fn one_a_row(scores: Tensor<1>, rows: usize, function: &dyn StepFunction) -> Result<Vec<f32>> {
    let values = read(scores, format_args!("the scores of `{}`", function.name()))?;
    if values.len() != rows {
        return Err(Error::StepFunction {
            function: function.name().to_owned(),
            problem: format!("gave {} scores for {rows} steps; it must give one per row", values.len()),
        });
    }
    Ok(values)
}
