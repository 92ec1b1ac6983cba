//! Memory of a `cite` call.

use inseq_models::model::Model;

use super::method::AttributionWork;
use crate::engine::{Engine, TextSteps};

/// Number of copies of the scores of an attribution that exist at the same time: those of the method, those without the tokens that are
/// put aside, and those of each sentence.
const COPIES: usize = 3;

/// What a `cite` call keeps in memory.
pub(super) struct Memory<'a> {
    pub(super) model: &'a Model,
    /// The whole prompt with its answer; the steps are the sentences of the answer.
    pub(super) text: &'a TextSteps,
    /// Number of beams of the generation; 0 if nothing is generated.
    pub(super) beams: usize,
    /// Attributions of the method to tokens.
    pub(super) work: AttributionWork,
}

impl Memory<'_> {
    /// Approximate peak size of the tensors within a memory budget, in bytes.
    ///
    /// # Errors
    /// The call does not fit: the smallest budget that would do.
    pub(super) fn needed(&self, budget: usize) -> Result<usize, usize> {
        let needed = self.within(budget);
        if needed <= budget {
            return Ok(needed);
        }
        // More of a trace is kept within a larger budget, but never all of what is more.
        let mut least = needed;
        while self.within(least) > least {
            least = self.within(least);
        }
        Err(least)
    }

    fn within(&self, budget: usize) -> usize {
        let engine = Engine { model: self.model, memory_budget: budget, layer: None };
        self.of_generation().max(of_variants(&engine, self.text)).max(self.of_attributions(&engine))
    }

    /// Number of forwards in which pullbacks run the blocks again whose traces do not fit into a memory budget.
    pub(super) fn forwards_again(&self, budget: usize, pullbacks: usize) -> usize {
        let AttributionWork { forwards, pullbacks: all, .. } = self.work;
        let (source, target) = (self.text.source.len(), self.text.target.len());
        let left = self.left(budget);
        let is_kept = self.model.bytes_per_trace(source, target) <= left.most_for_traces();
        if is_kept || (forwards.most == 0 && all.most == 0) {
            return 0;
        }
        let taken = self.model.bytes_of_trace_within(1, source, target, left.most_for_traces());
        let at_once = self.model.probes_within(1, source, target, left.memory_budget.saturating_sub(taken));
        pullbacks.div_ceil(at_once.max(1)).max(1)
    }

    /// The engine of attributions, beside what is kept of the whole prompt.
    fn left(&self, budget: usize) -> Engine<'_> {
        let memory_budget = budget.saturating_sub(held(self.model, self.text));
        Engine { model: self.model, memory_budget, layer: None }
    }

    fn of_generation(&self) -> usize {
        let (source, target) = (self.text.source.len(), self.text.target.len());
        match self.beams {
            0 => 0,
            beams => beams * self.model.bytes_per_history(target) + self.model.bytes_per_continuation(source, target),
        }
    }

    fn of_attributions(&self, engine: &Engine) -> usize {
        let AttributionWork { forwards, pullbacks, steps } = self.work;
        if forwards.most == 0 && pullbacks.most == 0 {
            return 0;
        }
        let (source, target) = (self.text.source.len(), self.text.target.len());
        let held = held(self.model, self.text);
        let left = self.left(engine.memory_budget);
        let trace = self.model.bytes_of_trace_within(1, source, target, left.most_for_traces());
        let states = 8 * self.model.features() * target;
        // A block's forward has about as much beside its trace as a pullback.
        let block = self.model.bytes_per_probe(source, target);
        let (at_work, values) = match pullbacks.most {
            0 => (block, self.model.decoder.blocks.iter().map(|block| block.mixer.inner.heads()).sum()),
            _ => (block.max(left.bytes_of_logits(self.text)), self.model.features()),
        };
        let steps = steps.unwrap_or_else(|| steps_at_once(&left, self.text));
        let scores = 4 * (source + target) * steps * values;
        held + (trace + states + at_work + scores).max(COPIES * scores)
    }
}

/// Number of steps of a text whose scores fit into a quarter of the memory budget.
pub(super) fn steps_at_once(engine: &Engine, text: &TextSteps) -> usize {
    let scores = 4 * (text.source.len() + text.target.len()) * engine.model.features();
    (engine.memory_budget / 4 / (COPIES * scores).max(1)).max(1)
}

/// Size of the tensors of a variant's forward, with the keys and values that it shares with others, in bytes.
pub(super) fn of_variants(engine: &Engine, text: &TextSteps) -> usize {
    let (model, source, target) = (engine.model, text.source.len(), text.target.len());
    let forward = match model.is_decoder_only() {
        // Keys and values of the whole prompt, and those of the variant.
        true => 2 * model.bytes_per_history(target) + model.bytes_per_continuation(source, target),
        false => model.bytes_per_probe(source, target),
    };
    forward + engine.bytes_of_logits(text)
}

/// Size of what is kept of the whole prompt while the method attributes it, in bytes.
pub(super) fn held(model: &Model, text: &TextSteps) -> usize {
    let states = 4 * model.features() * (text.target.len() - text.first);
    states + if model.is_decoder_only() { model.bytes_per_history(text.target.len()) } else { 0 }
}
