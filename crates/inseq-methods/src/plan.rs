//! What a call would take, before it is made.

use std::ops::ControlFlow;
use std::time::Instant;

use inseq_models::model::Wanted;

use crate::engine::{Engine, Point, TextSteps};
use crate::method::{Bounds, Cost};
use crate::other_contexts::Run;
use crate::pieces::pieces;
use crate::pipeline::Options;
use crate::positions::Positions;
use crate::request::AttributionRequest;
use crate::{AttributionModel, Result};

/// What attributing one text takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The target.
    pub text: String,
    /// Source tokens; 0 for decoder-only models.
    pub source: usize,
    /// Target tokens, with the prompt of decoder-only models.
    pub target: usize,
    /// Attributed tokens.
    pub steps: usize,
    /// Forwards, each for all steps.
    pub forwards: Bounds,
    /// Pullbacks of single steps.
    pub pullbacks: usize,
    /// About how many bytes the tensors take at once, beside the model's weights; what the memory budget allows at most.
    pub bytes: usize,
    /// About how many seconds it takes, from a few timed forwards and pullbacks of the text.
    pub seconds: Bounds<f64>,
    /// What whoever reads a result should know, one sentence each.
    pub warnings: Vec<String>,
}

/// Copies of a text that are timed together at most.
const TIMED: usize = 8;

impl AttributionModel {
    /// What attributing would take. Texts are generated where they are not given; nothing is attributed, but a few forwards and
    /// pullbacks of each text are timed.
    ///
    /// # Errors
    /// As [`attribute`](Self::attribute).
    pub fn plan(&self, request: &AttributionRequest) -> Result<Vec<Plan>> {
        let options = Options::new(self, request)?;
        let chats = self.as_chats(request)?;
        let request = &*chats;
        let targets = self.targets(request, &mut |_| ControlFlow::Continue(()))?;
        let engine = Engine { model: self.model(), memory_budget: self.load_options.memory_budget, layer: None };
        let positions = Positions::of(request, &targets.texts, !self.model().is_decoder_only())?;
        let warnings: Vec<String> = targets.warnings.iter().chain(&positions.warnings).cloned().collect();
        let texts = self.all_steps(request, &targets.texts, &positions)?;
        let mut plans: Vec<Plan> = targets
            .texts
            .iter()
            .zip(&texts)
            .map(|(target, text)| Plan {
                text: target.text.clone(),
                source: text.source.len(),
                target: text.target.len(),
                steps: text.steps.len(),
                forwards: Bounds::default(),
                pullbacks: 0,
                bytes: 0,
                seconds: Bounds::default(),
                warnings: warnings.clone(),
            })
            .collect();
        for piece in pieces(self.model(), &*options.method, options.has_target_scores, &texts) {
            let (plan, text) = (&mut plans[piece.text], &*piece.steps);
            let cost = options.method.cost(self.model(), text, options.has_target_scores);
            let (forward, pullback) = self.timed(request, &options, &engine, text, cost)?;
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

    /// Seconds of a forward with its scores, and of a pullback of every step, each of one copy of a text among several.
    fn timed(
        &self,
        request: &AttributionRequest,
        options: &Options,
        engine: &Engine,
        text: &TextSteps,
        cost: Cost,
    ) -> Result<(f64, f64)> {
        let model = self.model();
        let own = engine.inputs(&[text])?;
        // What is run for the first time takes longer.
        let trace = engine.trace(&own);
        let function = self.bound(&options.attributed_fn, request, &Run { point: &own, trace: &trace }, true)?;
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
        let trace = engine.trace(&point);
        engine.scores(&point, trace.hidden(), &[&*function])?;
        let forward = share(start);
        let start = Instant::now();
        let wanted = Wanted { source: !model.is_decoder_only(), target: options.has_target_scores, first: &[] };
        engine.gradients(&point, &trace, &*function, wanted, |_, _, gradients| {
            // A device may compute only what is read.
            for side in [gradients.source, gradients.target].into_iter().flatten() {
                crate::engine::read(side.sum(), "gradients")?;
            }
            Ok(())
        })?;
        Ok((forward, share(start)))
    }
}
