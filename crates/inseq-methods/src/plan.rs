//! Estimates the cost of a call.

use std::ops::ControlFlow;
use web_time::Instant;

use inseq_core::Warning;
use inseq_models::model::Wanted;

use crate::call::{Call, Prepared};
use crate::engine::{Engine, Point, TextSteps};
use crate::info::Outcome;
use crate::method::{Bounds, Cost};
use crate::other_contexts::Run;
use crate::pieces::pieces;
use crate::{Error, Result};

/// Estimated cost of attributing one text.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Target text.
    pub text: String,
    /// Number of source tokens; 0 for decoder-only models.
    pub source: usize,
    /// Number of target tokens, including the prompt of decoder-only models.
    pub target: usize,
    /// Number of attributed tokens.
    pub steps: usize,
    /// Number of forwards, each for all steps.
    pub forwards: Bounds,
    /// Number of pullbacks of single steps.
    pub pullbacks: usize,
    /// Approximate peak size of the tensors without the model's weights, in bytes; at most the memory budget.
    pub bytes: usize,
    /// Approximate time in seconds, from a few timed forwards and pullbacks of the text.
    pub seconds: Bounds<f64>,
    /// Warnings for the reader of a result, one sentence each.
    pub warnings: Vec<Warning>,
}

/// Largest number of copies of a text that are timed together.
const TIMED: usize = 8;

impl Call<'_> {
    /// Estimates the cost of each text.
    ///
    /// # Errors
    /// As those of [`run`](Call::run).
    pub(crate) fn plan(&self) -> Result<Vec<Plan>> {
        let mut outcome = Outcome::default();
        let mut plans = Vec::new();
        for window in self.windows() {
            let prepared = self.prepare(window, &mut outcome, &mut |_| match self.is_cancelled() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            })?;
            plans.extend(self.plans(&prepared)?);
        }
        let warnings = [outcome.warnings, outcome.without_steps].concat();
        Ok(plans.into_iter().map(|plan| Plan { warnings: warnings.clone(), ..plan }).collect())
    }

    fn plans(&self, prepared: &Prepared) -> Result<Vec<Plan>> {
        let model = self.texts.model.model();
        let attributing = self.attributing();
        let engine = attributing.engine();
        let plan = |(text, written): (&TextSteps, &String)| Plan {
            text: written.clone(),
            source: text.source.len(),
            target: text.target.len(),
            steps: text.steps.len(),
            forwards: Bounds::default(),
            pullbacks: 0,
            bytes: 0,
            seconds: Bounds::default(),
            warnings: Vec::new(),
        };
        let mut plans: Vec<Plan> = prepared.texts.iter().zip(&prepared.written).map(plan).collect();
        for piece in pieces(model, &*self.method, self.has_target_scores, &prepared.texts) {
            if self.is_cancelled() {
                return Err(Error::Cancelled);
            }
            let (plan, text) = (&mut plans[piece.text], &*piece.steps);
            let cost = self.method.cost(model, text, self.has_target_scores);
            let (forward, pullback) = self.timed(&engine, text, cost)?;
            let seconds = |forwards: usize| forwards as f64 * forward + cost.pullbacks as f64 * pullback;
            plan.forwards.least = plan.forwards.least.saturating_add(cost.forwards.least);
            plan.forwards.most = plan.forwards.most.saturating_add(cost.forwards.most);
            plan.pullbacks += cost.pullbacks * text.steps.len();
            // What is run again and again is not run at once.
            plan.bytes = plan.bytes.max(engine.bytes_at_once(text, cost.forwards.least, cost.pullbacks));
            plan.seconds.least += seconds(cost.forwards.least);
            plan.seconds.most += seconds(cost.forwards.most);
        }
        Ok(plans)
    }

    /// Seconds of a forward with its scores, and of a pullback of every step, per copy of a text in a batch of copies.
    fn timed(&self, engine: &Engine, text: &TextSteps, cost: Cost) -> Result<(f64, f64)> {
        let model = engine.model;
        let own = engine.inputs(&[text])?;
        // What is run for the first time takes longer.
        let trace = engine.trace(&own);
        let function = self.contrasts().bound(&self.attributed_fn, &Run { point: &own, trace: &trace }, true)?;
        let fits = if cost.pullbacks > 0 { engine.entries_that_fit(text) } else { engine.forwards_that_fit(text) };
        let count = cost.forwards.least.clamp(1, TIMED.min(fits));
        let source = own.source.as_ref().map(|source| source.repeat(0, count));
        let point = Point { texts: vec![text; count], source, target: own.target.clone().repeat_dim(0, count) };
        let share = |since: Instant| since.elapsed().as_secs_f64() / count as f64;
        let start = Instant::now();
        if cost.pullbacks == 0 {
            let memory = point.source.as_ref().and_then(|source| model.memory(source));
            let hidden = model.decode(memory.as_ref(), point.target.clone());
            engine.scores(&point, &hidden, &[&*function])?;
            return Ok((share(start), 0.0));
        }
        let trace = engine.trace_by(self.method.propagation(), &point);
        engine.scores(&point, trace.hidden(), &[&*function])?;
        let forward = share(start);
        let start = Instant::now();
        let wanted = Wanted { source: !model.is_decoder_only(), target: self.has_target_scores, first: &[] };
        engine.gradients(&point, &trace, &*function, wanted, |_, _, gradients| {
            // A device may compute only what is read.
            for side in [gradients.source, gradients.target].into_iter().flatten() {
                crate::device::read(side.sum(), "gradients")?;
            }
            Ok(())
        })?;
        Ok((forward, share(start)))
    }
}
