//! Gradient methods: they use the gradient of the attributed function at the embeddings or at a layer.

mod completeness;
pub(crate) mod deep_lift;
pub(crate) mod discretized_integrated_gradients;
pub(crate) mod gradient_shap;
pub(crate) mod input_x_gradient;
pub(crate) mod integrated_gradients;
pub(crate) mod layer;
mod noise;
pub(crate) mod rules;
pub(crate) mod saliency;
pub(crate) mod sequential_integrated_gradients;
pub(crate) mod smooth_grad;

use inseq_core::Argument;
use inseq_models::model::{InputCotangents, Wanted};
use ndarray::{Array3, Axis, Slice};

pub use crate::quadrature::Quadrature;
pub use deep_lift::{DeepLift, DeepLiftRule};
pub use discretized_integrated_gradients::{DiscretizedIntegratedGradients, PathStrategy};
pub use gradient_shap::GradientShap;
pub use input_x_gradient::InputXGradient;
pub use integrated_gradients::IntegratedGradients;
pub use layer::AtLayer;
pub use rules::{GatedSide, Gim, LibraGrad, Lrp, LrpRule, OwnRules, RelP, RuleBaseline, RuleScores, RuleSet};
pub use saliency::Saliency;
pub use sequential_integrated_gradients::SequentialIntegratedGradients;
pub use smooth_grad::{NoiseTunnel, SmoothGrad};

pub(crate) use completeness::{delta, weighted};

use crate::device::read;
use crate::engine::{Point, TextSteps};
use crate::method::Attributions;
use crate::{Error, Result};
use burn::tensor::Tensor;

/// The argument `return_convergence_delta` of several methods.
const RETURN_CONVERGENCE_DELTA: Argument = Argument::new(
    "return_convergence_delta",
    "false",
    "Whether the step score `deltas` gives the error of completeness.",
);

/// The argument `internal_batch_size` of several methods.
const INTERNAL_BATCH_SIZE: Argument = Argument::new(
    "internal_batch_size",
    "none",
    "Number of points that go through the model at once; by default as many as fit the memory budget.",
);

/// The argument `multiply_by_inputs` of several methods.
const MULTIPLY_BY_INPUTS: Argument = Argument::new(
    "multiply_by_inputs",
    "true",
    "Whether averaged gradients are multiplied by the difference of input and baseline.",
);

/// Scores of a text's source and target, if requested.
type Sides = (Option<Array3<f32>>, Option<Array3<f32>>);

/// Collects the gradients of chunks in an array `[input, step, feature]` for each text.
pub(crate) struct Collector {
    texts: Vec<Sides>,
}

impl Collector {
    /// Zeros for texts.
    pub(crate) fn new(texts: &[&TextSteps], features: usize, wanted: Wanted) -> Self {
        let texts = texts.iter().map(|text| {
            let zeros = |length: usize| Array3::<f32>::zeros((length, text.steps.len(), features));
            (wanted.source.then(|| zeros(text.source.len())), wanted.target.then(|| zeros(text.steps.end())))
        });
        Self { texts: texts.collect() }
    }

    /// Adds entry `entry` of a chunk of `steps` to text `text`.
    pub(crate) fn add(
        &mut self,
        text: usize,
        entry: usize,
        steps: std::ops::Range<usize>,
        gradients: &InputCotangents,
    ) -> Result<()> {
        let (source, target) = &mut self.texts[text];
        add(source.as_mut(), gradients.source.as_ref(), entry, steps.clone())?;
        add(target.as_mut(), gradients.target.as_ref(), entry, steps)
    }

    pub(crate) fn finish(self) -> Vec<Attributions> {
        self.texts
            .into_iter()
            .map(|(source, target)| Attributions {
                source: source.map(Array3::into_dyn),
                target: target.map(Array3::into_dyn),
                ..Attributions::default()
            })
            .collect()
    }
}

fn add(
    into: Option<&mut Array3<f32>>,
    from: Option<&Tensor<4>>,
    entry: usize,
    steps: std::ops::Range<usize>,
) -> Result<()> {
    let (Some(into), Some(from)) = (into, from) else { return Ok(()) };
    let [_, probes, rows, features] = from.dims();
    let (length, total, _) = into.dim();
    let live = total.saturating_sub(steps.start).min(probes);
    let rows_used = rows.min(length);
    if live == 0 {
        return Ok(());
    }
    let values = read(from.clone().narrow(0, entry, 1), "gradients")?;
    let values = Array3::from_shape_vec((probes, rows, features), values)
        .map_err(|e| Error::device("gradients", format!("have another shape than expected: {e}")))?;
    let mut values = values.permuted_axes([1, 0, 2]);
    values.slice_axis_inplace(Axis(0), Slice::from(..rows_used));
    values.slice_axis_inplace(Axis(1), Slice::from(..live));
    let mut part = into.slice_axis_mut(Axis(1), Slice::from(steps.start..steps.start + live));
    part.slice_axis_mut(Axis(0), Slice::from(..rows_used)).zip_mut_with(&values, |a, b| *a += b);
    Ok(())
}

/// Multiplies gradients by the embeddings of a point, minus those of a baseline.
pub(crate) fn times_embeddings(gradients: &mut [Attributions], point: &Point, baseline: Option<&Point>) -> Result<()> {
    let difference = |of: fn(&Point) -> Option<Tensor<3>>| -> Result<Option<(Vec<f32>, [usize; 3])>> {
        let Some(mut values) = of(point) else { return Ok(None) };
        if let Some(baseline) = baseline.and_then(of) {
            values = values - baseline;
        }
        let shape = values.dims();
        Ok(Some((read(values, "embeddings")?, shape)))
    };
    let source = difference(|point| point.source.as_ref().map(|source| source.embeddings.clone()))?;
    let target = difference(|point| Some(point.target.clone()))?;
    for (entry, attributions) in gradients.iter_mut().enumerate() {
        let sides = [(&mut attributions.source, &source), (&mut attributions.target, &target)];
        for (array, embeddings) in sides {
            let (Some(array), Some((values, [_, length, features]))) = (array, embeddings) else { continue };
            for (position, mut rows) in array.axis_iter_mut(Axis(0)).enumerate().take(*length) {
                let start = (entry * length + position) * features;
                let embedding = &values[start..start + features];
                for mut row in rows.axis_iter_mut(Axis(0)) {
                    row.iter_mut().zip(embedding).for_each(|(g, x)| *g *= x);
                }
            }
        }
    }
    Ok(())
}
