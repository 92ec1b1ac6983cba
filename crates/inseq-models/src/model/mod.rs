//! A sequence model assembled from shared blocks, with one forward that serves every step and one batched pullback.

mod block;
mod decoding;
mod dropout;
mod forward;
mod kept;
mod layer;
mod parts;
mod propagation;
mod pullback;
mod stack;
mod sublayer;
#[cfg(test)]
mod tests;
mod trace;
mod view;

use burn::tensor::{Device, Tensor};

pub use block::{Block, BlockTrace, Context, Cotangent, Reach, Residual};
pub use decoding::IncrementalDecoder;
pub use dropout::{Dropout, LayerNoise, Noise};
pub use layer::{Layer, LayerStates, Modules, Part, Side, Tap, TapPoint};
pub use parts::ranges_of_rows;
pub use pullback::{InputCotangents, Wanted};
pub use stack::{Entry, Exit, Scheme, Stack};
pub use sublayer::{Norms, Sublayer, SublayerStates};
pub use trace::{Memory, Trace};
pub use view::{InverseDeviations, LayerView};

use crate::layers::{Embedding, Linear};

/// An encoder with the embeddings of its vocabulary.
#[derive(Clone, Debug)]
pub struct Encoder {
    /// Embeddings of source tokens.
    pub embedding: Embedding,
    /// The layers.
    pub stack: Stack,
}

/// A sequence-to-sequence model or a language model, which [`architectures::load`](crate::architectures::load) assembles.
#[derive(Clone, Debug)]
pub struct Model {
    /// The encoder, in encoder-decoder models.
    pub encoder: Option<Encoder>,
    /// Embeddings of target tokens.
    pub target_embedding: Embedding,
    /// The decoder's layers.
    pub decoder: Stack,
    /// Head: from the last hidden state to logits over the vocabulary.
    pub head: Linear,
    /// Soft cap: a hyperbolic tangent limits logits to plus and minus this value.
    pub logit_cap: Option<f32>,
}

/// Token embeddings of a batch of source texts, padded on the right.
#[derive(Clone, Debug)]
pub struct Source {
    /// Embeddings `[batch, position, feature]`, with the model's scale, without positions.
    pub embeddings: Tensor<3>,
    /// Number of tokens of each text; the rest of its row is padding.
    pub lengths: Vec<usize>,
}

impl Source {
    /// `count` copies of entry `index`.
    #[must_use]
    pub fn repeat(&self, index: usize, count: usize) -> Source {
        let length = self.lengths[index];
        let embeddings = self.embeddings.clone().narrow(0, index, 1).narrow(1, 0, length).repeat_dim(0, count);
        Source { embeddings, lengths: vec![length; count] }
    }
}

impl Model {
    /// Device of the weights.
    pub fn device(&self) -> Device {
        self.target_embedding.table().device()
    }

    /// Whether the model has no encoder; its input is then the beginning of its output.
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

    /// Number of positions of the encoder; `None` without a limit.
    pub fn max_source_positions(&self) -> Option<usize> {
        self.encoder.as_ref().and_then(|encoder| encoder.stack.max_positions())
    }

    /// Number of positions of the decoder; `None` without a limit.
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

    /// Pulls cotangents of `logits` `[..., vocabulary]` back to hidden states `[..., feature]`.
    pub fn logits_pullback<const D: usize>(&self, cotangent: Tensor<D>, logits: &Tensor<D>) -> Tensor<D> {
        self.head.pullback(match self.logit_cap {
            Some(cap) => cotangent * ((logits.clone() / cap).square().neg() + 1.0),
            None => cotangent,
        })
    }

    /// As [`logits_pullback`](Self::logits_pullback), for differences between two hidden states: the result, multiplied by the
    /// difference of hidden states and summed, is the difference of logits times the cotangent.
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

    /// Number of values per position in the output of the widest layer.
    pub fn widest_row(&self) -> usize {
        let encoder = self.encoder.as_ref().map_or(&[][..], |encoder| &encoder.stack.blocks);
        let blocks = encoder.iter().chain(&self.decoder.blocks);
        let widest = blocks.map(|block| block.feed_forward.inner.inner_size().max(block.mixer.inner.widest_row()));
        widest.max().unwrap_or(1)
    }

    /// Size of the largest live tensors during the pullback of one probe of one text, in bytes.
    pub fn bytes_per_probe(&self, source: usize, target: usize) -> usize {
        self.bytes_at_work(source, target) + self.bytes_waiting(source, target)
    }

    /// Size of a block's tensors for one probe of one text, in bytes.
    fn bytes_at_work(&self, source: usize, target: usize) -> usize {
        let widest = |stack: &Stack| stack.blocks.iter().map(Block::values_per_position).max().unwrap_or(0);
        let encoder = self.encoder.as_ref().map_or(0, |encoder| widest(&encoder.stack) * source);
        // Keys and values of the source have their cotangents beside the decoder's.
        let decoder = widest(&self.decoder) * (target + if self.is_decoder_only() { 0 } else { source });
        4 * encoder.max(decoder)
    }

    /// Size of one probe's cotangents between blocks and of its row of logits, in bytes.
    fn bytes_waiting(&self, source: usize, target: usize) -> usize {
        // The encoder's cotangents wait while the decoder's are at work.
        4 * (self.features() * (2 * source + target) + 2 * self.vocabulary())
    }

    /// Number of probes per batch entry whose pullback fits into `bytes` bytes; 0 if none fits.
    pub fn probes_within(&self, entries: usize, source: usize, target: usize, bytes: usize) -> usize {
        let (work, wait) = (self.bytes_at_work(source, target), self.bytes_waiting(source, target));
        let each = bytes / (work + wait).max(1);
        // Where processors take parts, only theirs are at work.
        let at_once = parts::probes_at_once(source + target, &self.device());
        let all = if each <= at_once { each } else { (bytes - at_once * work) / wait.max(1) };
        all / entries.max(1)
    }

    /// Size of one text's trace, in bytes.
    pub fn bytes_per_trace(&self, source: usize, target: usize) -> usize {
        let all = |stack: &Stack, own: usize, other: usize| {
            stack.blocks.iter().map(|block| block.bytes_of_trace(own, other)).sum::<usize>()
        };
        let encoder = self.encoder.as_ref().map_or(0, |encoder| all(&encoder.stack, source, 0));
        encoder + all(&self.decoder, target, source)
    }
}

impl Block {
    /// Size of a trace of `own` positions that attend to `other` positions of an encoder, in bytes.
    fn bytes_of_trace(&self, own: usize, other: usize) -> usize {
        let cross = self.cross_attention.as_ref().map_or(0, |cross| cross.inner.key_value.output_size());
        4 * (self.values_per_position() * own + cross * other)
    }

    /// Number of values per position of the block in a trace, or in the pullback of a probe. Attention weights do not count:
    /// they are computed for a bounded number of queries at a time.
    fn values_per_position(&self) -> usize {
        let (mixed, features) = (self.mixer.inner.inner_size(), self.features());
        2 * self.feed_forward.inner.inner_size()
            + (2 + usize::from(self.cross_attention.is_some())) * (mixed + 2 * features)
    }
}
