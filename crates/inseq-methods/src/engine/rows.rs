//! The rows of logits of steps.

use std::ops::Range;

use burn::tensor::{Int, Tensor};

use crate::device::read;
use crate::point::Point;
use crate::step_functions::{StepContext, StepFunction};
use crate::{Error, Result};

/// A step of a point's entry. Entries with fewer steps than others have rows that are not live.
#[derive(Clone, Copy, Debug)]
pub(super) struct StepRow {
    pub(super) entry: usize,
    pub(super) step: usize,
}

impl StepRow {
    pub(super) fn is_live(self, point: &Point) -> bool {
        self.step < point.texts[self.entry].steps.len()
    }

    /// Position of the step's token; for a row that is not live, that of the last step.
    pub(super) fn token(self, point: &Point) -> usize {
        let steps = &point.texts[self.entry].steps;
        let last = steps.len().checked_sub(1);
        last.map_or(0, |last| steps.position(self.step.min(last)))
    }

    /// Position whose hidden state predicts the step's token.
    pub(super) fn position(self, point: &Point) -> usize {
        self.token(point).max(1) - 1
    }

    pub(super) fn target(self, point: &Point) -> u32 {
        point.texts[self.entry].target.get(self.token(point)).copied().unwrap_or(0)
    }
}

/// The steps of a range for every entry, `[entry, step]`.
pub(super) fn step_rows(point: &Point, range: &Range<usize>) -> impl Iterator<Item = StepRow> {
    (0..point.texts.len()).flat_map(move |entry| range.clone().map(move |step| StepRow { entry, step }))
}

/// Last hidden states that predict the tokens of rows, `[row, feature]`.
pub(super) fn own_rows(point: &Point, hidden: &Tensor<3>, rows: &[StepRow]) -> Tensor<2> {
    let [batch, length, features] = hidden.dims();
    let index: Vec<i64> = rows.iter().map(|row| (row.entry * length + row.position(point)) as i64).collect();
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
    point: &Point,
    context: &StepContext,
    function: &dyn StepFunction,
    rows: &[StepRow],
) -> Result<(Vec<f32>, Cotangents)> {
    let score = function.evaluate(context)?;
    let scores = one_a_row(score.clone(), rows.len(), function)?;
    let untracked = || {
        let problem =
            "has no gradient with regard to the logits or hidden states, so a gradient method cannot attribute it";
        Error::argument("attributed_fn", format!("the step function `{}` {problem}", function.name()))
    };
    if !score.is_tracked() {
        return Err(untracked());
    }
    let live: Vec<f32> = rows.iter().map(|row| if row.is_live(point) { 1.0 } else { 0.0 }).collect();
    let live = Tensor::<1>::from_data(live.as_slice(), &context.logits.device());
    let gradients = (score * live).sum().backward();
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
