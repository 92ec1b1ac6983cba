//! Classifier-free guidance (Sanchez et al., 2023, <https://arxiv.org/abs/2306.17806>): scores move away from those that the
//! model gives without the prompt.

use super::{GenerationConfig, StepDecoder};
use crate::layers::log_softmax_row;
use crate::{Error, Result};

/// The model without the prompt, in parallel to each text.
pub(super) struct Guide<D> {
    decoder: D,
    scale: f32,
    /// Log probabilities without the prompt, `[row, vocabulary]`.
    scores: Vec<f32>,
}

impl<D: StepDecoder> Guide<D> {
    /// A guide for texts with these starts, if the configuration requests guidance. It first sees the last token of the prompt.
    ///
    /// # Errors
    /// The model needs its prompt, or fails.
    pub(super) fn new(decoder: &D, starts: &[Vec<u32>], config: &GenerationConfig) -> Result<Option<Self>> {
        let Some(scale) = config.guidance() else { return Ok(None) };
        let Some(decoder) = decoder.unprompted(starts.len()) else {
            return Err(Error::argument(
                "guidance_scale",
                format!(
                    "`guidance_scale` is {scale}, but only decoder-only models can be guided; give `guidance_scale` 1 as a \
                 generation argument to generate without"
                ),
            ));
        };
        let mut guide = Self { decoder, scale, scores: Vec::new() };
        let parents: Vec<usize> = (0..starts.len()).collect();
        let last: Vec<u32> = starts.iter().filter_map(|start| start.last().copied()).collect();
        guide.step(&parents, &last)?;
        Ok(Some(guide))
    }

    /// Continues with the tokens of the texts.
    pub(super) fn step(&mut self, parents: &[usize], tokens: &[u32]) -> Result<()> {
        self.scores = self.decoder.step(parents, tokens)?;
        self.scores.chunks_mut(self.decoder.vocabulary()).for_each(log_softmax_row);
        Ok(())
    }

    /// Changes the logits of a row.
    pub(super) fn guide(&self, row: usize, logits: &mut [f32]) {
        log_softmax_row(logits);
        let unprompted = &self.scores[row * logits.len()..(row + 1) * logits.len()];
        for (score, unprompted) in logits.iter_mut().zip(unprompted) {
            *score = self.scale * (*score - unprompted) + unprompted;
        }
    }
}
