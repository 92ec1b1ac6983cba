//! A sequence model assembled from shared blocks, with one forward that serves every step and one batched pullback.

mod block;
mod decoding;
mod dropout;
mod forward;
mod kept;
mod layer;
mod left_out;
mod parts;
mod pullback;
mod rescale;
mod stack;
mod sublayer;
#[cfg(test)]
mod tests;
mod trace;

use burn::tensor::{Device, Tensor};

pub use block::{Block, BlockTrace, Context, Cotangent, Reach, Residual};
pub use decoding::IncrementalDecoder;
pub use dropout::{Dropout, LayerNoise, Noise};
pub use layer::{Layer, LayerStates, Modules, Part, Side, Tap, TapPoint};
pub use left_out::{LeftOut, LeftOutRequest};
pub use pullback::{InputCotangents, Wanted};
pub use rescale::Rescale;
pub use stack::{Entry, Exit, Scheme, Stack};
pub use sublayer::{Norms, Sublayer};
pub use trace::{Memory, Trace};

use crate::layers::{Embedding, Linear};

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
    /// Logits are squeezed into plus and minus this by a hyperbolic tangent.
    pub logit_cap: Option<f32>,
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

    /// Whether the model has no encoder, so that its input is the beginning of what it writes.
    pub fn is_decoder_only(&self) -> bool {
        self.encoder.is_none()
    }

    /// Size of an embedding.
    pub fn features(&self) -> usize {
        self.target_embedding.features()
    }

    /// Number of tokens that the head scores.
    pub fn vocabulary(&self) -> usize {
        self.head.output_size()
    }

    /// Longest source that the encoder has positions for; `None` where there is no such limit.
    pub fn max_source_positions(&self) -> Option<usize> {
        self.encoder.as_ref().and_then(|encoder| encoder.stack.max_positions())
    }

    /// Longest target that the decoder has positions for; `None` where there is no such limit.
    pub fn max_target_positions(&self) -> Option<usize> {
        self.decoder.max_positions()
    }

    /// Logits `[..., vocabulary]` of hidden states `[..., feature]`.
    pub fn logits<const D: usize>(&self, hidden: Tensor<D>) -> Tensor<D> {
        let logits = self.head.forward(hidden);
        match self.logit_cap {
            Some(cap) => (logits / cap).tanh() * cap,
            None => logits,
        }
    }

    /// Cotangents of `logits` `[..., vocabulary]` to those of hidden states `[..., feature]`.
    pub fn logits_pullback<const D: usize>(&self, cotangent: Tensor<D>, logits: &Tensor<D>) -> Tensor<D> {
        self.head.pullback(match self.logit_cap {
            Some(cap) => cotangent * ((logits.clone() / cap).square().neg() + 1.0),
            None => cotangent,
        })
    }

    /// As [`logits_pullback`](Self::logits_pullback), for differences between two hidden states: multiplied by the
    /// difference of hidden states, and summed, it gives the difference of logits times the cotangent.
    pub fn logits_pullback_between<const D: usize>(
        &self,
        cotangent: Tensor<D>,
        hidden: Tensor<D>,
        baseline: Tensor<D>,
    ) -> Tensor<D> {
        let Some(cap) = self.logit_cap else { return self.head.pullback(cotangent) };
        let [(x, y), (b, y_baseline)] = [hidden, baseline].map(|hidden| {
            let logits = self.head.forward(hidden);
            (logits.clone(), (logits / cap).tanh() * cap)
        });
        let way = x - b;
        let is_near = way.clone().abs().lower_elem(1e-3 * cap);
        let slope = (y.clone() / cap).square().neg() + 1.0;
        self.head.pullback(cotangent * ((y - y_baseline) / way).mask_where(is_near, slope))
    }

    /// Values that the widest layer gives for a position.
    pub fn widest_row(&self) -> usize {
        let encoder = self.encoder.as_ref().map_or(&[][..], |encoder| &encoder.stack.blocks);
        let blocks = encoder.iter().chain(&self.decoder.blocks);
        let widest = blocks.map(|block| block.feed_forward.inner.inner_size().max(block.mixer.inner.widest_row()));
        widest.max().unwrap_or(1)
    }

    /// Bytes of the largest tensors alive while one probe of one text is pulled back.
    pub fn bytes_per_probe(&self, source: usize, target: usize) -> usize {
        self.bytes_at_work(source, target) + self.bytes_waiting(source, target)
    }

    /// Bytes of what a block makes of one probe of one text.
    fn bytes_at_work(&self, source: usize, target: usize) -> usize {
        let widest = |stack: &Stack| stack.blocks.iter().map(Block::values_per_position).max().unwrap_or(0);
        let encoder = self.encoder.as_ref().map_or(0, |encoder| widest(&encoder.stack) * source);
        // Keys and values of the source have their cotangents beside the decoder's.
        let decoder = widest(&self.decoder) * (target + if self.is_decoder_only() { 0 } else { source });
        4 * encoder.max(decoder)
    }

    /// Bytes of one probe's cotangents between blocks, and of its row of logits.
    fn bytes_waiting(&self, source: usize, target: usize) -> usize {
        // The encoder's cotangents wait while the decoder's are at work.
        4 * (self.features() * (2 * source + target) + 2 * self.vocabulary())
    }

    /// Probes of each of a batch's entries that can be pulled back in so many bytes; 0 where that is not even one.
    pub fn probes_within(&self, entries: usize, source: usize, target: usize, bytes: usize) -> usize {
        let (work, wait) = (self.bytes_at_work(source, target), self.bytes_waiting(source, target));
        let each = bytes / (work + wait).max(1);
        // Where processors take parts, only theirs are at work.
        let at_once = parts::probes_at_once(source + target, &self.device());
        let all = if each <= at_once { each } else { (bytes - at_once * work) / wait.max(1) };
        all / entries.max(1)
    }

    /// Bytes of one text's trace.
    pub fn bytes_per_trace(&self, source: usize, target: usize) -> usize {
        let all = |stack: &Stack, own: usize, other: usize| {
            stack.blocks.iter().map(|block| block.bytes_of_trace(own, other)).sum::<usize>()
        };
        let encoder = self.encoder.as_ref().map_or(0, |encoder| all(&encoder.stack, source, 0));
        encoder + all(&self.decoder, target, source)
    }
}

impl Block {
    /// Bytes of a trace of `own` positions that attend to `other` ones of an encoder.
    fn bytes_of_trace(&self, own: usize, other: usize) -> usize {
        let cross = self.cross_attention.as_ref().map_or(0, |cross| cross.inner.key_value.output_size());
        4 * (self.values_per_position() * own + cross * other)
    }

    /// Values that a trace, or a probe at work, holds for a position of the block. Attention weights are not among them:
    /// they are made for a bounded number of queries at a time.
    fn values_per_position(&self) -> usize {
        let (mixed, features) = (self.mixer.inner.inner_size(), self.features());
        2 * self.feed_forward.inner.inner_size()
            + (2 + usize::from(self.cross_attention.is_some())) * (mixed + 2 * features)
    }
}
