//! A sequence model assembled from shared blocks, with one forward that serves every step and one batched pullback.

mod block;
mod cut;
mod decoding;
mod dropout;
mod forward;
mod kept;
mod layer;
mod moved;
mod parts;
mod propagation;
mod pullback;
mod sizes;
mod stack;
mod stretches;
mod sublayer;
#[cfg(test)]
mod tests;
mod trace;
mod view;

use burn::tensor::{Device, Tensor};

pub use block::{Block, BlockTrace, Context, Cotangent, Reach, Residual};
pub use decoding::IncrementalDecoder;
pub use dropout::{Dropout, LayerNoise, Noise};
pub use forward::Memory;
pub use layer::{Layer, LayerStates, Modules, Part, Side, Tap, TapPoint};
pub use parts::ranges_of_rows;
pub use pullback::{InputCotangents, Wanted};
pub use stack::{Entry, Exit, Scheme, Stack};
pub use sublayer::{Norms, Sublayer, SublayerStates};
pub use trace::Trace;
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
    ///
    /// # Panics
    /// There is no such entry.
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
}
