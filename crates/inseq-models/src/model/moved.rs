//! A copy of a model on another device.

use burn::tensor::{Device, Tensor};

use super::stack::{Entry, Exit, Stack};
use super::{Block, Encoder, Model, Norms, Sublayer};
use crate::layers::{Attention, Experts, Feed, FeedForward, Linear, Mixer, Norm, ShortConvolution};

impl Model {
    /// A copy of the model on a device, with weights of the same type. On the device of the model the copy shares all weights; on
    /// another one it takes as many bytes as the weights take here. Tables that are equal, such as tied embeddings, are
    /// copied once.
    #[must_use]
    pub fn to_device(&self, device: &Device) -> Self {
        if *device == self.device() {
            return self.clone();
        }
        let target = self.target_embedding.table();
        let table = target.clone().to_device(device);
        let moved = |other: &Tensor<2>| match are_equal(target, other) {
            true => table.clone(),
            false => other.clone().to_device(device),
        };
        Self {
            encoder: self.encoder.as_ref().map(|encoder| Encoder {
                embedding: encoder.embedding.with_table(moved(encoder.embedding.table())),
                stack: encoder.stack.to_device(device),
            }),
            target_embedding: self.target_embedding.with_table(table.clone()),
            decoder: self.decoder.to_device(device),
            head: self.head.with_weight(moved(self.head.weight())),
            logit_cap: self.logit_cap,
        }
    }
}

fn are_equal(one: &Tensor<2>, other: &Tensor<2>) -> bool {
    one.dims() == other.dims()
        && one.dtype() == other.dtype()
        && one.clone().equal(other.clone()).all().try_into_vec_as::<bool>().is_ok_and(|all| all == [true])
}

fn norm(norm: &Option<Norm>, device: &Device) -> Option<Norm> {
    norm.as_ref().map(|norm| norm.to_device(device))
}

fn linear(linear: &Option<Linear>, device: &Device) -> Option<Linear> {
    linear.as_ref().map(|linear| linear.to_device(device))
}

impl Stack {
    fn to_device(&self, device: &Device) -> Self {
        Self {
            entry: Entry {
                scale: self.entry.scale,
                projection: linear(&self.entry.projection, device),
                input_norm: norm(&self.entry.input_norm, device),
                positions: self.entry.positions.clone().map(|positions| positions.to_device(device)),
                unplaced: self.entry.unplaced,
                norm: norm(&self.entry.norm, device),
            },
            blocks: self.blocks.iter().map(|block| block.to_device(device)).collect(),
            exit: Exit { norm: norm(&self.exit.norm, device), projection: linear(&self.exit.projection, device) },
            schemes: self.schemes.clone(),
            dropout: self.dropout,
            modules: self.modules.clone(),
        }
    }
}

impl Block {
    fn to_device(&self, device: &Device) -> Self {
        Self {
            mixer: self.mixer.to_device(device, |mixer| match mixer {
                Mixer::Attention(inner) => Mixer::Attention(attention(inner, device)),
                Mixer::ShortConvolution(inner) => Mixer::ShortConvolution(short_convolution(inner, device)),
            }),
            cross_attention: self
                .cross_attention
                .as_ref()
                .map(|cross| cross.to_device(device, |inner| attention(inner, device))),
            feed_forward: self.feed_forward.to_device(device, |feed| match feed {
                Feed::Dense(dense) => Feed::Dense(feed_forward(dense, device)),
                Feed::Experts(Experts { router, experts, chosen }) => Feed::Experts(Experts {
                    router: router.to_device(device),
                    experts: experts.iter().map(|expert| feed_forward(expert, device)).collect(),
                    chosen: *chosen,
                }),
            }),
            residual: self.residual,
            scheme: self.scheme,
        }
    }
}

impl<T> Sublayer<T> {
    fn to_device(&self, device: &Device, inner: impl FnOnce(&T) -> T) -> Self {
        let Norms { input, output, sum, adds_to_normed } = &self.norms;
        let [input, output, sum] = [input, output, sum].map(|one| norm(one, device));
        Self { inner: inner(&self.inner), norms: Norms { input, output, sum, adds_to_normed: *adds_to_normed } }
    }
}

fn attention(inner: &Attention, device: &Device) -> Attention {
    Attention {
        query: inner.query.to_device(device),
        key_value: inner.key_value.to_device(device),
        output: inner.output.to_device(device),
        norms: inner.norms.as_ref().map(|norms| norms.each_ref().map(|norm| norm.to_device(device))),
        ..inner.clone()
    }
}

fn short_convolution(inner: &ShortConvolution, device: &Device) -> ShortConvolution {
    ShortConvolution {
        input: inner.input.to_device(device),
        taps: inner.taps.clone().to_device(device),
        bias: inner.bias.clone().map(|bias| bias.to_device(device)),
        output: inner.output.to_device(device),
    }
}

fn feed_forward(inner: &FeedForward, device: &Device) -> FeedForward {
    FeedForward {
        input: inner.input.to_device(device),
        activation: inner.activation,
        output: inner.output.to_device(device),
    }
}
