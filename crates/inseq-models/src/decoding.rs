//! A model as what generation steps through.

use crate::generation::StepDecoder;
use crate::model::{IncrementalDecoder, Model, Source};
use crate::{Error, Result};

/// A model with the key/value cache of its hypotheses.
#[derive(Debug)]
pub struct ModelDecoder<'a> {
    model: &'a Model,
    inner: IncrementalDecoder<'a>,
    rows: usize,
}

impl<'a> ModelDecoder<'a> {
    /// One hypothesis for each text of `source`; its encoder runs now.
    pub fn new(model: &'a Model, source: Option<&Source>) -> Self {
        let rows = source.map_or(1, |source| source.lengths.len());
        Self { model, inner: IncrementalDecoder::new(model, source), rows }
    }
}

impl StepDecoder for ModelDecoder<'_> {
    fn step(&mut self, parents: &[usize], tokens: &[u32]) -> Result<Vec<f32>> {
        if self.inner.length() >= self.max_positions() {
            return Err(Error::Argument(format!(
                "the target is longer than the model's {} positions",
                self.max_positions()
            )));
        }
        if parents.len() != self.rows || parents.iter().enumerate().any(|(row, &parent)| row != parent) {
            self.inner.reorder(parents);
            self.rows = parents.len();
        }
        self.inner
            .append(tokens)
            .try_into_vec_as::<f32>()
            .map_err(|e| Error::Argument(format!("logits cannot be read from the device: {e:?}")))
    }

    fn vocabulary(&self) -> usize {
        self.model.vocabulary()
    }

    fn max_positions(&self) -> usize {
        self.model.max_target_positions()
    }
}
