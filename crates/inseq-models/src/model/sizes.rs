//! Sizes of a model's tensors, from which the work that fits a memory budget follows.

use super::stack::Stack;
use super::{Block, Model, parts};
use crate::layers::{Attention, Mixer};

/// Size of the largest tensors in bytes. Larger tensors gain nothing: matrix products reach their best rate earlier, and the
/// system needs time to clear new pages.
const LARGEST_TENSOR: usize = if cfg!(test) { 1 << 10 } else { 64 << 20 };

/// The kept part of a trace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    /// Stride of the encoder's blocks; `None` if all traces are kept.
    pub(super) encoder_stride: Option<usize>,
    /// Stride of the decoder's blocks; `None` if all traces are kept.
    pub(super) decoder_stride: Option<usize>,
    /// Approximate size of the kept traces and of the blocks that are run again at a time, in bytes.
    pub(super) bytes: usize,
}

impl Model {
    /// Number of values per position in the output of the widest layer.
    pub fn widest_row(&self) -> usize {
        let encoder = self.encoder.as_ref().map_or(&[][..], |encoder| &encoder.stack.blocks);
        let blocks = encoder.iter().chain(&self.decoder.blocks);
        let widest = blocks.map(|block| block.feed_forward.inner.inner_size().max(block.mixer.inner.widest_row()));
        widest.max().unwrap_or(1)
    }

    /// Number of rows, over all positions, batch entries and probes, at which the largest tensor of a layer reaches 64 MiB. More rows
    /// at once gain nothing.
    pub fn rows_at_once(&self) -> usize {
        (LARGEST_TENSOR / (4 * self.widest_row())).max(1)
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

    /// Size of the tensors of a forward that appends `new` positions to one text, beside the kept keys and values, in bytes: those of a
    /// [chunk](Self::rows_at_once), and the embeddings and last hidden states of all positions.
    pub fn bytes_per_continuation(&self, source: usize, new: usize) -> usize {
        self.bytes_at_work(source, new.min(self.rows_at_once())) + self.bytes_waiting(0, 2 * new)
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

    /// Size in bytes of the keys and values that the decoder keeps to continue a text.
    pub fn bytes_per_history(&self, positions: usize) -> usize {
        4 * positions * self.decoder.blocks.iter().map(|block| block.mixer.inner.widest_row()).sum::<usize>()
    }

    /// Approximate number of multiplications of a forward: of the encoder, if `source` positions of it are run, and of `new` positions
    /// of the decoder after `past` ones. The head does not count.
    pub fn multiplications(&self, source: usize, past: usize, new: usize) -> f64 {
        let all = |stack: &Stack, new: usize, keys: f64, other: usize| {
            stack.blocks.iter().map(|block| block.multiplications(new, keys, other)).sum::<f64>()
        };
        let encoder = self.encoder.as_ref().filter(|_| source > 0);
        let encoder = encoder.map_or(0.0, |encoder| all(&encoder.stack, source, source as f64, 0));
        // A position sees those before it: half of the new ones in the mean.
        encoder + all(&self.decoder, new, past as f64 + new as f64 / 2.0, source)
    }

    /// Size of a trace of `batch` texts that is limited to about `most` bytes, in bytes.
    pub fn bytes_of_trace_within(&self, batch: usize, source: usize, target: usize, most: usize) -> usize {
        self.kept_within(batch, source, target, most).bytes
    }

    /// The kept part of a trace of `batch` texts that is limited to about `most` bytes.
    pub(super) fn kept_within(&self, batch: usize, source: usize, target: usize, most: usize) -> Kept {
        let all = batch * self.bytes_per_trace(source, target);
        if all <= most {
            return Kept { encoder_stride: None, decoder_stride: None, bytes: all };
        }
        // A quarter for what is run again leaves room for inputs and for what is pulled back.
        let plan = |stack: &Stack, own: usize, other: usize| {
            let widest = stack.blocks.iter().map(|block| block.bytes_of_trace(own, other)).max().unwrap_or(0) * batch;
            let stride = (most / 4 / widest.max(1)).clamp(1, stack.blocks.len().max(1));
            let features = stack.blocks.first().map_or(0, Block::features);
            let inputs = 4 * batch * own * features * stack.blocks.len().div_ceil(stride);
            (stride, inputs, stride * widest)
        };
        let (decoder_stride, mut inputs, mut again) = plan(&self.decoder, target, source);
        let encoder_stride = self.encoder.as_ref().map(|encoder| {
            let (stride, own_inputs, own_again) = plan(&encoder.stack, source, 0);
            inputs += own_inputs;
            again = again.max(own_again);
            stride
        });
        Kept { encoder_stride, decoder_stride: Some(decoder_stride), bytes: inputs + again }
    }
}

impl Block {
    /// Size of a trace of `own` positions that attend to `other` positions of an encoder, in bytes.
    fn bytes_of_trace(&self, own: usize, other: usize) -> usize {
        let cross = self.cross_attention.as_ref().map_or(0, |cross| cross.inner.key_value.output_size());
        4 * (self.values_per_position() * own + cross * other)
    }

    /// Approximate number of multiplications of `new` positions, which see `keys` positions in the mean and `other` positions of an
    /// encoder.
    fn multiplications(&self, new: usize, keys: f64, other: usize) -> f64 {
        let (mixed, features) = (self.mixer.inner.inner_size(), self.features());
        let attentions = 1 + usize::from(self.cross_attention.is_some());
        // Of a feed-forward network with a gate, two products of three have its inner size.
        let products = (attentions * 2 * mixed + self.feed_forward.inner.inner_size() * 3 / 2) * features;
        let of_pairs = |attention: &Attention, keys: f64| 2.0 * attention.output.input_size() as f64 * keys;
        let own = match &self.mixer.inner {
            Mixer::Attention(attention) => of_pairs(attention, keys),
            Mixer::ShortConvolution(_) => 0.0,
        };
        let cross = self.cross_attention.as_ref().map_or(0.0, |cross| of_pairs(&cross.inner, other as f64));
        new as f64 * (products as f64 + own + cross)
    }

    /// Number of values per position of the block in a trace, or in the pullback of a probe. Attention weights do not count:
    /// they are computed for a bounded number of queries at a time.
    fn values_per_position(&self) -> usize {
        let (mixed, features) = (self.mixer.inner.inner_size(), self.features());
        2 * self.feed_forward.inner.inner_size()
            + (2 + usize::from(self.cross_attention.is_some())) * (mixed + 2 * features)
    }
}
