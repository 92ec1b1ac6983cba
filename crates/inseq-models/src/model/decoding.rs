//! Decoding with a key/value cache.

use burn::tensor::{Int, Tensor};

use super::stack::StackTrace;
use super::{BlockTrace, Context, Memory, Model, Source, Trace};
use crate::layers::{History, KeyValues, Mask, Propagation, Visibility};

/// Hypotheses that grow by one or more tokens per call, with their key/value cache.
#[derive(Clone, Debug)]
pub struct IncrementalDecoder<'a> {
    model: &'a Model,
    history: Vec<Option<History>>,
    memory: Vec<Option<KeyValues>>,
    /// Number of source tokens of each text, and the padded length.
    source_lengths: Option<(Vec<usize>, usize)>,
    /// Index of the text of each row.
    texts: Vec<usize>,
    length: usize,
}

impl<'a> IncrementalDecoder<'a> {
    /// Starts one hypothesis for each text of `source`, and runs the encoder. For decoder-only models, starts one for each of
    /// `texts` prompts.
    pub fn new(model: &'a Model, source: Option<&Source>, texts: usize) -> Self {
        let memory = source.and_then(|source| model.memory(source));
        Self::after_encoder(model, memory.as_ref(), texts)
    }

    /// As [`new`](Self::new), with a given output of the encoder.
    pub fn after_encoder(model: &'a Model, memory: Option<&Memory>, texts: usize) -> Self {
        let key_values = model.decoder.blocks.iter().map(|block| {
            let (cross, memory) = (block.cross_attention.as_ref()?, memory?);
            Some(cross.inner.key_values(memory.output.clone(), None))
        });
        Self {
            model,
            history: vec![None; model.decoder.blocks.len()],
            memory: key_values.collect(),
            source_lengths: memory.map(|memory| (memory.lengths.clone(), memory.output.dims()[1])),
            texts: (0..texts).collect(),
            length: 0,
        }
    }

    /// Continues from the first `length` positions of one text of a forward, which has `source_length` source tokens; `None`
    /// if the forward did not keep them. The keys keep the rotation of the forward's text
    /// ([`rotates_alike`](super::Stack::rotates_alike)).
    pub fn after_trace(
        model: &'a Model,
        trace: &Trace,
        entry: usize,
        source_length: usize,
        length: usize,
    ) -> Option<Self> {
        let blocks = trace.decoder.blocks.kept();
        if blocks.len() != model.decoder.blocks.len() || length == 0 {
            return None;
        }
        let own = |block: &BlockTrace| Some(block.mixer.inner.history(entry, length));
        let cross = |block: &BlockTrace| {
            block.cross_attention.as_ref().map(|cross| cross.inner.key_values(entry, source_length))
        };
        Some(Self {
            model,
            history: blocks.iter().map(own).collect(),
            memory: blocks.iter().map(cross).collect(),
            source_lengths: model.encoder.as_ref().map(|_| (vec![source_length], source_length)),
            texts: vec![0],
            length,
        })
    }

    /// Number of tokens in every row.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The hypotheses cut to their first `length` tokens.
    #[must_use]
    pub fn prefix(&self, length: usize) -> Self {
        let cut =
            |history: &Option<History>| history.as_ref().filter(|_| length > 0).map(|history| history.prefix(length));
        Self { history: self.history.iter().map(cut).collect(), length: self.length.min(length), ..self.clone() }
    }

    /// Replaces row `i` with a copy of the previous row `parents[i]`.
    pub fn reorder(&mut self, parents: &[usize]) {
        let device = self.model.device();
        let index: Vec<i64> = parents.iter().map(|&p| p as i64).collect();
        let index = Tensor::<1, Int>::from_data(index.as_slice(), &device);
        for history in &mut self.history {
            *history = history.take().map(|history| history.select(&index));
        }
        let texts: Vec<usize> = parents.iter().map(|&p| self.texts[p]).collect();
        // Hypotheses of one text share its memory: only a change of texts moves it.
        if texts != self.texts {
            for memory in &mut self.memory {
                *memory = memory.take().map(|key_values| key_values.select(&index));
            }
            self.texts = texts;
        }
    }

    /// Appends tokens to every row, `[row, token]` row-major, and returns the logits after the last, `[row, vocabulary]`.
    pub fn append(&mut self, tokens: &[u32]) -> Tensor<2> {
        let (model, rows) = (self.model, self.texts.len());
        let places = model.decoder.placed(tokens, rows, self.length);
        let last = self.extend_at(places, model.target_embedding.forward(tokens, rows), 1);
        let features = last.dims()[2];
        model.logits(last.reshape([rows, features]))
    }

    /// Appends embeddings `[row, token, feature]` to every row, and returns the hidden states of the last `last` of
    /// them, as input of the head. Existing keys keep their rotation.
    pub fn extend(&mut self, x: Tensor<3>, last: usize) -> Tensor<3> {
        let places = self.model.decoder.places(self.length, x.dims()[1]);
        self.extend_at(places, x, last)
    }

    /// As [`extend`](Self::extend), with given position embeddings. A long input runs in [chunks](Model::rows_at_once) of
    /// positions, so that only keys and values grow with its length.
    fn extend_at(&mut self, places: Option<Tensor<3>>, x: Tensor<3>, last: usize) -> Tensor<3> {
        let [rows, new, _] = x.dims();
        let (text, unwanted) = (self.length + new, new - last);
        let size = (self.model.rows_at_once() / rows.max(1)).max(1);
        let mut wanted = Vec::new();
        for start in (0..new.max(1)).step_by(size) {
            let count = size.min(new - start);
            let of_chunk = |x: &Tensor<3>| x.clone().narrow(1, start, count);
            let states = self.run(places.as_ref().map(of_chunk), of_chunk(&x), text);
            let first = unwanted.saturating_sub(start).min(count);
            if first < count || new == 0 {
                let states = states.narrow(1, first, count - first);
                wanted.push(self.model.decoder.leave(states, &mut StackTrace::default()));
            }
        }
        if wanted.len() == 1 { wanted.remove(0) } else { Tensor::cat(wanted, 1) }
    }

    /// The last block's states for a chunk of the positions of a text that will have `text` positions.
    fn run(&mut self, places: Option<Tensor<3>>, x: Tensor<3>, text: usize) -> Tensor<3> {
        let stack = &self.model.decoder;
        let device = x.device();
        let queries = self.length..self.length + x.dims()[1];
        self.length = queries.end;
        let attending = stack.attending(queries.clone(), text, &[], &device);
        let memory_mask = self.source_lengths.as_ref().map(|(lengths, padded)| {
            let rows: Vec<usize> = self.texts.iter().map(|&text| lengths[text]).collect();
            Mask::new(&Visibility::default(), queries, *padded, &rows, &device)
        });
        let mut x = stack.enter(x, places, &mut StackTrace::default());
        for ((block, history), memory) in stack.blocks.iter().zip(&mut self.history).zip(&self.memory) {
            let (mask, rotation) = attending.of(block);
            x = block.step(
                x,
                history,
                &Context {
                    mask,
                    rotation,
                    memory: memory.as_ref().zip(memory_mask.as_ref()),
                    propagation: Propagation::GRADIENT,
                    states: false,
                    noise: None,
                },
            );
        }
        x
    }
}
