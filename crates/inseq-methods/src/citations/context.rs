//! What citation methods read.

use std::fmt;
use std::ops::Range;

use inseq_core::SequenceAttribution;

use super::answer::Answer;
use super::memory;
use super::prompt::{Mask, Prompt};
use super::request::CitationRequest;
use super::source_rows::SourceRows;
use super::token_scores::log_probability_of;
use super::variants::{Ids, Variants};
use crate::Result;
use crate::attributed::{Attributed, one_per_step};
use crate::attribution_model::AttributionModel;
use crate::call::Call;
use crate::context::output_ids::OutputIds;
use crate::context::sensitivity::Sensitivity;
use crate::engine::{Engine, Steps};
use crate::forward::Forward;
use crate::limits::Limits;
use crate::other_contexts::OtherIds;
use crate::request::{AttributionRequest, StepFunctionChoice};
use crate::target_spans::TargetSpans;

/// What a citation method reads: the sentences of an answer, forwards of the prompt with some of its sources, and attributions of the
/// sentences to the tokens of the prompt.
pub struct CitationContext<'a, 'c> {
    pub(super) model: &'a AttributionModel,
    pub(super) request: &'a CitationRequest,
    pub(super) prompt: &'a Prompt,
    pub(super) variants: &'a mut Variants<'c>,
    pub(super) answer: &'a Answer,
}

impl fmt::Debug for CitationContext<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CitationContext").field("sources", &self.sources()).finish_non_exhaustive()
    }
}

impl CitationContext<'_, '_> {
    /// Number of sources.
    pub fn sources(&self) -> usize {
        self.prompt.spans.len()
    }

    /// The model.
    pub fn model(&self) -> &AttributionModel {
        self.model
    }

    /// Tokens of each sentence, as spans of the answer's tokens.
    pub fn sentences(&self) -> Vec<Range<usize>> {
        self.answer.sentences.iter().map(|sentence| sentence.tokens.clone()).collect()
    }

    /// Log-odds of the answer's tokens after the prompt with the kept sources, `[mask][token]`. A mask says whether each source is
    /// kept. A mask that has been run in the call is not run again.
    ///
    /// # Errors
    /// The prompt has no token without the sources, the device fails, or the call is cancelled.
    pub fn log_odds(&mut self, masks: &[Mask]) -> Result<Vec<Vec<f64>>> {
        self.variants.log_odds(masks)
    }

    /// Log-probabilities of the sentences after the prompt with the kept sources, in nats, `[mask][sentence]`.
    ///
    /// # Errors
    /// As those of [`log_odds`](Self::log_odds).
    pub fn log_probabilities(&mut self, masks: &[Mask]) -> Result<Vec<Vec<f64>>> {
        let odds = self.log_odds(masks)?;
        let of_mask = |odds: &Vec<f64>| {
            let sum = |tokens: Range<usize>| odds[tokens].iter().map(|&odds| log_probability_of(odds)).sum();
            self.sentences().into_iter().map(sum).collect()
        };
        Ok(odds.iter().map(of_mask).collect())
    }

    /// Jensen-Shannon divergences, in nats, between the next-token distributions after the whole prompt and after the prompt with the
    /// kept sources, `[mask][token]`.
    ///
    /// # Errors
    /// As those of [`log_odds`](Self::log_odds).
    pub fn divergences(&mut self, masks: &[Mask]) -> Result<Vec<Vec<f64>>> {
        self.variants.divergences(masks)
    }

    /// The attribution of each sentence to the tokens before it, one per sentence. A sentence is a span, whose score is the sum of
    /// the scores of its tokens, by default their log-probability; all sentences are probes of one forward.
    ///
    /// The method, the attributed function and the arguments are those of `request`; texts, positions and limits are those of the
    /// call. Tokens that the call puts [aside](CitationRequest::aside) have scores of 0.
    ///
    /// # Errors
    /// An option of the request is invalid, the device fails, or the call is cancelled.
    pub fn attributions(&mut self, request: &AttributionRequest) -> Result<Vec<SequenceAttribution>> {
        let steps = self.spans();
        let runs = self.attributed(request, steps, (None, None))?;
        one_per_step(&runs)
    }

