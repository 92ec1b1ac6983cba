//! Methods that follow the gradient of the attributed function to the embeddings.

mod completeness;
mod deep_lift;
mod discretized_integrated_gradients;
mod gradient_shap;
mod input_x_gradient;
mod integrated_gradients;
mod layer;
mod noise;
mod quadrature;
mod saliency;
mod sequential_integrated_gradients;
mod smooth_grad;

use inseq_models::model::{InputCotangents, Wanted};
use ndarray::{Array3, Axis, Slice};

pub use deep_lift::{DeepLift, DeepLiftRule};
pub use discretized_integrated_gradients::{DiscretizedIntegratedGradients, PathStrategy};
pub use gradient_shap::GradientShap;
pub use input_x_gradient::InputXGradient;
pub use integrated_gradients::IntegratedGradients;
pub use layer::AtLayer;
pub use quadrature::Quadrature;
pub use saliency::Saliency;
pub use sequential_integrated_gradients::SequentialIntegratedGradients;
pub use smooth_grad::{NoiseTunnel, SmoothGrad};

pub(crate) use completeness::{delta, weighted};
pub(crate) use deep_lift::INFO as DEEP_LIFT;
pub(crate) use discretized_integrated_gradients::INFO as DISCRETIZED_INTEGRATED_GRADIENTS;
pub(crate) use gradient_shap::INFO as GRADIENT_SHAP;
pub(crate) use input_x_gradient::INFO as INPUT_X_GRADIENT;
pub(crate) use integrated_gradients::INFO as INTEGRATED_GRADIENTS;
pub(crate) use layer::{
    DEEP_LIFT as LAYER_DEEP_LIFT, GRADIENT_X_ACTIVATION as LAYER_GRADIENT_X_ACTIVATION,
    INTEGRATED_GRADIENTS as LAYER_INTEGRATED_GRADIENTS,
};
pub(crate) use saliency::INFO as SALIENCY;
pub(crate) use sequential_integrated_gradients::INFO as SEQUENTIAL_INTEGRATED_GRADIENTS;
pub(crate) use smooth_grad::INFO as SMOOTH_GRAD;

use crate::engine::read;
use crate::method::Attributions;
use crate::{Error, Result};
use burn::tensor::Tensor;

/// The options of a method that has none.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoOptions {}

/// What is wanted of a text's source and target.
type Sides = (Option<Array3<f32>>, Option<Array3<f32>>);

/// Takes a chunk's gradients to each text's arrays `[input, step, feature]`.
pub(crate) struct Collector {
    texts: Vec<Sides>,
}

impl Collector {
    /// Zeros for texts of given source length, target length and steps.
    pub(crate) fn new(shapes: impl Iterator<Item = (usize, usize, usize)>, features: usize, wanted: Wanted) -> Self {
        let texts = shapes
            .map(|(source, target, steps)| {
                let zeros = |length: usize| Array3::<f32>::zeros((length, steps, features));
                (wanted.source.then(|| zeros(source)), wanted.target.then(|| zeros(target)))
            })
            .collect();
        Self { texts }
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
        .map_err(|e| Error::Argument(format!("gradients have another shape than expected: {e}")))?;
    let mut values = values.permuted_axes([1, 0, 2]);
    values.slice_axis_inplace(Axis(0), Slice::from(..rows_used));
    values.slice_axis_inplace(Axis(1), Slice::from(..live));
    let mut part = into.slice_axis_mut(Axis(1), Slice::from(steps.start..steps.start + live));
    part.slice_axis_mut(Axis(0), Slice::from(..rows_used)).zip_mut_with(&values, |a, b| *a += b);
    Ok(())
}
