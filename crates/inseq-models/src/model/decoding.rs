//! Decoding with a key/value cache.

use burn::tensor::{Int, Tensor};

use super::stack::StackTrace;
use super::{Context, Model, Source};
use crate::layers::{KeyValues, Mask, Visibility};

/// Hypotheses that grow a token, or a prompt, a call, with their keys and values.
#[derive(Debug)]
pub struct IncrementalDecoder<'a> {
    model: &'a Model,
    history: Vec<Option<KeyValues>>,
    memory: Vec<Option<KeyValues>>,
    /// Tokens of each text, and the padded length.
    source_lengths: Option<(Vec<usize>, usize)>,
    /// The text that each row belongs to.
    texts: Vec<usize>,
    length: usize,
}

impl<'a> IncrementalDecoder<'a> {
    /// One hypothesis for each text of `source`, whose encoder runs now; for decoder-only models, of `texts` prompts.
    pub fn new(model: &'a Model, source: Option<&Source>, texts: usize) -> Self {
        let encoded = source.and_then(|source| model.encode(source));
        let memory = model.decoder.blocks.iter().map(|block| {
            let (cross, encoded) = (block.cross_attention.as_ref()?, encoded.as_ref()?);
            Some(cross.inner.key_values(encoded.clone(), None))
        });
        Self {
            model,
            history: vec![None; model.decoder.blocks.len()],
            memory: memory.collect(),
            source_lengths: source.map(|source| (source.lengths.clone(), source.embeddings.dims()[1])),
            texts: (0..texts).collect(),
            length: 0,
        }
    }

    /// Tokens of every row so far.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Row `i` becomes a copy of what row `parents[i]` was.
    pub fn reorder(&mut self, parents: &[usize]) {
        let device = self.model.device();
        let index: Vec<i64> = parents.iter().map(|&p| p as i64).collect();
        let index = Tensor::<1, Int>::from_data(index.as_slice(), &device);
        let select = |key_values: &mut Option<KeyValues>| {
            *key_values = key_values.take().map(|key_values| key_values.select(&index));
        };
        self.history.iter_mut().for_each(select);
        let texts: Vec<usize> = parents.iter().map(|&p| self.texts[p]).collect();
        // Hypotheses of one text share its memory: only a change of texts moves it.
        if texts != self.texts {
            self.memory.iter_mut().for_each(select);
            self.texts = texts;
        }
    }

    /// Appends tokens to every row, `[row, token]` row-major, and returns the logits after the last, `[row, vocabulary]`.
    pub fn append(&mut self, tokens: &[u32]) -> Tensor<2> {
        let (model, rows) = (self.model, self.texts.len());
        let stack = &model.decoder;
        let x = model.target_embedding.forward(tokens, rows);
        let new = x.dims()[1];
        let device = x.device();
        let queries = self.length..self.length + new;
        let attending = stack.attending(queries.clone(), &[], &device);
        let memory_mask = self.source_lengths.as_ref().map(|(lengths, padded)| {
            let rows: Vec<usize> = self.texts.iter().map(|&text| lengths[text]).collect();
            Mask::new(&Visibility::default(), queries, *padded, &rows, &device)
        });
        let mut trace = StackTrace::default();
        let mut x = stack.enter(x, self.length, &mut trace);
        for ((block, history), memory) in stack.blocks.iter().zip(&mut self.history).zip(&self.memory) {
            let (mask, rotation) = attending.of(block);
            x = block.step(
                x,
                history,
                &Context {
                    mask,
                    rotation,
                    memory: memory.as_ref().zip(memory_mask.as_ref()),
                    detailed: false,
                    noise: None,
                },
            );
        }
        self.length += new;
        let last = stack.leave(x.narrow(1, new - 1, 1), &mut trace);
        let features = last.dims()[2];
        model.logits(last.reshape([rows, features]))
    }
}
