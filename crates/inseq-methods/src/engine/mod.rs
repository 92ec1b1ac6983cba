//! The engine computes gradients for all steps: one forward, cotangents of the attributed function, one batched pullback.

mod rows;
mod scores;

use std::ops::Range;

use burn::tensor::{Int, Tensor};
use inseq_models::layers::{Propagation, Slope};
use inseq_models::model::{Block, InputCotangents, Layer, Model, Noise, Side, Trace, Wanted};
use inseq_models::parallel::{row_ranges, side_by_side};

use crate::quadrature::Quadrature;
use crate::step_functions::{Inputs, NoisyForwards, Row, StepContext, StepFunction};
use crate::{Error, Result};

pub use crate::point::{Point, TextSteps};
pub use crate::steps::Steps;
use rows::{StepRow, chunks, cotangents, evaluate, longest, of_probes, own_rows, probes, step_rows};

/// Number of points on the line between two rows of logits over which a step function's gradient is averaged.
const LINE_POINTS: usize = 64;

/// Runs a model for the steps of texts within a memory budget.
pub struct Engine<'a> {
    /// The model.
    pub model: &'a Model,
    /// Largest size of the tensors of a pullback, in bytes.
    pub memory_budget: usize,
    /// The whole model and the layer, if `model` is the part above a layer.
    pub layer: Option<(&'a Model, Layer)>,
}

impl std::fmt::Debug for Engine<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let layer = self.layer.map(|(_, layer)| layer);
        f.debug_struct("Engine")
            .field("memory_budget", &self.memory_budget)
            .field("layer", &layer)
            .finish_non_exhaustive()
    }
}

