//! Which tokens of the output depend on the context.

use burn::tensor::Tensor;
use inseq_core::{Salience, SequenceAttribution};

use super::passage::Reader;
use super::request::ContextRequest;
use super::texts::{WithContext, WithoutContext};
use crate::Result;
use crate::call::Call;
use crate::choices::Choices;
use crate::dummy::Dummy;
use crate::forward::Forward;
use crate::other_contexts::{Alternative, OtherIds};
use crate::progress::ProgressCallback;
use crate::request::{AttributionRequest, StepFunctionChoice};
use crate::step_functions::{SharedStepFunction, StepContext, StepFunction};

/// The sensitivity of each token of the output to study.
#[derive(Debug)]
pub(super) struct Sensitivity {
    /// Score of each token, by the metric.
    pub(super) scores: Vec<f32>,
    /// Id of the likeliest token in the place of each, without the context.
    pub(super) likeliest: Vec<u32>,
    /// The steps of the text without its context, in runs of tokens that follow each other, with their scores.
    pub(super) runs: Vec<SequenceAttribution>,
    /// Last hidden states of the text without its context, `[position, feature]`.
    pub(super) states: Tensor<2>,
}

/// The likeliest token of each step.
struct Likeliest;

impl StepFunction for Likeliest {
    fn name(&self) -> &str {
        "likeliest_token"
    }

    /// Ids up to 16,777,216 are exact.
    fn evaluate(&self, context: &StepContext) -> Result<Tensor<1>> {
        Ok(context.logits.clone().argmax(1).float().squeeze_dim(1))
    }
}

impl Sensitivity {
    /// Compares the steps of the text without its context with those of the text with it, whose forward is there.
    ///
    /// # Errors
    /// The metric or the device fails, or the call is cancelled.
    pub(super) fn of(
        reader: &Reader,
        choices: &Choices,
        request: &ContextRequest,
        (with, without): (&WithContext, &WithoutContext),
        forward: &Forward,
        progress: ProgressCallback,
    ) -> Result<Self> {
        let alternative =
            |position: usize| Alternative { position, token: with.target.ids[position], in_own_context: false };
        let alternatives = without.positions.iter().copied().zip(with.positions.iter().map(|&p| alternative(p)));
        let other = OtherIds {
            source: with.source.as_ref().map(|source| source.ids.clone()),
            target: with.target.ids.clone(),
            states: Some(forward.states()),
            alternatives: alternatives.collect(),
        };
        let likeliest: SharedStepFunction = std::sync::Arc::new(Likeliest);
        let scores = [request.context_sensitivity_metric.clone(), StepFunctionChoice::Own(likeliest)];
        let run = AttributionRequest::new([without.input.clone()])
            .generated_token_ids(vec![without.target.clone()])
            .method(Dummy)
            .step_scores(scores)
            .limits(request.limits.clone());
        let call = Call::resolve_with(reader.model, choices, &run, Some(other))?;
        let attributed = without.attributed();
        let own = attributed.forward(&call.attributing().engine())?;
        let mut runs = attributed.runs(&call, &own, progress)?;
        let [metric, greedy] = [0, 1].map(|place| call.step_scores.get(place).map_or("", |function| function.name()));
        let all = |name: &str| {
            runs.iter().filter_map(|run| run.step_scores.get(name)).flatten().copied().collect::<Vec<f32>>()
        };
        let (scores, likeliest) = (all(metric), all(greedy).into_iter().map(|id| id as u32).collect());
        for run in &mut runs {
            run.step_scores.shift_remove(greedy);
        }
        Ok(Self { scores, likeliest, runs, states: own.states() })
    }

    /// Indices of the context-sensitive tokens, the most sensitive one first.
    pub(super) fn selected(&self, salience: Salience) -> Vec<usize> {
        salience.select(&self.scores)
    }
}
