//! Runs a method on texts, a batch at a time.

use std::ops::ControlFlow;

use inseq_models::tokenizer::Role;
use ndarray::Array1;

use crate::engine::{Engine, TextSteps};
use crate::forward::Forward;
use crate::method::{Attributions, Cost, Method, MethodContext};
use crate::other_contexts::{Contrasts, Run};
use crate::pieces::{Piece, batches, joined, pieces};
use crate::progress::{Progress, ProgressCallback};
use crate::step_functions::{SharedStepFunction, StepFunction};
use crate::text_model::TextModel;
use crate::{Error, Result};

/// Runs a method with the attributed function and the step scores.
pub(crate) struct Attributing<'c> {
    pub(crate) model: &'c TextModel,
    pub(crate) method: &'c dyn Method,
    pub(crate) attributed_fn: &'c SharedStepFunction,
    pub(crate) step_scores: &'c [SharedStepFunction],
    /// Whether target tokens have scores; in decoder-only models they always have.
    pub(crate) has_target_scores: bool,
    pub(crate) contrasts: Contrasts<'c>,
    pub(crate) memory_budget: usize,
    /// Number of texts that go through the model at once; `None` uses the memory budget.
    pub(crate) batch_size: Option<usize>,
    /// The forward of the only text, if it is there; pieces of the text with other states have their own.
    pub(crate) forward: Option<&'c Forward>,
}

/// Work of a call, in steps times forwards.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Work {
    pub(crate) done: usize,
    /// Upper bound of the work for the known texts.
    pub(crate) total: usize,
    /// Approximate size in bytes of the tensors of the largest text, and its index in the call.
    pub(crate) largest: Option<(usize, usize)>,
}

