//! Which tokens of the output depend on the context.

use std::collections::BTreeMap;

use burn::tensor::Tensor;
use inseq_core::{Salience, SequenceAttribution};

use super::output_ids::OutputIds;
use crate::call::Call;
use crate::choices::Choices;
use crate::dummy::Dummy;
use crate::forward::Forward;
use crate::limits::Limits;
use crate::progress::ProgressCallback;
use crate::request::{AttributionRequest, StepFunctionChoice};
use crate::step_functions::{SharedStepFunction, StepContext, StepFunction};
use crate::text_model::TextModel;
use crate::{Error, Result};

/// The sensitivity of each token of the output to study.
#[derive(Debug)]
pub(crate) struct Sensitivity {
    /// Score of each token, by the metric.
    pub(crate) scores: Vec<f32>,
    /// Id of the likeliest token in the place of each, without the context.
    pub(crate) likeliest: Vec<u32>,
    /// The steps of the text without its context, in runs of tokens that follow each other, with their scores.
    pub(crate) runs: Vec<SequenceAttribution>,
    /// Last hidden states of the text without its context, `[position, feature]`.
    pub(crate) states: Tensor<2>,
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
    /// The metric is unknown or compares nothing, the device fails, or the call is cancelled.
    pub(crate) fn of(
        (model, choices): (&TextModel, &Choices),
        (metric, limits): (&StepFunctionChoice, &Limits),
        (with, without): (&OutputIds, &OutputIds),
        forward: &Forward,
        progress: ProgressCallback,
    ) -> Result<Self> {
        let run = Self::request(metric, limits).generated_token_ids(vec![without.target.clone()]);
        let other = without.compared_with((with, forward.states()), &BTreeMap::new(), true);
        let call = Call::resolve_with(model, choices, &run, Some(other))?;
        let attributed = without.all();
        let own = attributed.forward(&call.attributing().engine(), &*call.method)?;
        let mut runs = attributed.runs(&call, Some(&own), progress)?;
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

    /// The request of the metric's scores, without a text.
    fn request(metric: &StepFunctionChoice, limits: &Limits) -> AttributionRequest {
        let likeliest: SharedStepFunction = std::sync::Arc::new(Likeliest);
        let scores = [metric.clone(), StepFunctionChoice::Own(likeliest)];
        AttributionRequest::new([""]).method(Dummy).step_scores(scores).limits(limits.clone())
    }

    /// Refuses a metric that is unknown or compares nothing.
    ///
    /// # Errors
    /// The metric is one of these.
    pub(crate) fn check(
        (model, choices): (&TextModel, &Choices),
        metric: &StepFunctionChoice,
        limits: &Limits,
        argument: &str,
    ) -> Result<()> {
        let run = Self::request(metric, limits);
        let call = Call::resolve_with(model, choices, &run, Some(Default::default()))?;
        match call.step_scores.first().filter(|metric| metric.contrast().is_none()) {
            None => Ok(()),
            Some(metric) => Err(Error::argument(
                argument,
                format!(
                    "`{argument}` is `{}`, which compares nothing; choose a contrastive step function such as kl_divergence or pcxmi",
                    metric.name()
                ),
            )),
        }
    }

    /// Indices of the context-sensitive tokens, the most sensitive one first.
    pub(crate) fn selected(&self, salience: Salience) -> Vec<usize> {
        salience.select(&self.scores)
    }
}
