//! Integrated gradients.

use burn::tensor::Tensor;
use inseq_core::{About, Argument};
use inseq_models::model::{Model, Source};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Collector, delta, times_embeddings, weighted};
use crate::engine::{Point, TextSteps};
use crate::method::{Attributions, Cost, Method, MethodContext, MethodInfo, fields, from_arguments};
use crate::quadrature::Quadrature;
use crate::{Count, Result};

/// Its arguments, in the order of the fields.
pub(super) const ARGUMENTS: &[Argument] = &[
    Argument::new("n_steps", "50", "Number of points on the path, 1 to 100000."),
    Quadrature::ARGUMENT,
    super::INTERNAL_BATCH_SIZE,
    super::MULTIPLY_BY_INPUTS,
    super::RETURN_CONVERGENCE_DELTA,
];

/// The entry of the registry.
pub(crate) fn info() -> MethodInfo {
    MethodInfo {
        about: About {
            name: "integrated_gradients",
            description: "How much does each feature contribute on the path from a baseline to the input?",
            details: "The mean gradient on the straight line from the baseline's embeddings to the input's, \
                      times the difference of the embeddings. Scores sum to the difference of the attributed function \
                      (completeness). The baseline of a token is the unknown token; the end-of-sequence token and the \
                      decoder start stay.",
            arguments: ARGUMENTS,
        },
        cost: "n_steps forwards, n_steps pullbacks per step",
        citation: "Sundararajan et al. (2017), Axiomatic Attribution for Deep Networks, \
                   https://arxiv.org/abs/1703.01365",
        make: from_arguments::<IntegratedGradients>("integrated_gradients"),
    }
}

/// How much does each feature contribute on the path from a baseline to the input?
///
/// `(x - b) · ∫ d score / d x (b + a (x - b)) da`. Granular scores `[input, step, feature]`, signed; they sum to the
/// difference of the scores at input and baseline. Cost: `n_steps` forwards, `n_steps` pullbacks per step.
/// Sundararajan et al., 2017, <https://arxiv.org/abs/1703.01365>.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct IntegratedGradients {
    /// Number of points on the path.
    pub n_steps: Count<1>,
    /// Quadrature rule of the integral.
    pub method: Quadrature,
    /// Number of points that go through the model at once; `None` uses the memory budget.
    pub internal_batch_size: Option<Count<1>>,
    /// Whether averaged gradients are multiplied by the difference of input and baseline.
    pub multiply_by_inputs: bool,
    /// Whether the step score `deltas` gives the error of completeness.
    pub return_convergence_delta: bool,
}

impl Default for IntegratedGradients {
    fn default() -> Self {
        Self {
            n_steps: Count::of::<50>(),
            method: Quadrature::default(),
            internal_batch_size: None,
            multiply_by_inputs: true,
            return_convergence_delta: false,
        }
    }
}

impl Method for IntegratedGradients {
    fn name(&self) -> &str {
        "integrated_gradients"
    }

    fn arguments(&self) -> Map<String, Value> {
        fields(self)
    }

    fn validate(&self) -> Result<()> {
        self.method.check("integrated_gradients", self.n_steps)
    }

    fn attribute_text(&self, context: &mut MethodContext, entry: usize) -> Result<Attributions> {
        let text = context.text(entry);
        let engine = context.engine;
        let wanted = context.wanted();
        let input = engine.inputs(&[text])?;
        let baseline = engine.baselines(&input, wanted)?;
        let mut collector = Collector::new(&[text], engine.features(), wanted);
        let points = self.method.points(self.n_steps.get());
        let at_once = self.internal_batch_size.map_or_else(|| engine.entries_that_fit(text), Count::get);
        let function = context.function.clone();
        for part in points.chunks(at_once) {
            let point = between(&input, &baseline, text, part);
            let trace = engine.trace(&point);
            let weights: Vec<f32> = part.iter().map(|p| p.1).collect();
            engine.gradients(&point, &trace, &*function, wanted, |steps, _, gradients| {
                (context.advance)(steps.len() * part.len())?;
                collector.add(0, 0, steps, &weighted(gradients, &weights))
            })?;
        }
        let mut result = collector.finish();
        if self.multiply_by_inputs {
            times_embeddings(&mut result, &input, Some(&baseline))?;
        }
        let mut result = result.pop().unwrap_or_default();
        if self.return_convergence_delta {
            let start = engine.scores(&baseline, engine.trace(&baseline).hidden(), &[&*function])?;
            let end = engine.scores(&input, engine.trace(&input).hidden(), &[&*function])?;
            result.step_scores.push(("deltas".into(), delta(&result, &start[0][0], &end[0][0])));
        }
        Ok(result)
    }

    fn cost(&self, _: &Model, _: &TextSteps, _: bool) -> Cost {
        Cost::exactly(self.n_steps.get(), self.n_steps.get())
    }
}

/// The points `b + a (x - b)`, one entry each.
fn between<'a>(input: &Point<'a>, baseline: &Point<'a>, text: &'a TextSteps, points: &[(f32, f32)]) -> Point<'a> {
    let device = input.target.device();
    let alphas: Vec<f32> = points.iter().map(|p| p.0).collect();
    let alphas = Tensor::<1>::from_data(alphas.as_slice(), &device).reshape([points.len(), 1, 1]);
    let path = |x: &Tensor<3>, b: &Tensor<3>| b.clone() + alphas.clone() * (x.clone() - b.clone());
    let source = match (&input.source, &baseline.source) {
        (Some(x), Some(b)) => Some(Source {
            embeddings: path(&x.embeddings, &b.embeddings),
            lengths: vec![text.source.len(); points.len()],
        }),
        _ => None,
    };
    Point { texts: vec![text; points.len()], source, target: path(&input.target, &baseline.target) }
}