impl Attributing<'_> {
    /// Runs the model within the memory budget.
    pub(crate) fn engine(&self) -> Engine<'_> {
        Engine { model: self.model.model(), memory_budget: self.memory_budget, layer: None }
    }

    /// Attributes texts, and passes each to `each` when it is finished; texts without steps are skipped.
    ///
    /// # Errors
    /// The method, a step function, the device or `each` fails, or the call is cancelled.
    pub(crate) fn run(
        &self,
        texts: &[TextSteps],
        work: &mut Work,
        progress: ProgressCallback,
        mut each: impl FnMut(&TextSteps, Attributions) -> Result<()>,
    ) -> Result<()> {
        let model = self.model.model();
        let engine = self.engine();
        let pieces = pieces(model, self.method, self.has_target_scores, texts);
        let longest = pieces.iter().map(|piece| engine.entries_that_fit(&piece.steps)).min().unwrap_or(1);
        let size = self.batch_size.unwrap_or(usize::MAX).clamp(1, longest);
        for piece in &pieces {
            let Cost { forwards, pullbacks } = self.method.cost(model, &piece.steps, self.has_target_scores);
            work.total = work.total.saturating_add(forwards.times(piece.steps.steps.len()).most);
            let bytes = engine.bytes_at_once(&piece.steps, forwards.least, pullbacks);
            work.largest = work.largest.max(Some((bytes, piece.steps.index)));
        }
        let special_tokens = self.model.special_tokens().all;
        // Pieces of each text that are still to come, and what those before gave.
        let mut left = vec![0usize; texts.len()];
        pieces.iter().for_each(|piece| left[piece.text] += 1);
        let mut of_pieces: Vec<Vec<Attributions>> = vec![Vec::new(); texts.len()];
        for batch in batches(model, &pieces, size) {
            for (piece, attributions) in
                batch.iter().zip(self.batch(&engine, &batch, &special_tokens, work, progress)?)
            {
                let of_text = &mut of_pieces[piece.text];
                of_text.push(piece.of_asked(attributions));
                left[piece.text] -= 1;
                if left[piece.text] == 0 {
                    each(&texts[piece.text], joined(std::mem::take(of_text))?)?;
                }
            }
        }
        Ok(())
    }

    /// Whether the attributed function is NaN or infinite at a step of a text. This runs one forward.
    ///
    /// # Errors
    /// The function or the device fails.
    pub(crate) fn is_undefined(&self, text: &TextSteps) -> Result<bool> {
        let engine = Engine { model: self.model.model(), memory_budget: self.memory_budget, layer: None };
        let point = engine.inputs(&[text])?;
        let trace = engine.trace(&point);
        let function = self.contrasts.bound(self.attributed_fn, &Run { point: &point, trace: &trace }, true)?;
        let scores = engine.scores(&point, trace.hidden(), &[&*function])?;
        Ok(scores.iter().flatten().flatten().any(|score| !score.is_finite()))
    }

    /// The attributions of each piece of a batch, with its step scores.
    fn batch(
        &self,
        engine: &Engine,
        batch: &[&Piece],
        special_tokens: &[u32],
        work: &mut Work,
        progress: ProgressCallback,
    ) -> Result<Vec<Attributions>> {
        let texts: Vec<&TextSteps> = batch.iter().map(|piece| &*piece.steps).collect();
        let shown = texts.iter().map(|text| self.model.decode(&text.target, Role::Target, true));
        let shown = shown.collect::<Result<Vec<_>>>()?;
        let mut advance = |more: usize| {
            work.done = work.done.saturating_add(more);
            let (done, total) = (work.done, work.total);
            match progress(Progress::Attributing { done, total, texts: shown.clone() }) {
                ControlFlow::Continue(()) => Ok(()),
                ControlFlow::Break(()) => Err(Error::Cancelled),
            }
        };
        advance(0)?;
        let propagation = self.method.propagation();
        let given = match &texts[..] {
            [text] => self.forward.and_then(|forward| forward.at(engine.model, text, propagation)),
            _ => None,
        };
        let own;
        let (point, trace) = match given {
            Some(given) => given,
            None => {
                let point = engine.inputs(&texts)?;
                own = engine.trace_by(propagation, &point);
                (point, &own)
            }
        };
        let run = Run { point: &point, trace };
        let function = self.contrasts.bound(self.attributed_fn, &run, true)?;
        let step_scores = self.step_scores.iter().map(|function| self.contrasts.bound(function, &run, false));
        let step_scores = step_scores.collect::<Result<Vec<_>>>()?;
        let functions: Vec<&dyn StepFunction> = step_scores.iter().map(|function| &**function).collect();
        let scores = engine.merged_scores(&point, trace.hidden(), &functions)?;
        let mut attributions = self.method.attribute(&mut MethodContext {
            text_model: self.model,
            engine,
            point: &point,
            trace,
            function,
            attribute_target: self.has_target_scores,
            special_tokens,
            advance: &mut advance,
        })?;
        if attributions.len() != batch.len() {
            return Err(Error::Method {
                method: self.method.name().to_owned(),
                problem: format!(
                    "gave {} results for {} texts; it must give one for each",
                    attributions.len(),
                    batch.len()
                ),
            });
        }
        for (entry, attributions) in attributions.iter_mut().enumerate() {
            attributions.check(self.method.name(), engine.model, texts[entry])?;
            let mut requested = self.step_scores.iter().map(|function| function.name());
            if let Some(name) = requested.find(|name| attributions.step_scores.iter().any(|(own, _)| own == name)) {
                return Err(Error::Method {
                    method: self.method.name().to_owned(),
                    problem: format!(
                        "gives a step score called `{name}`, which was requested as a step function; rename one"
                    ),
                });
            }
            let named = self.step_scores.iter().zip(&scores);
            let named = named.map(|(f, s)| (f.name().to_string(), Array1::from(s[entry].clone())));
            attributions.step_scores = named.chain(std::mem::take(&mut attributions.step_scores)).collect();
        }
        Ok(attributions)
    }
}
