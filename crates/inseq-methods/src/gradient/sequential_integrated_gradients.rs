//! Sequential integrated gradients.

use burn::tensor::{Int, Tensor};
use inseq_core::{About, Argument};
use inseq_models::model::{Model, Source, Wanted};
use ndarray::{Array3, Axis};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::device::read;
use crate::engine::{Point, TextSteps};
use crate::method::{Attributions, Cost, Method, MethodContext, MethodInfo, fields, from_arguments};
use crate::quadrature::Quadrature;
use crate::{Count, Result};

/// Its arguments, in the order of the fields.
const ARGUMENTS: &[Argument] = &[
    Argument::new("n_steps", "50", "Number of points on the path of each token, 1 to 100000."),
    Quadrature::ARGUMENT,
    super::INTERNAL_BATCH_SIZE,
    super::MULTIPLY_BY_INPUTS,
];

/// The entry of the registry.
pub(crate) fn info() -> MethodInfo {
    MethodInfo {
        about: About {
            name: "sequential_integrated_gradients",
            description: "How much does each feature contribute on the path of its own token from the baseline, with all \
                          other tokens unchanged?",
            details: "Integrated gradients of one token at a time, with all other tokens unchanged. The scores of a token \
                      sum to the effect of this token alone. Scores are signed.",
            arguments: ARGUMENTS,
        },
        cost: "n_steps forwards per token, n_steps pullbacks per token and step",
        citation: "Enguehard (2023), Sequential Integrated Gradients, https://arxiv.org/abs/2305.15853",
        make: from_arguments::<SequentialIntegratedGradients>("sequential_integrated_gradients"),
    }
}

/// How much does each feature contribute on the path of its own token from the baseline, with all other tokens unchanged?
///
/// Granular scores `[input, step, feature]`, signed; the scores of a token sum to the effect of this token alone. Cost:
/// `n_steps` forwards per token, `n_steps` pullbacks per token and step. Enguehard, 2023, <https://arxiv.org/abs/2305.15853>.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct SequentialIntegratedGradients {
    /// Number of points on the path of each token.
    pub n_steps: Count<1>,
    /// Quadrature rule of the integral.
    pub method: Quadrature,
    /// Number of points that go through the model at once; `None` uses the memory budget.
    pub internal_batch_size: Option<Count<1>>,
    /// Whether averaged gradients are multiplied by the difference of input and baseline.
    pub multiply_by_inputs: bool,
}

impl Default for SequentialIntegratedGradients {
    fn default() -> Self {
        Self {
            n_steps: Count::of::<50>(),
            method: Quadrature::default(),
            internal_batch_size: None,
            multiply_by_inputs: true,
        }
    }
}

impl Method for SequentialIntegratedGradients {
    fn name(&self) -> &str {
        "sequential_integrated_gradients"
    }

    fn arguments(&self) -> Map<String, Value> {
        fields(self)
    }

    fn validate(&self) -> Result<()> {
        self.method.check("sequential_integrated_gradients", self.n_steps)
    }

