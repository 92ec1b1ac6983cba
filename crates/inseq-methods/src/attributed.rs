//! Attribution of some steps of a text that is given as ids.

use std::ops::ControlFlow;

use inseq_core::SequenceAttribution;
use inseq_core::aggregators::{Aggregator, Pipeline, Scaling};

use crate::attributing::{Attributing, Work};
use crate::call::Call;
use crate::engine::{Engine, Steps, TextSteps};
use crate::forward::Forward;
use crate::method::Method;
use crate::progress::{Progress, ProgressCallback};
use crate::targets::Target;
use crate::{Error, Result};

/// A text as ids, with the steps to attribute.
pub(crate) struct Attributed<'a> {
    /// Source of an encoder-decoder.
    pub(crate) source: Option<&'a [u32]>,
    /// Target; of a decoder-only model with its prompt.
    pub(crate) target: &'a [u32],
    /// Position of the first token of the target that can be attributed.
    pub(crate) first: usize,
    /// Tokens of the target, or spans of them.
    pub(crate) steps: Steps,
}

impl Attributed<'_> {
    fn text(&self, call: &Call) -> Result<TextSteps> {
        let source = self.source.unwrap_or(&self.target[..self.first]).to_vec();
        let target = Target { source, target: self.target.to_vec(), text: String::new(), notes: Vec::new() };
        call.text_steps(&target, 0, self.steps.clone())
    }

    /// The forward of the text up to the last of the steps, for attributions by a method.
    ///
    /// # Errors
    /// The model has no such text.
    pub(crate) fn forward(&self, engine: &Engine, method: &dyn Method) -> Result<Forward> {
        let text = TextSteps {
            index: 0,
            source: self.source.unwrap_or_default().to_vec(),
            source_baseline: Vec::new(),
            target: self.target.to_vec(),
            target_baseline: Vec::new(),
            source_features: Vec::new(),
            target_features: Vec::new(),
            first: self.first,
            steps: self.steps.clone(),
        };
        Forward::of(engine, method.propagation(), &text)
    }

    /// Upper bound of the number of forwards of the text.
    ///
    /// # Errors
    /// The tokenizer fails.
    pub(crate) fn forwards(&self, call: &Call) -> Result<usize> {
        let cost = call.method.cost(call.texts.model.model(), &self.text(call)?, call.has_target_scores);
        Ok(cost.forwards.most)
    }

    /// The attribution of the steps, one for each run of steps that follow each other. All steps are probes of one
    /// forward: the given one, if it is that of the text up to one of the steps or further.
    ///
    /// # Errors
    /// The method, a step function or the device fails, or the call is cancelled.
    pub(crate) fn runs(
        &self,
        call: &Call,
        forward: Option<&Forward>,
        progress: ProgressCallback,
    ) -> Result<Vec<SequenceAttribution>> {
        let text = self.text(call)?;
        let mut runs = Vec::new();
        let progress = &mut |news: Progress| match call.is_cancelled() {
            true => ControlFlow::Break(()),
            false => progress(news),
        };
        let attributing = Attributing { forward, ..call.attributing() };
        attributing.run(std::slice::from_ref(&text), &mut Work::default(), progress, |text, attributions| {
            if call.is_cancelled() {
                return Err(Error::Cancelled);
            }
            runs = call.finished(text, attributions)?.sequences;
            Ok(())
        })?;
        Ok(runs)
    }
}

/// One attribution for each step of some runs.
///
/// # Errors
/// Arrays do not fit their tokens.
pub(crate) fn one_per_step(runs: &[SequenceAttribution]) -> Result<Vec<SequenceAttribution>> {
    let steps = runs.iter().flat_map(|run| (0..run.steps()).map(move |step| run.slice_steps(step..step + 1)));
    Ok(steps.collect::<inseq_core::Result<Vec<_>>>()?)
}

/// One score per token of an attribution.
///
/// # Errors
/// The aggregator fails, or merges tokens.
pub(crate) fn one_score_per_token(
    aggregator: &dyn Aggregator,
    raw: &SequenceAttribution,
) -> Result<SequenceAttribution> {
    let aggregated = aggregator.aggregate(raw)?;
    let is_same = aggregated.source.len() == raw.source.len() && aggregated.target.len() == raw.target.len();
    let has_more = [&aggregated.source_attributions, &aggregated.target_attributions];
    if !is_same || has_more.into_iter().flatten().any(|scores| scores.ndim() != 2) {
        return Err(Error::argument(
            "aggregator",
            "the aggregation must give one score for each token of the model's input; leave out aggregators that merge, choose or \
             drop tokens, and reduce all axes of the method (layers, heads, features)"
                .into(),
        ));
    }
    Ok(aggregated)
}

/// The default aggregation of an attribution, with a scaling after each reduction.
pub(crate) fn default_aggregation(raw: &SequenceAttribution, scaling: Scaling) -> Pipeline {
    let scores = raw.kind.default_scores().into_iter().map(|scores| scores.scaling(scaling));
    scores.fold(Pipeline::new(), Pipeline::then)
}
