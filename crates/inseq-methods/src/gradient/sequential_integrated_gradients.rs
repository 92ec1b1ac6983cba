//! Sequential integrated gradients.

use burn::tensor::{Int, Tensor};
use inseq_models::model::{Model, Source, Wanted};
use ndarray::{Array3, Axis};
use serde::Deserialize;

use super::Quadrature;
use crate::engine::{Point, TextSteps, read};
use crate::method::{Attributions, Cost, Method, MethodContext, MethodInfo, names_of, options};
use crate::{Count, Error, Result};

pub(crate) const INFO: MethodInfo = MethodInfo {
    name: "sequential_integrated_gradients",
    description: "How much does each feature contribute on its own token's way from the baseline, the other tokens being there?",
    cost: "n_steps forwards a token, n_steps pullbacks a token and step",
    paper: "Enguehard (2023), Sequential Integrated Gradients, https://arxiv.org/abs/2305.15853",
    details: "Integrated gradients of one token at a time, all others being as they are. A token's scores sum to the difference \
              that the token alone makes. Signed. Arguments: `n_steps` (50), `method` (as of integrated_gradients), \
              `internal_batch_size` (from the memory budget), `multiply_by_inputs` (true).",
    arguments: names_of::<SequentialIntegratedGradients>,
    make: |arguments| {
        let method: SequentialIntegratedGradients = options("sequential_integrated_gradients", arguments)?;
        method.method.check("sequential_integrated_gradients", method.n_steps)?;
        Ok(Box::new(method))
    },
};

/// How much does each feature contribute on its own token's way from the baseline, the other tokens being there?
///
/// Granular scores `[input, step, feature]`, signed; a token's sum to the difference that the token alone makes. Cost:
/// `n_steps` forwards a token, `n_steps` pullbacks a token and step. Enguehard, 2023, <https://arxiv.org/abs/2305.15853>.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SequentialIntegratedGradients {
    /// Points on each token's path.
    pub n_steps: Count<1>,
    /// The rule of the integral.
    pub method: Quadrature,
    /// Points that go through the model at once; from the memory budget where there is none.
    pub internal_batch_size: Option<Count<1>>,
    /// Whether averaged gradients are multiplied by the way from the baseline to the input.
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
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn attribute(&self, context: &mut MethodContext) -> Result<Vec<Attributions>> {
        let texts = context.point.texts.clone();
        texts.into_iter().map(|text| self.attribute_text(context, text)).collect()
    }

    fn cost(&self, _: &Model, text: &TextSteps, attribute_target: bool) -> Cost {
        // What is equal to its baseline has no way to go.
        let moved =
            |ids: &[u32], baseline: &[u32]| ids.iter().zip(baseline).filter(|(id, baseline)| id != baseline).count();
        let seen = if attribute_target { text.steps.end - 1 } else { 0 };
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

impl SequentialIntegratedGradients {
    fn attribute_text<'a>(&self, context: &mut MethodContext<'a>, text: &'a TextSteps) -> Result<Attributions> {
        let engine = context.engine;
        let model = engine.model;
        let (input, baseline) = (engine.inputs(&[text]), engine.baselines(&[text]));
        let points = self.method.points(self.n_steps.get());
        let places = |of_source: bool, ids: &[u32], baseline: &[u32]| -> Vec<Place> {
            let each = ids.iter().zip(baseline).enumerate().filter(|(_, (id, baseline))| id != baseline);
            each.flat_map(|(position, _)| {
                points.iter().map(move |&(alpha, weight)| Place { of_source, position, alpha, weight })
            })
            .collect()
        };
        let source_places = places(true, &text.source, &text.source_baseline);
        let seen = text.steps.end - 1;
        let target_places = match context.attribute_target {
            true => places(false, &text.target[..seen], &text.target_baseline[..seen]),
            false => Vec::new(),
        };

        let (steps, features) = (text.steps.len(), engine.features());
        let mut source = Array3::<f32>::zeros((text.source.len(), steps, features));
        let mut target = Array3::<f32>::zeros((text.steps.end, steps, features));
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
                    if step < steps && (of_source || place.position < text.steps.start + step) {
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
        let has_encoder = model.encoder.is_some();
        let mut result = vec![Attributions {
            source: has_encoder.then(|| source.into_dyn()),
            target: context.attribute_target.then(|| target.into_dyn()),
            ..Attributions::default()
        }];
        if self.multiply_by_inputs {
            crate::method::times_embeddings(&mut result, &input, Some(&baseline))?;
        }
        result.pop().ok_or_else(|| Error::Argument("there is no text".into()))
    }
}

/// One entry for each place: the text with one token moved towards its baseline.
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
