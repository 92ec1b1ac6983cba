//! Attention weights of the steps of a text.

use burn::tensor::Tensor;
use inseq_models::model::{LayerView, Part};
use ndarray::{Array4, ArrayD};

use super::by_key;
use crate::device::read;
use crate::engine::Steps;
use crate::{Error, Result};

/// Number of weights that are read at a time. The weights of all queries would grow with the square of a text's length.
const BLOCK: usize = 1 << 22;

/// The weights that the steps of one text give to the keys, stacked over layers.
///
/// The position before a token predicts it, so a step reads the query before its own. A step of several tokens has the mean of
/// their rows.
pub(super) struct StepWeights<'t> {
    /// Index of the text in the batch.
    entry: usize,
    keys: usize,
    steps: &'t Steps,
    layers: usize,
    heads: usize,
    /// `[layer, head, step, key]`, row-major.
    values: Vec<f32>,
}

impl<'t> StepWeights<'t> {
    pub(super) fn new(entry: usize, keys: usize, steps: &'t Steps) -> Self {
        Self { entry, keys, steps, layers: 0, heads: 0, values: Vec::new() }
    }

    /// Adds the weights of a layer, if it has such an attention.
    pub(super) fn push(&mut self, view: &LayerView, part: Part) -> Result<()> {
        let heads = view.attention_heads(part);
        if heads == 0 {
            return Ok(());
        }
        (self.heads, self.layers) = (heads, self.layers + 1);
        let before = self.values.len();
        let steps = self.steps.len();
        self.values.resize(before + heads * steps * self.keys, 0.0);
        // Each query with its step, and the share of its row in that of the step.
        let queries = self.steps.iter().enumerate();
        let queries: Vec<(usize, usize, f32)> = queries
            .flat_map(|(step, span)| span.clone().map(move |token| (token - 1, step, span.len() as f32)))
            .collect();
        let most = (BLOCK / (heads * self.keys).max(1)).max(1);
        for block in queries.chunk_by(|one, next| one.0 + 1 == next.0).flat_map(|run| run.chunks(most)) {
            let range = block[0].0..block[0].0 + block.len();
            let Some(weights) = view.attention_weights_of(part, range) else { continue };
            let rows = read(self.own(weights), "attention weights")?;
            for (index, row) in rows.chunks(self.keys.max(1)).enumerate() {
                let (head, (_, step, count)) = (index / block.len(), block[index % block.len()]);
                let start = before + (head * steps + step) * self.keys;
                let sums = &mut self.values[start..start + self.keys];
                sums.iter_mut().zip(row).for_each(|(sum, weight)| *sum += weight / count);
            }
        }
        Ok(())
    }

    /// The weights of the text, without the padding of its batch.
    fn own(&self, weights: Tensor<4>) -> Tensor<4> {
        weights.narrow(0, self.entry, 1).narrow(3, 0, self.keys)
    }

    /// The weights, `[key, step, layer, head]`.
    pub(super) fn by_key(self) -> Result<ArrayD<f32>> {
        let shape = (self.layers, self.heads, self.steps.len(), self.keys);
        let values = Array4::from_shape_vec(shape, self.values)
            .map_err(|e| Error::device("attention weights", format!("have another shape than expected: {e}")))?;
        Ok(by_key(&values.into_dyn()))
    }
}
