//! A sequence model assembled from shared blocks, with one forward that serves every step and one batched pullback.

mod block;
mod decoding;
mod mask;
mod pullback;
#[cfg(test)]
mod tests;
mod trace;

use burn::tensor::{Device, Tensor};

pub use block::{Block, BlockTrace, Context, Cotangent, NormPlacement, Reach, Sublayer};
pub use decoding::IncrementalDecoder;
pub use pullback::{InputCotangents, Wanted};
pub use trace::Trace;

use crate::layers::{Embedding, Linear};

/// An encoder or a decoder: positions, then blocks.
#[derive(Clone, Debug)]
pub struct Stack {
    /// Added to the embeddings, `[position, feature]`.
    pub positions: Tensor<2>,
    /// From the input up.
    pub blocks: Vec<Block>,
}

/// An encoder with the embeddings of its vocabulary.
#[derive(Clone, Debug)]
pub struct Encoder {
    /// Of source tokens.
    pub embedding: Embedding,
    /// The layers.
    pub stack: Stack,
}

/// A sequence-to-sequence model or a language model: what an architecture's file assembles.
#[derive(Clone, Debug)]
pub struct Model {
    /// Present in encoder-decoder models.
    pub encoder: Option<Encoder>,
    /// Of target tokens.
    pub target_embedding: Embedding,
    /// The decoder's layers.
    pub decoder: Stack,
    /// From the last hidden state to logits over the vocabulary.
    pub head: Linear,
}

/// Token embeddings of a batch of source texts, padded on the right.
#[derive(Clone, Debug)]
pub struct Source {
    /// `[batch, position, feature]`, scaled as the model does, without positions.
    pub embeddings: Tensor<3>,
    /// Tokens of each text; the rest of its row is padding.
    pub lengths: Vec<usize>,
}

impl Source {
    /// Entry `index` alone, `count` times.
    pub fn repeat(&self, index: usize, count: usize) -> Source {
        let length = self.lengths[index];
        let embeddings = self.embeddings.clone().narrow(0, index, 1).narrow(1, 0, length).repeat_dim(0, count);
        Source { embeddings, lengths: vec![length; count] }
    }
}

impl Model {
    /// Where the weights lie.
    pub fn device(&self) -> Device {
        self.target_embedding.table().device()
    }

    /// Size of a hidden state.
    pub fn features(&self) -> usize {
        self.target_embedding.features()
    }

    /// Number of tokens that the head scores.
    pub fn vocabulary(&self) -> usize {
        self.head.output_size()
    }

    /// Longest source that the encoder has positions for.
    pub fn max_source_positions(&self) -> Option<usize> {
        self.encoder.as_ref().map(|encoder| encoder.stack.positions.dims()[0])
    }

    /// Longest target that the decoder has positions for.
    pub fn max_target_positions(&self) -> usize {
        self.decoder.positions.dims()[0]
    }

    /// Logits `[..., vocabulary]` of hidden states `[..., feature]`.
    pub fn logits<const D: usize>(&self, hidden: Tensor<D>) -> Tensor<D> {
        self.head.forward(hidden)
    }

    /// Cotangents of logits `[..., vocabulary]` to those of hidden states `[..., feature]`.
    pub fn logits_pullback<const D: usize>(&self, cotangent: Tensor<D>) -> Tensor<D> {
        self.head.pullback(cotangent)
    }

    /// Bytes of the largest tensors alive while one probe of one text is pulled back.
    pub fn bytes_per_probe(&self, source: usize, target: usize) -> usize {
        let stack = |stack: &Stack, own: usize, other: usize| {
            stack.blocks.iter().map(|block| block.values_per_position(own, other) * own).max().unwrap_or(0)
        };
        let encoder = self.encoder.as_ref().map_or(0, |encoder| stack(&encoder.stack, source, 0));
        let decoder = stack(&self.decoder, target, source);
        // The encoder's cotangents wait while the decoder's are at work.
        4 * (encoder.max(decoder) + self.features() * (2 * source + target) + 2 * self.vocabulary())
    }

    /// Bytes of one text's trace.
    pub fn bytes_per_trace(&self, source: usize, target: usize) -> usize {
        let stack = |stack: &Stack, own: usize, other: usize| {
            stack.blocks.iter().map(|block| block.values_per_position(own, other) * own).sum::<usize>()
        };
        let encoder = self.encoder.as_ref().map_or(0, |encoder| stack(&encoder.stack, source, 0));
        4 * (encoder + stack(&self.decoder, target, source))
    }
}

impl Block {
    /// Values that a trace, or a probe at work, holds for a position of the block.
    fn values_per_position(&self, own: usize, other: usize) -> usize {
        let attention = self.self_attention.inner.output.input_size();
        let inner = self.feed_forward.inner.input.output_size();
        let heads = self.self_attention.inner.heads;
        let cross = if self.cross_attention.is_some() { 3 * attention + heads * other } else { 0 };
        2 * inner + 8 * attention + 3 * heads * own + cross
    }
}
