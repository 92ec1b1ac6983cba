//! Integrated gradients.

use burn::tensor::Tensor;
use inseq_models::model::{Model, Source, Wanted};
use serde::Deserialize;

use super::{Collector, Quadrature, delta, weighted};
use crate::engine::{Point, TextSteps};
use crate::method::{Attributions, Cost, Method, MethodContext, MethodInfo, names_of, options, times_embeddings};
use crate::{Count, Result};

pub(crate) const INFO: MethodInfo = MethodInfo {
    name: "integrated_gradients",
    description: "How much does each feature contribute on the way from a baseline to the input?",
    cost: "n_steps forwards, n_steps pullbacks a step",
    paper: "Sundararajan et al. (2017), Axiomatic Attribution for Deep Networks, https://arxiv.org/abs/1703.01365",
    details: "The gradient averaged over the straight line from the baseline's embeddings to the input's, times the \
              difference. Scores sum to the difference of the attributed function (completeness). Every token's \
              baseline is the unknown token; the end-of-sequence token and the decoder start stay. Arguments: \
              `n_steps` (50), `method` (gausslegendre, riemann_right, riemann_left, riemann_middle, \
              riemann_trapezoid), `internal_batch_size` (from the memory budget), `multiply_by_inputs` (true), \
              `return_convergence_delta` (false).",
    arguments: names_of::<IntegratedGradients>,
    make: |arguments| {
        let method: IntegratedGradients = options("integrated_gradients", arguments)?;
        method.validate()?;
        Ok(Box::new(method))
    },
};

/// How much does each feature contribute on the way from a baseline to the input?
///
/// `(x - b) · ∫ d score / d x (b + a (x - b)) da`. Granular scores `[input, step, feature]`, signed; they sum to the
/// difference of the scores at input and baseline. Cost: `n_steps` forwards, `n_steps` pullbacks a step.
/// Sundararajan et al., 2017, <https://arxiv.org/abs/1703.01365>.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IntegratedGradients {
    /// Points on the path.
    pub n_steps: Count<1>,
    /// The rule of the integral.
    pub method: Quadrature,
    /// Points that go through the model at once; from the memory budget where there is none.
    pub internal_batch_size: Option<Count<1>>,
    /// Whether averaged gradients are multiplied by the way from the baseline to the input.
    pub multiply_by_inputs: bool,
    /// Whether the step score `deltas` tells by how much completeness is missed.
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

impl IntegratedGradients {
    pub(crate) fn validate(&self) -> Result<()> {
        self.method.check("integrated_gradients", self.n_steps)
    }

    /// One text; its points lie on the batch axis.
    fn attribute_text<'a>(&self, context: &mut MethodContext<'a>, text: &'a TextSteps) -> Result<Attributions> {
        let engine = context.engine;
        let model = engine.model;
        let wanted = Wanted { source: model.encoder.is_some(), target: context.attribute_target, first: &[] };
        let input = engine.inputs(&[text]);
        let mut baseline = engine.baselines(&[text]);
        if !wanted.target {
            baseline.target = input.target.clone();
        }
        let shape = std::iter::once((text.source.len(), text.steps.end, text.steps.len()));
        let mut collector = Collector::new(shape, engine.features(), wanted);
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
}

impl Method for IntegratedGradients {
    fn name(&self) -> &'static str {
        "integrated_gradients"
    }

    fn attribute(&self, context: &mut MethodContext) -> Result<Vec<Attributions>> {
        let texts = context.point.texts.clone();
        texts.into_iter().map(|text| self.attribute_text(context, text)).collect()
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
