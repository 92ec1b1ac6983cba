//! DeepLIFT.

use inseq_core::{About, Argument};
use inseq_models::layers::{Compared, Propagation};
use inseq_models::model::{Model, Trace};
use ndarray::Array1;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Collector, times_embeddings};
use crate::engine::{Point, TextSteps};
use crate::method::{Attributions, Cost, Method, MethodContext, MethodInfo, fields, from_arguments};
use crate::{Error, Result};

/// Its arguments, in the order of the fields.
pub(super) const ARGUMENTS: &[Argument] = &[
    Argument::new(
        "rule",
        "captum",
        "Operations that are rescaled: captum (ReLU, leaky ReLU, sigmoid and tanh) or full (every nonlinear operation).",
    ),
    Argument::new(
        "multiply_by_inputs",
        "true",
        "Whether multipliers are multiplied by the difference of input and baseline.",
    ),
    super::RETURN_CONVERGENCE_DELTA,
];

/// The entry of the registry.
pub(crate) fn info() -> MethodInfo {
    MethodInfo {
        about: About {
            name: "deeplift",
            description: "How much of the score's difference does each feature's difference from the baseline explain?",
            details: "Differences to the baseline are propagated back by difference quotients. With `rule` `captum`, \
                      as in Captum and the reference, only ReLU, leaky ReLU, sigmoid and tanh are rescaled; all other \
                      operations use their gradient at the input. With `full` every nonlinear operation is rescaled, \
                      including attention, norms, gates and the attributed function, so the scores sum to the \
                      difference of the attributed function at input and baseline. Scores are signed.",
            arguments: ARGUMENTS,
        },
        cost: "1 forward, or 2 if an operation is rescaled; 1 pullback per step",
        citation: "Shrikumar et al. (2017), Learning Important Features Through Propagating Activation \
                   Differences, https://arxiv.org/abs/1704.02685",
        make: from_arguments::<DeepLift>("deeplift"),
    }
}

/// How much of the score's difference does each feature's difference from the baseline explain?
///
/// Granular scores `[input, step, feature]`, signed. Cost: one forward, or two if an operation is rescaled, and one pullback
/// per step. Shrikumar et al., 2017, <https://arxiv.org/abs/1704.02685>.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeepLift {
    /// Operations that are rescaled.
    pub rule: DeepLiftRule,
    /// Whether multipliers are multiplied by the difference from the baseline.
    pub multiply_by_inputs: bool,
    /// Whether the step score `deltas` gives the error of completeness.
    pub return_convergence_delta: bool,
}

impl Default for DeepLift {
    fn default() -> Self {
        Self { rule: DeepLiftRule::Captum, multiply_by_inputs: true, return_convergence_delta: false }
    }
}

/// Operations that propagate differences instead of gradients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DeepLiftRule {
    /// ReLU, leaky ReLU, sigmoid and tanh, as in Captum.
    #[default]
    Captum,
    /// Every nonlinear operation.
    Full,
}

impl DeepLift {
    fn propagation(&self) -> Propagation {
        match self.rule {
            DeepLiftRule::Captum => Propagation::RECTIFIERS,
            DeepLiftRule::Full => Propagation::DIFFERENCES,
        }
    }

    /// The baseline is needed only if an operation is rescaled, or if its score is requested.
    fn forwards(&self, model: &Model) -> usize {
        if self.propagation().changes(model) || self.return_convergence_delta { 2 } else { 1 }
    }
}

impl Method for DeepLift {
    fn name(&self) -> &str {
        "deeplift"
    }

    fn arguments(&self) -> Map<String, Value> {
        fields(self)
    }

    fn attribute_text(&self, context: &mut MethodContext, entry: usize) -> Result<Attributions> {
        let point = context.engine.inputs(&[context.text(entry)])?;
        let trace = context.engine.trace(&point);
        Ok(self.explained(context, &point, &trace)?.pop().unwrap_or_default())
    }

    fn attribute(&self, context: &mut MethodContext) -> Result<Vec<Attributions>> {
        self.explained(context, context.point, context.trace)
    }

    fn check(&self, model: &Model) -> Result<()> {
        self.propagation().check(model).map_err(|reason| {
            let way_out = match self.rule {
                DeepLiftRule::Captum => "use `integrated_gradients`",
                DeepLiftRule::Full => "use `integrated_gradients`, or the rule `captum`",
            };
            Error::argument("method", format!("deeplift: {reason}; {way_out}"))
        })
    }

    fn cost(&self, model: &Model, _: &TextSteps, _: bool) -> Cost {
        Cost::exactly(self.forwards(model), 1)
    }
}

impl DeepLift {
    /// Attributes the texts of a point together.
    fn explained(&self, context: &mut MethodContext, point: &Point, trace: &Trace) -> Result<Vec<Attributions>> {
        let engine = context.engine;
        let model = engine.model;
        let wanted = context.wanted();
        let texts = &point.texts;
        let baseline = engine.baselines(point, wanted)?;
        let (propagation, forwards) = (self.propagation(), self.forwards(model));
        let start = (forwards > 1).then(|| engine.trace_by(propagation, &baseline));
        let compared = match &start {
            Some(start) if propagation.changes(model) => {
                Some(engine.trace_by(propagation, point).between(start, model))
            }
            _ => None,
        };
        let trace = compared.as_ref().unwrap_or(trace);
        let mut collector = Collector::new(texts, engine.features(), wanted);
        let function = context.function.clone();
        let advance = &mut *context.advance;
        let mut ends: Vec<Vec<f32>> = vec![Vec::new(); texts.len()];
        let each = |steps: std::ops::Range<usize>, scores: Vec<f32>, gradients| {
            for (entry, scores) in scores.chunks(steps.len()).enumerate() {
                let live = texts[entry].steps.len().saturating_sub(steps.start).min(steps.len());
                ends[entry].extend(&scores[..live]);
                collector.add(entry, entry, steps.clone(), &gradients)?;
            }
            let live = |t: &&TextSteps| steps.end.min(t.steps.len()).saturating_sub(steps.start);
            advance(forwards * texts.iter().map(live).sum::<usize>())
        };
        match &start {
            Some(start) if propagation.compared == Compared::Everything => {
                engine.differences(point, trace, start.hidden(), &*function, wanted, each)?;
            }
            _ => engine.gradients(point, trace, &*function, wanted, each)?,
        }
        let mut results = collector.finish();
        if self.multiply_by_inputs {
            times_embeddings(&mut results, point, Some(&baseline))?;
        }
        if self.return_convergence_delta
            && let Some(start) = &start
        {
            let starts = engine.scores(&baseline, start.hidden(), &[&*function])?.swap_remove(0);
            for (result, (start, end)) in results.iter_mut().zip(starts.iter().zip(&ends)) {
                let delta: Array1<f32> = super::delta(result, start, end);
                result.step_scores.push(("deltas".into(), delta));
            }
        }
        Ok(results)
    }
}
