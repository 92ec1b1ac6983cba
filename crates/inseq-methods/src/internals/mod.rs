//! Methods that read the inner states of the model. They run once per text, not once per step.

pub(crate) mod attention;
pub(crate) mod attention_flow;
pub(crate) mod attention_rollout;
mod left_out;
mod step_weights;
pub(crate) mod value_zeroing;

use inseq_models::model::{LayerView, Model, Part, Side};
use ndarray::{Array2, Array4, ArrayD, Axis, Slice};

pub use attention::AttentionWeights;
pub use attention_flow::AttentionFlow;
pub use attention_rollout::AttentionRollout;
pub use value_zeroing::{Similarity, ValueZeroing, ZeroedHeads};

use crate::device::read;
use crate::engine::TextSteps;
use crate::method::MethodContext;
use crate::{Error, Result};

/// The attention weights of one text, by layer `[layer, head, query, key]`.
pub(crate) struct Weights {
    pub(crate) encoder: Option<Array4<f32>>,
    pub(crate) decoder: Array4<f32>,
    pub(crate) cross: Option<Array4<f32>>,
}

impl Weights {
    /// The weights of entry `entry` of a batch.
    pub(crate) fn of(context: &MethodContext, entry: usize) -> Result<Self> {
        let text = context.point.texts[entry];
        let (source, target) = (text.source.len(), text.seen());
        let model = context.engine.model;
        let mut decoder = Stacked::new(entry, target, target);
        let mut cross = Stacked::new(entry, target, source);
        let mut encoder = Stacked::new(entry, source, source);
        context.trace.layers(model, |view| {
            let own = if view.side() == Side::Encoder { &mut encoder } else { &mut decoder };
            own.push(&view, Part::Mixer)?;
            cross.push(&view, Part::CrossAttention)
        })?;
        let of_encoder = |stacked: Stacked| (!model.is_decoder_only()).then(|| stacked.array()).transpose();
        Ok(Self { encoder: of_encoder(encoder)?, decoder: decoder.array()?, cross: of_encoder(cross)? })
    }
}

/// Refuses a model of which some layers have no attention weights.
///
/// # Errors
/// Names the layers.
pub(crate) fn check_attention(model: &Model) -> Result<()> {
    let Some(layers) = without_attention(model) else { return Ok(()) };
    Err(Error::argument(
        "method",
        format!(
            "{layers}; use a method of gradients or of changed texts, say `saliency` or `occlusion`, or `value_zeroing` with the \
         heads of the other layers"
        ),
    ))
}

/// Which layers have no attention weights, in words; none where all have.
fn without_attention(model: &Model) -> Option<String> {
    let blocks = model.decoder.blocks.iter().enumerate();
    let layers: Vec<String> =
        blocks.filter(|(_, block)| block.mixer.inner.heads() == 0).map(|(layer, _)| layer.to_string()).collect();
    let (noun, verb) = if layers.len() == 1 { ("layer", "has") } else { ("layers", "have") };
    let all = model.decoder.blocks.len();
    (!layers.is_empty()).then(|| {
        format!("{noun} {} of the decoder's {all} {verb} no attention weights but a convolution", layers.join(", "))
    })
}

/// Weights of one entry, stacked over layers.
struct Stacked {
    entry: usize,
    queries: usize,
    keys: usize,
    layers: usize,
    heads: usize,
    values: Vec<f32>,
}

impl Stacked {
    fn new(entry: usize, queries: usize, keys: usize) -> Self {
        Self { entry, queries, keys, layers: 0, heads: 0, values: Vec::new() }
    }

    /// Adds the weights of a layer, if it has such an attention.
    fn push(&mut self, view: &LayerView, part: Part) -> Result<()> {
        let Some(weights) = view.attention_weights(part) else { return Ok(()) };
        let own = weights.narrow(0, self.entry, 1).narrow(2, 0, self.queries).narrow(3, 0, self.keys);
        self.heads = own.dims()[1];
        self.layers += 1;
        self.values.extend(read(own, "attention weights")?);
        Ok(())
    }

    fn array(self) -> Result<Array4<f32>> {
        Array4::from_shape_vec((self.layers, self.heads, self.queries, self.keys), self.values)
            .map_err(|e| Error::device("attention weights", format!("have another shape than expected: {e}")))
    }
}

/// The rows of `[.., query, key]` that belong to the queries of the steps, as `[key, step, ..]`.
///
/// The position before a token predicts it, so a step reads the query before its own. A step of several tokens has the mean of
/// their rows, in which a key that a query cannot see counts as 0.
pub(crate) fn by_step(values: &ArrayD<f32>, text: &TextSteps) -> ArrayD<f32> {
    let queries = values.ndim() - 2;
    let mut shape = values.raw_dim();
    shape[queries] = text.steps.len();
    let mut means = ArrayD::zeros(shape);
    for (span, mut mean) in text.steps.iter().zip(means.axis_iter_mut(Axis(queries))) {
        let rows = values.slice_axis(Axis(queries), Slice::from(span.start - 1..span.end - 1));
        match span.len() {
            1 => mean.assign(&rows.index_axis(Axis(queries), 0)),
            count => {
                let share = |value: f32| if value.is_nan() { 0.0 } else { value / count as f32 };
                mean.assign(&rows.fold_axis(Axis(queries), 0.0, |sum, value| sum + share(*value)));
            }
        }
    }
    by_key(&means)
}

/// `[key, query, ..]` of `[.., query, key]`.
pub(crate) fn by_key(values: &ArrayD<f32>) -> ArrayD<f32> {
    let queries = values.ndim() - 2;
    let order: Vec<usize> = [queries + 1, queries].into_iter().chain(0..queries).collect();
    values.view().permuted_axes(order).as_standard_layout().into_owned()
}

/// Share of each input position in each output position of a layer: averaged over heads, and half of it the residual.
pub(crate) struct Mixing {
    /// Matrices of the encoder by layer, `[query, key]`.
    pub(crate) encoder: Vec<Array2<f32>>,
    /// Matrices of the decoder by layer, `[query, key]`, and those of the cross-attention, without a residual.
    pub(crate) decoder: Vec<(Array2<f32>, Option<Array2<f32>>)>,
}

impl Mixing {
    pub(crate) fn of(weights: &Weights) -> Self {
        let mean = |weights: &Array4<f32>, layer: usize| -> Array2<f32> {
            let layer = weights.index_axis(Axis(0), layer);
            let heads = layer.shape()[0] as f32;
            layer.sum_axis(Axis(0)) / heads
        };
        let with_residual = |weights: &Array4<f32>, layer: usize| {
            let mean = mean(weights, layer);
            let size = mean.nrows();
            (mean + Array2::<f32>::eye(size)) * 0.5
        };
        Self {
            encoder: weights
                .encoder
                .iter()
                .flat_map(|encoder| (0..encoder.shape()[0]).map(|layer| with_residual(encoder, layer)))
                .collect(),
            decoder: (0..weights.decoder.shape()[0])
                .map(|layer| {
                    (with_residual(&weights.decoder, layer), weights.cross.as_ref().map(|cross| mean(cross, layer)))
                })
                .collect(),
        }
    }
}