    fn attribute_text(&self, context: &mut MethodContext, entry: usize) -> Result<Attributions> {
        let text = context.text(entry);
        let engine = context.engine;
        let all = Wanted { target: true, ..context.wanted() };
        let input = engine.inputs(&[text])?;
        let baseline = engine.baselines(&input, all)?;
        let points = self.method.points(self.n_steps.get());
        let places = |of_source: bool, ids: &[u32], baseline: &[u32]| -> Vec<Place> {
            let each = ids.iter().zip(baseline).enumerate().filter(|(_, (id, baseline))| id != baseline);
            each.flat_map(|(position, _)| {
                points.iter().map(move |&(alpha, weight)| Place { of_source, position, alpha, weight })
            })
            .collect()
        };
        let source_places = places(true, &text.source, &text.source_baseline);
        let seen = text.seen();
        let target_places = match context.attribute_target {
            true => places(false, &text.target[..seen], &text.target_baseline[..seen]),
            false => Vec::new(),
        };

        let (steps, features) = (text.steps.len(), engine.features());
        let mut source = Array3::<f32>::zeros((text.source.len(), steps, features));
        let mut target = Array3::<f32>::zeros((text.steps.end(), steps, features));
        let at_once = self.internal_batch_size.map_or_else(|| engine.entries_that_fit(text), Count::get);
        let function = context.function.clone();
        for part in source_places.chunks(at_once).chain(target_places.chunks(at_once)) {
            let of_source = part[0].of_source;
            // Nothing before the token that moves hangs on it.
            let first: Vec<usize> = part.iter().filter(|_| !of_source).map(|place| place.position).collect();
            let wanted = Wanted { source: of_source, target: !of_source, first: &first };
            let point = moved(&input, &baseline, text, part);
            let trace = engine.trace(&point);
            let into = if of_source { &mut source } else { &mut target };
            engine.gradients(&point, &trace, &*function, wanted, |range, _, gradients| {
                (context.advance)(range.len() * part.len())?;
                let Some(gradients) = (if of_source { gradients.source } else { gradients.target }) else {
                    return Ok(());
                };
                let [entries, probes, rows, features] = gradients.dims();
                // Of each entry only the row of the token that moves.
                let index: Vec<i64> = (0..entries * probes)
                    .map(|row| (row * rows + part[row / probes].position.min(rows - 1)) as i64)
                    .collect();
                let index = Tensor::<1, Int>::from_data(index.as_slice(), &gradients.device());
                let own = gradients.reshape([entries * probes * rows, features]).select(0, index);
                let values = read(own, "gradients")?;
                for (row, values) in values.chunks(features).enumerate() {
                    let (place, step) = (part[row / probes], range.start + row % probes);
                    if step < steps && (of_source || place.position < text.steps.position(step)) {
                        let mut row = into.index_axis_mut(Axis(0), place.position);
                        row.index_axis_mut(Axis(0), step)
                            .iter_mut()
                            .zip(values)
                            .for_each(|(sum, value)| *sum += place.weight * value);
                    }
                }
                Ok(())
            })?;
        }
        let mut result = [Attributions {
            source: context.wanted().source.then(|| source.into_dyn()),
            target: context.attribute_target.then(|| target.into_dyn()),
            ..Attributions::default()
        }];
        if self.multiply_by_inputs {
            super::times_embeddings(&mut result, &input, Some(&baseline))?;
        }
        let [result] = result;
        Ok(result)
    }

    fn cost(&self, _: &Model, text: &TextSteps, attribute_target: bool) -> Cost {
        // What is equal to its baseline has no way to go.
        let moved =
            |ids: &[u32], baseline: &[u32]| ids.iter().zip(baseline).filter(|(id, baseline)| id != baseline).count();
        let seen = if attribute_target { text.seen() } else { 0 };
        let target = moved(&text.target[..seen], &text.target_baseline[..seen]);
        let points = self.n_steps.get() * (moved(&text.source, &text.source_baseline) + target);
        Cost::exactly(points, points)
    }
}

/// A point on the path of one token.
#[derive(Clone, Copy)]
struct Place {
    of_source: bool,
    position: usize,
    alpha: f32,
    weight: f32,
}

/// One entry per place: the text with one token moved towards its baseline.
fn moved<'a>(input: &Point<'a>, baseline: &Point<'a>, text: &'a TextSteps, places: &[Place]) -> Point<'a> {
    let count = places.len();
    let of_source = places[0].of_source;
    let along = |input: &Tensor<3>, baseline: &Tensor<3>| {
        let length = input.dims()[1];
        let mut alphas = vec![1f32; count * length];
        for (entry, place) in places.iter().enumerate() {
            alphas[entry * length + place.position] = place.alpha;
        }
        let alphas = Tensor::<1>::from_data(alphas.as_slice(), &input.device()).reshape([count, length, 1]);
        baseline.clone() + (input.clone() - baseline.clone()) * alphas.cast(input.dtype())
    };
    let source = match (&input.source, &baseline.source) {
        (Some(input), Some(baseline)) => Some(Source {
            embeddings: match of_source {
                true => along(&input.embeddings, &baseline.embeddings),
                false => input.embeddings.clone().repeat_dim(0, count),
            },
            lengths: vec![input.lengths[0]; count],
        }),
        _ => None,
    };
    let target = match of_source {
        true => input.target.clone().repeat_dim(0, count),
        false => along(&input.target, &baseline.target),
    };
    Point { texts: vec![text; count], source, target }
}