    /// The sentences as steps of the target.
    pub(super) fn spans(&self) -> Steps {
        let first = self.variants.whole.first;
        Steps::spans(self.sentences().into_iter().map(|tokens| tokens.start + first..tokens.end + first))
    }

    /// The attribution of steps of the answer, without the tokens that are put aside: one for each run of steps that follow each
    /// other. By default the attributed function is the log-probability.
    pub(super) fn attributed(
        &mut self,
        request: &AttributionRequest,
        of: Steps,
        (other, forward): (Option<OtherIds>, Option<&Forward>),
    ) -> Result<Vec<SequenceAttribution>> {
        let whole = self.variants.whole.clone();
        let run = AttributionRequest {
            input_texts: vec![self.prompt.text.clone()],
            generated_token_ids: Some(vec![whole.target.clone()]),
            target_spans: TargetSpans::Sentences,
            limits: self.limits(),
            ..request.clone()
        };
        let call = Call::resolve_with(self.variants.model, &self.model.choices, &run, other)?;
        let source = (!self.model.model().is_decoder_only()).then_some(whole.source.as_slice());
        let attributed = Attributed { source, target: &whole.target, first: whole.first, steps: of };
        let forwards = attributed.forwards(&call)?;
        let runs = self.variants.with_progress(forwards, |progress| attributed.runs(&call, forward, progress))?;
        runs.iter().map(|run| Ok(self.request.aside.put_aside(run)?)).collect()
    }

    /// The answer after the whole prompt, as ids. The tokens to study are those of the sentences.
    pub(super) fn output_with_all(&self) -> OutputIds {
        self.output(self.prompt.text.clone(), self.variants.whole.clone())
    }

    /// The answer after the prompt without any source, as ids.
    ///
    /// # Errors
    /// The prompt has no token without its sources.
    pub(super) fn output_without(&self) -> Result<OutputIds> {
        let none = vec![false; self.sources()];
        Ok(self.output(self.prompt.with(&none), self.variants.variant(&none)?))
    }

    fn output(&self, input: String, ids: Ids) -> OutputIds {
        let Ids { source, target, first } = ids;
        let positions = self.sentences().into_iter().flatten().map(|token| token + first).collect();
        let source = (!self.model.model().is_decoder_only()).then_some(source);
        OutputIds { input, source, target, first, positions }
    }

    /// The forward of the answer after the whole prompt, for the attributions of a request.
    ///
    /// # Errors
    /// The method is unknown, or the model has no such text.
    pub(super) fn forward(&self, with: &OutputIds, request: &AttributionRequest) -> Result<Forward> {
        let method = self.model.choices.method(self.variants.model, request)?;
        let memory_budget = self.variants.budget_of_attributions();
        with.all().forward(&Engine { memory_budget, ..self.variants.engine }, &*method)
    }

    /// How much the sources change each token of the sentences, by a contrastive step function.
    pub(super) fn sensitivity(
        &mut self,
        metric: &StepFunctionChoice,
        (with, without): (&OutputIds, &OutputIds),
        forward: &Forward,
    ) -> Result<Sensitivity> {
        let parts = (self.variants.model, &self.model.choices);
        let limits = self.limits();
        self.variants
            .with_progress(1, |progress| Sensitivity::of(parts, (metric, &limits), (with, without), forward, progress))
    }

    /// Number of steps of the whole prompt whose scores fit into a part of the memory budget.
    pub(super) fn steps_at_once(&self) -> usize {
        let memory_budget = self.variants.budget_of_attributions();
        let engine = Engine { memory_budget, ..self.variants.engine };
        memory::steps_at_once(&engine, &self.variants.whole.starting_at(0))
    }

    /// The limits of attributions, beside what is kept of the whole prompt.
    fn limits(&self) -> Limits {
        self.request.limits.clone().memory_budget(self.variants.budget_of_attributions())
    }

    /// The rows of each source in an attribution.
    ///
    /// # Errors
    /// The tokenizer does not tell where its tokens are, or no token begins in a source.
    pub fn source_rows(&self) -> Result<SourceRows> {
        SourceRows::of(self.variants.model, self.prompt)
    }
}
