//! The whole model's pullback and decoding, against Burn's autodiff and the plain forward.

use burn::tensor::{Device, Tensor};
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::*;
use crate::layers::{Activation, Attention, FeedForward, LayerNorm};

pub(crate) struct Random {
    rng: StdRng,
    device: Device,
}

impl Random {
    pub(crate) fn new(seed: u64, device: &Device) -> Self {
        Self { rng: StdRng::seed_from_u64(seed), device: device.clone() }
    }

    pub(crate) fn tensor<const D: usize>(&mut self, shape: [usize; D], scale: f32) -> Tensor<D> {
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| self.rng.random_range(-scale..scale)).collect();
        Tensor::<1>::from_data(values.as_slice(), &self.device).reshape(shape)
    }

    fn linear(&mut self, input: usize, output: usize) -> Linear {
        Linear::new(self.tensor([output, input], 0.4), Some(self.tensor([output], 0.3)))
    }

    fn norm(&mut self, features: usize) -> LayerNorm {
        LayerNorm::new(self.tensor([features], 0.5) + 1.0, Some(self.tensor([features], 0.3)), 1e-5)
    }

    fn attention(&mut self, features: usize, heads: usize) -> Sublayer<Attention> {
        let inner = Attention {
            query: self.linear(features, features),
            key_value: self.linear(features, 2 * features),
            output: self.linear(features, features),
            heads,
            scale: (features as f32 / heads as f32).powf(-0.5),
        };
        Sublayer { inner, norm: self.norm(features) }
    }

    fn stack(&mut self, features: usize, cross: bool, placement: NormPlacement, activation: Activation) -> Stack {
        let blocks = (0..2)
            .map(|_| Block {
                self_attention: self.attention(features, 2),
                cross_attention: cross.then(|| self.attention(features, 2)),
                feed_forward: Sublayer {
                    inner: FeedForward {
                        input: self.linear(features, 12),
                        activation,
                        output: self.linear(12, features),
                    },
                    norm: self.norm(features),
                },
                placement,
            })
            .collect();
        Stack { positions: self.tensor([16, features], 0.5), blocks }
    }

    pub(crate) fn model(&mut self, encoder: bool, placement: NormPlacement, activation: Activation) -> Model {
        let features = 8;
        let table = self.tensor([20, features], 1.0);
        Model {
            encoder: encoder.then(|| Encoder {
                embedding: Embedding::new(table.clone(), 2.0),
                stack: self.stack(features, false, placement, activation),
            }),
            target_embedding: Embedding::new(table.clone(), 2.0),
            decoder: self.stack(features, encoder, placement, activation),
            head: Linear::new(table, Some(self.tensor([20], 0.2))),
        }
    }
}

fn close<const D: usize>(a: Tensor<D>, b: Tensor<D>, tolerance: f32) {
    assert_eq!(a.dims(), b.dims());
    let scale: f32 = b.clone().abs().max().into_scalar();
    let difference: f32 = (a - b).abs().max().into_scalar();
    assert!(difference <= tolerance * scale, "differ by {difference} at a scale of {scale}");
}

/// What one seed, norm placement and activation give, by the batched pullback and by one autodiff backward a probe.
fn check(seed: u64, encoder: bool, placement: NormPlacement, activation: Activation) {
    let plain = crate::device::parse(&std::env::var("INSEQ_TEST_DEVICE").unwrap_or("flex".into())).unwrap();
    let graph = plain.clone().autodiff();
    let model = Random::new(seed, &plain).model(encoder, placement, activation);
    let twin = Random::new(seed, &graph).model(encoder, placement, activation);
    let lengths = vec![5, 3];
    let positions = [0usize, 1, 3, 6, 0, 2, 2, 5];
    let (batch, probes, target_length) = (2, 4, 7);
    let inputs = |device: &Device| {
        let mut random = Random::new(seed + 100, device);
        (
            random.tensor([batch, 5, 8], 1.0),
            random.tensor([batch, target_length, 8], 1.0),
            random.tensor([batch, probes, 20], 1.0),
        )
    };

    let (source, target, cotangents) = inputs(&plain);
    let source = Source { embeddings: source, lengths: lengths.clone() };
    let trace = model.trace(encoder.then_some(&source), target);
    let wanted = Wanted { source: encoder, target: true };
    let got = model.pullback(&trace, model.logits_pullback(cotangents), &positions, wanted);
    let source_only = encoder.then(|| {
        let (_, _, cotangents) = inputs(&plain);
        let wanted = Wanted { source: true, target: false };
        model.pullback(&trace, model.logits_pullback(cotangents), &positions, wanted)
    });

    for b in 0..batch {
        for p in 0..probes {
            let (source, target, cotangents) = inputs(&graph);
            let (source, target) = (source.require_grad(), target.require_grad());
            let batch_source = Source { embeddings: source.clone(), lengths: lengths.clone() };
            let trace = twin.trace(encoder.then_some(&batch_source), target.clone());
            let logits = twin.logits(trace.hidden().clone());
            let own = logits.narrow(0, b, 1).narrow(1, positions[b * probes + p], 1);
            let score = own * cotangents.narrow(0, b, 1).narrow(1, p, 1);
            let gradients = score.sum().backward();
            let expected = target.grad(&gradients).unwrap().narrow(0, b, 1);
            let probe = got.target.clone().unwrap().narrow(0, b, 1).narrow(1, p, 1).squeeze_dim::<3>(1);
            close(probe, expected, 2e-5);
            if encoder {
                let expected = source.grad(&gradients).unwrap().narrow(0, b, 1);
                for cotangents in [&got, source_only.as_ref().unwrap()] {
                    let probe = cotangents.source.clone().unwrap().narrow(0, b, 1).narrow(1, p, 1);
                    close(probe.squeeze_dim::<3>(1), expected.clone(), 2e-5);
                }
            }
        }
    }
}

#[test]
fn the_pullback_equals_autodiff() {
    let mut seed = 0;
    for encoder in [true, false] {
        for placement in [NormPlacement::After, NormPlacement::Before] {
            for activation in [Activation::Relu, Activation::Silu, Activation::Gelu, Activation::GeluTanh] {
                seed += 1;
                check(seed, encoder, placement, activation);
            }
        }
    }
}

#[test]
fn decoding_with_a_cache_equals_the_whole_forward() {
    let device = crate::device::parse("auto").unwrap();
    let mut random = Random::new(9, &device);
    let model = random.model(true, NormPlacement::After, Activation::Silu);
    let source = Source { embeddings: random.tensor([2, 5, 8], 1.0), lengths: vec![3, 5] };
    let tokens = [[1u32, 1], [7, 2], [3, 2], [9, 11]]; // [step][text]
    let by_text: Vec<u32> = (0..2).flat_map(|text| tokens.map(|step| step[text])).collect();
    let target = model.target_embedding.forward(&by_text, 2);
    let expected = model.logits(model.trace(Some(&source), target).hidden().clone());

    // Rows are swapped after the first token and swapped back after the third.
    let mut decoder = IncrementalDecoder::new(&model, Some(&source));
    for (step, tokens) in tokens.iter().enumerate() {
        let swapped = step == 1 || step == 2;
        if step == 1 || step == 3 {
            decoder.reorder(&[1, 0]);
        }
        let order = if swapped { [1, 0] } else { [0, 1] };
        let logits = decoder.append(&order.map(|text| tokens[text]));
        for (row, text) in order.into_iter().enumerate() {
            let expected = expected.clone().narrow(0, text, 1).narrow(1, step, 1).squeeze_dim::<2>(1);
            close(logits.clone().narrow(0, row, 1), expected, 1e-5);
        }
    }
}
