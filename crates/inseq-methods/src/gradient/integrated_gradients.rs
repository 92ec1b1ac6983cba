//! Integrated gradients.

use burn::tensor::Tensor;
use inseq_models::model::{InputCotangents, Source, Wanted};
use ndarray::Array1;
use serde::Deserialize;

use super::{Collector, Quadrature};
use crate::engine::{Point, TextSteps};
use crate::method::{Attributions, Method, MethodContext, times_embeddings};
use crate::{Error, Result};

/// How much does each feature contribute on the way from a baseline to the input?
///
/// `(x - b) · ∫ d score / d x (b + a (x - b)) da`. Granular scores `[input, step, feature]`, signed; they sum to the
/// difference of the scores at input and baseline. Cost: `n_steps` forwards, `n_steps` pullbacks a step.
/// Sundararajan et al., 2017, <https://arxiv.org/abs/1703.01365>.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IntegratedGradients {
    /// Points on the path.
    pub n_steps: usize,
    /// The rule of the integral.
    pub method: Quadrature,
    /// Points that go through the model at once; from the memory budget where there is none.
    pub internal_batch_size: Option<usize>,
    /// Whether averaged gradients are multiplied by the way from the baseline to the input.
    pub multiply_by_inputs: bool,
    /// Whether the step score `deltas` tells by how much completeness is missed.
    pub return_convergence_delta: bool,
}

impl Default for IntegratedGradients {
    fn default() -> Self {
        Self {
            n_steps: 50,
            method: Quadrature::default(),
            internal_batch_size: None,
            multiply_by_inputs: true,
            return_convergence_delta: false,
        }
    }
}

impl IntegratedGradients {
    pub(crate) fn validate(&self) -> Result<()> {
        let least = if self.method == Quadrature::GaussLegendre { 1 } else { 2 };
        if !(least..=100_000).contains(&self.n_steps) {
            return Err(Error::Argument(format!(
                "integrated_gradients: `n_steps` must lie between {least} and 100000, found {}",
                self.n_steps
            )));
        }
        if self.internal_batch_size == Some(0) {
            return Err(Error::Argument(
                "integrated_gradients: `internal_batch_size` must be at least 1, found 0".into(),
            ));
        }
        Ok(())
    }

    /// One text; its points lie on the batch axis.
    fn attribute_text(&self, context: &mut MethodContext, text: &TextSteps) -> Result<Attributions> {
        let engine = context.engine;
        let model = engine.model;
        let wanted = Wanted { source: model.encoder.is_some(), target: context.attribute_target };
        let input = Point::of_texts(model, &[text]);
        let mut baseline = Point::of_baselines(model, &[text]);
        if !wanted.target {
            baseline.target = input.target.clone();
        }
        let shape = std::iter::once((text.source.len(), text.steps.end, text.steps.len()));
        let mut collector = Collector::new(shape, model.features(), wanted);
        let points = self.method.points(self.n_steps);
        let at_once = self.internal_batch_size.unwrap_or_else(|| engine.entries_that_fit(text)).min(self.n_steps);
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
            let start = engine.scores(&baseline, &engine.trace(&baseline), &[&*function])?;
            let end = engine.scores(&input, &engine.trace(&input), &[&*function])?;
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

    fn passes(&self) -> usize {
        self.n_steps
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

/// The sum over entries, weighted, as one entry.
fn weighted(gradients: InputCotangents, weights: &[f32]) -> InputCotangents {
    let sum = |gradient: Tensor<4>| {
        let [entries, probes, rows, features] = gradient.dims();
        let weights = Tensor::<1>::from_data(weights, &gradient.device()).cast(gradient.dtype());
        // A product with a row of weights reads each gradient once.
        let flat = gradient.reshape([entries, probes * rows * features]);
        weights.reshape([1, entries]).matmul(flat).reshape([1, probes, rows, features])
    };
    InputCotangents { source: gradients.source.map(sum), target: gradients.target.map(sum) }
}

/// What the scores of each step sum to, less the difference that they should sum to.
fn delta(result: &Attributions, start: &[f32], end: &[f32]) -> Array1<f32> {
    let mut sums = vec![0f64; start.len()];
    for array in [&result.source, &result.target].into_iter().flatten() {
        for rows in array.axis_iter(ndarray::Axis(0)) {
            for (sum, row) in sums.iter_mut().zip(rows.axis_iter(ndarray::Axis(0))) {
                *sum += row.iter().map(|v| f64::from(*v)).sum::<f64>();
            }
        }
    }
    sums.iter().zip(start.iter().zip(end)).map(|(sum, (s, e))| (sum - f64::from(e - s)) as f32).collect()
}
