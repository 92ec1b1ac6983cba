//! Decoding one token at a time with a key/value cache.

use burn::tensor::{Int, Tensor};

use super::{Context, Model, Source, mask};
use crate::layers::KeyValues;

/// Hypotheses that grow by one token a call, with their keys and values.
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
    /// One hypothesis for each text of `source`; its encoder runs now.
    pub fn new(model: &'a Model, source: Option<&Source>) -> Self {
        let encoded = source.and_then(|source| model.encode(source));
        let memory = model
            .decoder
            .blocks
            .iter()
            .map(|block| {
                let (cross, encoded) = (block.cross_attention.as_ref()?, encoded.as_ref()?);
                Some(cross.inner.key_values(encoded.clone()))
            })
            .collect();
        let source_lengths = source.map(|source| (source.lengths.clone(), source.embeddings.dims()[1]));
        let texts = source.map_or(vec![0], |source| (0..source.lengths.len()).collect());
        Self { model, history: vec![None; model.decoder.blocks.len()], memory, source_lengths, texts, length: 0 }
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
        let select = |kv: &mut Option<KeyValues>| {
            if let Some(KeyValues { keys, values }) = kv.take() {
                *kv = Some(KeyValues { keys: keys.select(0, index.clone()), values: values.select(0, index.clone()) });
            }
        };
        self.history.iter_mut().for_each(&select);
        let texts: Vec<usize> = parents.iter().map(|&p| self.texts[p]).collect();
        // Hypotheses of one text share its memory: only a change of texts moves it.
        if texts != self.texts {
            self.memory.iter_mut().for_each(&select);
            self.texts = texts;
        }
    }

    /// Appends a token to every row (`tokens[row]`) and returns the logits after it, `[row, vocabulary]`.
    pub fn append(&mut self, tokens: &[u32]) -> Tensor<2> {
        let model = self.model;
        let rows = tokens.len();
        let x = model.target_embedding.forward(tokens, rows);
        let mut x = model.decoder.with_positions(x, self.length);
        let device = model.device();
        let memory_mask = self.source_lengths.as_ref().and_then(|(lengths, padded)| {
            let rows: Vec<usize> = self.texts.iter().map(|&text| lengths[text]).collect();
            mask::padding(&rows, *padded, &device)
        });
        for ((block, history), memory) in model.decoder.blocks.iter().zip(&mut self.history).zip(&self.memory) {
            let context = Context { self_mask: None, memory: memory.clone(), memory_mask: memory_mask.as_ref() };
            x = block.step(x, history, &context);
        }
        self.length += 1;
        model.logits(x.reshape([rows, model.features()]))
    }
}
