//! Step-by-step decoding with a model, for generation.

use crate::generation::StepDecoder;
use crate::model::{IncrementalDecoder, Memory, Model, Source};
use crate::{Error, Result};

/// A model with the key/value cache of its hypotheses.
#[derive(Debug)]
pub struct ModelDecoder<'a> {
    model: &'a Model,
    inner: IncrementalDecoder<'a>,
    /// Ids of each hypothesis.
    rows: Vec<Vec<u32>>,
}

impl<'a> ModelDecoder<'a> {
    /// Starts one hypothesis for each text of `source`, and runs the encoder. For decoder-only models, starts one for each of
    /// `texts` prompts.
    pub fn new(model: &'a Model, source: Option<&Source>, texts: usize) -> Self {
        let memory = source.and_then(|source| model.memory(source));
        Self::after_encoder(model, memory.as_ref(), texts)
    }

    /// As [`new`](Self::new), with a given output of the encoder.
    pub fn after_encoder(model: &'a Model, memory: Option<&Memory>, texts: usize) -> Self {
        Self { model, inner: IncrementalDecoder::after_encoder(model, memory, texts), rows: vec![Vec::new(); texts] }
    }
}

impl StepDecoder for ModelDecoder<'_> {
    fn step(&mut self, parents: &[usize], tokens: &[u32]) -> Result<Vec<f32>> {
        let new = tokens.len() / parents.len().max(1);
        let (before, after) = (self.inner.length(), self.inner.length() + new);
        if let Some(positions) = self.max_positions().filter(|&positions| after > positions) {
            return Err(Error::limit(
                "max_length",
                format!("the target is longer than the model's {positions} positions"),
            ));
        }
        if parents.len() != self.rows.len() || parents.iter().enumerate().any(|(row, &parent)| row != parent) {
            self.inner.reorder(parents);
        }
        let rows = parents.iter().zip(tokens.chunks(new.max(1)));
        self.rows = rows.map(|(&parent, new)| [&self.rows[parent], new].concat()).collect();
        let logits = if self.model.decoder.renews_keys(before, after) {
            self.inner = self.inner.prefix(0);
            self.inner.append(&self.rows.concat())
        } else {
            self.inner.append(tokens)
        };
        logits
            .try_into_vec_as::<f32>()
            .map_err(|error| Error::device("logits", format!("cannot be read from the device: {error:?}")))
    }

    fn vocabulary(&self) -> usize {
        self.model.vocabulary()
    }

    fn max_positions(&self) -> Option<usize> {
        self.model.max_target_positions()
    }

    fn unprompted(&self, texts: usize) -> Option<Self> {
        self.model.encoder.is_none().then(|| Self::new(self.model, None, texts))
    }
}