impl Engine<'_> {
    /// Number of features of the input of gradients: an embedding, or a layer's state.
    pub fn features(&self) -> usize {
        let Some((whole, layer)) = self.layer else { return self.model.features() };
        let first = match layer.side {
            Side::Encoder => whole.encoder.as_ref().and_then(|encoder| encoder.stack.blocks.first()),
            Side::Decoder => whole.decoder.blocks.first(),
        };
        first.map_or(self.model.features(), Block::features)
    }

    /// The embeddings of texts; for the part above a layer, the states of the layer.
    ///
    /// # Errors
    /// The model has no such layer.
    pub fn inputs<'t>(&self, texts: &[&'t TextSteps]) -> Result<Point<'t>> {
        self.point(texts, |text| (&text.source, &text.target))
    }

    /// The embeddings of the baselines of texts, whose own embeddings are `inputs`; for the part above a layer, the states of the
    /// layer. A target that is not requested keeps the values of the text.
    ///
    /// # Errors
    /// As those of [`inputs`](Self::inputs).
    pub fn baselines<'t>(&self, inputs: &Point<'t>, wanted: Wanted) -> Result<Point<'t>> {
        let ids = |text: &'t TextSteps| (&text.source_baseline[..], &text.target_baseline[..]);
        if wanted.target {
            return self.point(&inputs.texts, ids);
        }
        let baselines = match self.layer {
            // Decoder layers hold states of the target, which baselines do not change.
            Some((whole, Layer { side: Side::Decoder, .. })) => Point::of_ids(whole, &inputs.texts, ids),
            _ => self.point(&inputs.texts, ids)?,
        };
        Ok(Point { target: inputs.target.clone(), ..baselines })
    }

    fn point<'t>(
        &self,
        texts: &[&'t TextSteps],
        ids: impl Fn(&'t TextSteps) -> (&'t [u32], &'t [u32]),
    ) -> Result<Point<'t>> {
        let Some((whole, layer)) = self.layer else { return Ok(Point::of_ids(self.model, texts, ids)) };
        let mut point = Point::of_ids(whole, texts, ids);
        let states = whole.states_at(layer, point.source.as_ref(), point.target.clone())?.states;
        match (&mut point.source, layer.side) {
            (Some(source), Side::Encoder) => source.embeddings = states,
            _ => point.target = states,
        }
        Ok(point)
    }

    /// Number of forwards of a text that fit into the memory budget together, without pullbacks.
    pub fn forwards_that_fit(&self, text: &TextSteps) -> usize {
        let (source, target) = (text.source.len(), text.target.len());
        let fits = self.memory_budget / self.model.bytes_per_probe(source, target).max(1);
        fits.min(self.model.rows_at_once() / source.max(target).max(1)).max(1)
    }

    /// Number of batch entries for which a forward and a few probes fit into the memory budget.
    pub fn entries_that_fit(&self, text: &TextSteps) -> usize {
        let trace = self.model.bytes_per_trace(text.source.len(), text.target.len());
        let probe = self.model.bytes_per_probe(text.source.len(), text.target.len());
        let rows = text.steps.len() * text.source.len().max(text.target.len());
        let fits = (self.memory_budget / (trace + 4 * probe).max(1)).min(self.most_for_traces() / trace.max(1));
        fits.min(self.model.rows_at_once() / rows.max(1)).max(1)
    }

    /// Approximate peak size in bytes of the tensors for a text that needs these numbers of forwards, and of pullbacks per step.
    pub(crate) fn bytes_at_once(&self, text: &TextSteps, forwards: usize, pullbacks: usize) -> usize {
        let (source, target) = (text.source.len(), text.target.len());
        let probe = self.model.bytes_per_probe(source, target);
        if pullbacks == 0 {
            return forwards.min(self.forwards_that_fit(text)) * probe;
        }
        let entries = forwards.min(self.entries_that_fit(text));
        let probes = text.steps.len().min((self.model.rows_at_once() / (entries * source.max(target)).max(1)).max(1));
        let trace = |entries| self.model.bytes_of_trace_within(entries, source, target, self.most_for_traces());
        let bytes = trace(entries) + entries * probes * probe;
        bytes.min(self.memory_budget.max(trace(1) + probe))
    }

    /// Number of probes per entry whose pullback fits into the memory budget beside `traces` of the point.
    fn probes_that_fit(&self, point: &Point, traces: &[&Trace]) -> usize {
        let source = point.texts.iter().map(|text| text.source.len()).max().unwrap_or(0);
        let target = point.target.dims()[1];
        let entries = point.texts.len().max(1);
        let taken: usize = traces.iter().map(|trace| trace.bytes()).sum();
        let left = self.memory_budget.saturating_sub(taken).max(self.memory_budget / 4);
        let fits = self.model.probes_within(entries, source, target, left);
        // What is run again is run again for each lot of probes.
        match traces.iter().any(|trace| trace.is_run_again()) {
            true => fits.max(1),
            false => fits.min(self.model.rows_at_once() / (entries * source.max(target)).max(1)).max(1),
        }
    }

    /// Runs the forward of a point. Each pullback runs the parts again that do not fit into the memory budget.
    pub fn trace(&self, point: &Point) -> Trace {
        self.trace_by(Propagation::GRADIENT, point)
    }

    /// As [`trace`](Self::trace), with the rules of a propagation. A trace for [`Trace::between`] is kept whole.
    pub fn trace_by(&self, propagation: Propagation, point: &Point) -> Trace {
        self.model.trace_by(propagation, point.source.as_ref(), point.target.clone(), self.most_for_traces())
    }

    /// Largest size of traces in bytes, which leaves memory for pullbacks.
    pub(crate) fn most_for_traces(&self) -> usize {
        self.memory_budget / 4 * 3
    }

    /// Gradients of a step function with respect to the embeddings of a point, for every step; for a trace
    /// [with other rules](Self::trace_by), the pullback by these rules. A step of several tokens has the gradient of the sum of
    /// their scores.
    ///
    /// Steps are processed in chunks that fit into the memory budget. `each` gets a chunk's range of steps (counted from each
    /// text's first step), the scores `[entry * step]` and the gradients. Entries with fewer steps have zeros at the end.
    ///
    /// # Errors
    /// An error of `each` or of the step function.
    pub fn gradients(
        &self,
        point: &Point,
        trace: &Trace,
        function: &dyn StepFunction,
        wanted: Wanted,
        each: impl FnMut(Range<usize>, Vec<f32>, InputCotangents) -> Result<()>,
    ) -> Result<()> {
        let noisy: Vec<Trace> = self.noisy_traces(trace.propagation(), point, function).collect();
        let traces: Vec<&Trace> = std::iter::once(trace).chain(&noisy).collect();
        let head = |rows: &[StepRow]| {
            let mut context = self.context(point, trace.hidden(), rows, true);
            context.noisy = self.noisy_logits(noisy.iter().map(Trace::hidden), rows, true);
            let (scores, cotangents) = cotangents(&context, function, rows.len())?;
            let logits = std::iter::once(&context.logits).chain(&context.noisy);
            // What a function reads of a hidden state itself, beside what it reads through the logits.
            let direct = std::iter::once(cotangents.hidden).chain(std::iter::repeat(None));
            let each = cotangents.logits.into_iter().zip(logits).zip(&traces).zip(direct);
            let hidden = each.map(|(((cotangents, logits), trace), direct)| {
                let hidden = own_rows(trace.hidden(), rows);
                let zero = hidden.zeros_like();
                let through_logits = cotangents.map(|cotangents| match trace.propagation().activation {
                    Slope::Quotient => self.model.logits_pullback_between(cotangents, hidden, zero.clone()),
                    Slope::Derivative | Slope::Closed => {
                        self.model.logits_pullback(cotangents, &logits.clone().inner())
                    }
                });
                [through_logits, direct].into_iter().flatten().reduce(|sum, more| sum + more).unwrap_or(zero)
            });
            Ok((scores, hidden.collect()))
        };
        self.pulled_back(point, &traces, head, wanted, each)
    }

    /// The forwards with dropout that a function needs, one at a time.
    fn noisy_traces(
        &self,
        propagation: Propagation,
        point: &Point,
        function: &dyn StepFunction,
    ) -> impl Iterator<Item = Trace> {
        let NoisyForwards { count, seed } = function.noisy_forwards().unwrap_or(NoisyForwards { count: 0, seed: 0 });
        (0..count).map(move |draw| {
            let noise = Noise { seed, draw: draw as u32 };
            self.model.noisy_trace(propagation, point.source.as_ref(), point.target.clone(), noise)
        })
    }

    /// Logits of rows in each of several forwards.
    fn noisy_logits<'t>(
        &self,
        hidden: impl Iterator<Item = &'t Tensor<3>>,
        rows: &[StepRow],
        tracked: bool,
    ) -> Vec<Tensor<2>> {
        hidden.map(|hidden| self.row_logits(own_rows(hidden, rows), tracked)).collect()
    }

    fn row_logits(&self, hidden: Tensor<2>, tracked: bool) -> Tensor<2> {
        let logits = self.model.logits(hidden);
        if tracked { logits.autodiff().require_grad() } else { logits }
    }

    /// As [`gradients`](Self::gradients), for a trace [compared with a baseline](Trace::between): the step function's gradient is
    /// averaged over the straight line from the baseline's logits to the point's, so that the result, multiplied by the difference
    /// of embeddings, sums to the difference of scores.
    ///
    /// # Errors
    /// As those of [`gradients`](Self::gradients).
    pub fn differences(
        &self,
        point: &Point,
        trace: &Trace,
        baseline: &Tensor<3>,
        function: &dyn StepFunction,
        wanted: Wanted,
        each: impl FnMut(Range<usize>, Vec<f32>, InputCotangents) -> Result<()>,
    ) -> Result<()> {
        if function.noisy_forwards().is_some() {
            return Err(Error::argument(
                "attributed_fn",
                format!(
                    "the step function `{}` looks at forwards with dropout, of which there are no differences to a baseline; \
                 choose another method, or the rule `captum`",
                    function.name()
                ),
            ));
        }
        let head = |rows: &[StepRow]| {
            let end = self.context(point, trace.hidden(), rows, false);
            let scores = evaluate(function, &end)?;
            let start = own_rows(baseline, rows);
            let from = self.model.logits(start.clone());
            let mut through_logits = from.zeros_like();
            let mut direct = start.zeros_like();
            for (alpha, weight) in Quadrature::GaussLegendre.points(LINE_POINTS) {
                let on_line = |from: &Tensor<2>, to: &Tensor<2>| {
                    (from.clone() + (to.clone() - from.clone()) * alpha).autodiff().require_grad()
                };
                let (logits, hidden) = (on_line(&from, &end.logits), on_line(&start, &end.hidden));
                let context = StepContext { logits, hidden, tracked: true, ..end.clone() };
                let (_, cotangents) = cotangents(&context, function, rows.len())?;
                let logits = cotangents.logits.into_iter().flatten();
                through_logits = logits.fold(through_logits, |sum, cotangent| sum + cotangent * weight);
                direct = cotangents.hidden.into_iter().fold(direct, |sum, cotangent| sum + cotangent * weight);
            }
            let through_logits = self.model.logits_pullback_between(through_logits, end.hidden, start);
            Ok((scores, vec![through_logits + direct]))
        };
        self.pulled_back(point, &[trace], head, wanted, each)
    }

    /// Scores of steps, and the cotangents that `head` gives for the last hidden states of each trace, pulled back to the
    /// embeddings and summed over the traces. `head` gets the tokens of the steps.
    fn pulled_back(
        &self,
        point: &Point,
        traces: &[&Trace],
        head: impl Fn(&[StepRow]) -> Result<(Vec<f32>, Vec<Tensor<2>>)> + Sync,
        wanted: Wanted,
        mut each: impl FnMut(Range<usize>, Vec<f32>, InputCotangents) -> Result<()>,
    ) -> Result<()> {
        for range in chunks(0..longest(point), self.probes_that_fit(point, traces)) {
            let mut scores = vec![0f32; point.texts.len() * range.len()];
            let mut hidden: Vec<Vec<Tensor<2>>> = vec![Vec::new(); traces.len()];
            for rows in step_rows(point, &range).chunks(self.rows_that_fit(traces.len())) {
                let parts = row_ranges(rows.len(), &point.target.device());
                let done = side_by_side(&parts, |part| head(&rows[part.clone()]));
                for (part, done) in parts.into_iter().zip(done) {
                    let (of_rows, cotangents) = done?;
                    for (row, score) in rows[part].iter().zip(of_rows) {
                        scores[row.entry * range.len() + row.step - range.start] += score;
                    }
                    hidden.iter_mut().zip(cotangents).for_each(|(all, own)| all.push(own));
                }
            }
            let positions = probes(point, &range);
            let pulled = traces.iter().zip(hidden).map(|(trace, hidden)| {
                let cotangents = of_probes(point, &range, Tensor::cat(hidden, 0));
                self.model.pullback(trace, cotangents, &positions, wanted)
            });
            if let Some(sum) = pulled.reduce(InputCotangents::plus) {
                each(range, scores, sum)?;
            }
        }
        Ok(())
    }

    /// Number of tokens that fit into the memory budget with their logits in each forward, and the values that autodiff keeps.
    fn rows_that_fit(&self, forwards: usize) -> usize {
        (self.memory_budget / 4 / self.bytes_per_row().saturating_mul(forwards).max(1)).max(1)
    }

    /// Size of a row of logits, and of the values that autodiff keeps of it, in bytes.
    fn bytes_per_row(&self) -> usize {
        4 * 6 * self.model.vocabulary()
    }

    /// Size of the logits of the steps of a text that exist at the same time, in bytes.
    pub(crate) fn bytes_of_logits(&self, text: &TextSteps) -> usize {
        text.steps.tokens().count().min(self.rows_that_fit(1)) * self.bytes_per_row()
    }

    /// The input of a step function for rows; `hidden` are the last hidden states of the forward, `[entry, position, feature]`.
    fn context<'c>(
        &'c self,
        point: &'c Point,
        hidden: &'c Tensor<3>,
        rows: &[StepRow],
        tracked: bool,
    ) -> StepContext<'c> {
        let places = rows.iter().map(|row| (row.entry, row.position() + 1)).collect();
        let inputs = Inputs { model: self.model, point, hidden, places };
        let hidden = own_rows(hidden, rows);
        let targets: Vec<i64> = rows.iter().map(|row| i64::from(row.target(point))).collect();
        let logits = self.row_logits(hidden.clone(), tracked);
        let hidden = if tracked { hidden.autodiff().require_grad() } else { hidden };
        let targets = Tensor::<1, Int>::from_data(targets.as_slice(), &logits.device());
        let rows = rows.iter().map(|row| Row { text: point.texts[row.entry].index, step: row.index });
        StepContext { logits, hidden, targets, rows: rows.collect(), noisy: Vec::new(), tracked, inputs }
    }
}
