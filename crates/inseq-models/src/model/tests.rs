//! The whole model's pullback and decoding, against Burn's autodiff and the plain forward.

mod decoding;
mod propagation;
mod variants;

use std::ops::Range;

use burn::tensor::{Device, Tensor};
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::forward::Mode;
use super::sizes::Kept;
use super::*;
use crate::layers::{
    Attention, Embedding, Experts, Feed, FeedForward, Linear, Mixer, Norm, NormKind, Propagation, Rotary,
    ShortConvolution, Visibility,
};

pub(crate) use variants::{Placement, Variant, variants};
use variants::{stretched, stretches};

const HEADS: usize = 4;
const WIDTH: usize = 16;
const VOCABULARY: usize = 20;

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

    fn norm(&mut self, features: usize, kind: NormKind) -> Norm {
        Norm::new(kind, self.tensor([features], 0.5) + 1.0, Some(self.tensor([features], 0.3)), 1e-5)
    }

    fn norms(&mut self, variant: &Variant) -> Norms {
        let mut norm = || self.norm(WIDTH, variant.norm_kind);
        match variant.norms {
            Placement::Before => Norms::before(norm()),
            Placement::After => Norms::after(norm()),
            Placement::Around => Norms { input: Some(norm()), output: Some(norm()), ..Norms::default() },
            Placement::BeforeBoth => Norms { adds_to_normed: true, ..Norms::before(norm()) },
        }
    }

    fn attention<T: From<Attention>>(&mut self, variant: &Variant) -> Sublayer<T> {
        let head_dim = WIDTH / HEADS;
        let inner = variant.key_value_heads * head_dim;
        let head_norm = |random: &mut Self, heads| random.norm(head_dim, variant.norm_kind).grouped(heads);
        let attention = Attention {
            query: self.linear(WIDTH, WIDTH),
            key_value: self.linear(WIDTH, 2 * inner),
            output: self.linear(WIDTH, WIDTH),
            heads: HEADS,
            key_value_heads: variant.key_value_heads,
            scale: (head_dim as f32).powf(-0.5),
            soft_cap: variant.soft_caps.then_some(2.0),
            norms: variant.head_norms.then(|| [head_norm(self, HEADS), head_norm(self, variant.key_value_heads)]),
        };
        Sublayer::new(self.norms(variant), attention)
    }

    fn mixer(&mut self, variant: &Variant, layer: usize) -> Sublayer<Mixer> {
        let Some((_, taps)) = variant.taps.filter(|(block, _)| layer == *block) else { return self.attention(variant) };
        let convolution = ShortConvolution {
            input: self.linear(WIDTH, 3 * WIDTH),
            taps: self.tensor([taps, WIDTH], 1.0),
            bias: Some(self.tensor([WIDTH], 0.3)),
            output: self.linear(WIDTH, WIDTH),
        };
        Sublayer::new(self.norms(variant), convolution)
    }

    fn feed_forward(&mut self, variant: &Variant) -> Sublayer<Feed> {
        let dense = |random: &mut Self| FeedForward {
            input: random.linear(WIDTH, if variant.gated { 24 } else { 12 }),
            activation: variant.activation,
            output: random.linear(12, WIDTH),
        };
        let feed = match variant.experts {
            None => dense(self).into(),
            Some((count, chosen)) => {
                let experts = (0..count).map(|_| dense(self)).collect();
                Feed::Experts(Experts { router: self.linear(WIDTH, count), experts, chosen })
            }
        };
        Sublayer { inner: feed, norms: self.norms(variant) }
    }

    fn stack(&mut self, variant: &Variant, causal: bool) -> Stack {
        let block = |random: &mut Self, scheme| Block {
            mixer: random.mixer(variant, scheme),
            cross_attention: (causal && variant.encoder).then(|| random.attention(variant)),
            feed_forward: random.feed_forward(variant),
            residual: variant.residual,
            scheme,
        };
        let blocks = vec![block(self, 0), block(self, 1)];
        let rotary = (variant.rotated > 0)
            .then(|| Rotary { stretch: variant.stretch.clone(), ..Rotary::new(variant.rotated, 100.0) });
        let scheme = |window| Scheme {
            visibility: Visibility { causal, window, bias: variant.bias.clone() },
            rotary: rotary.clone(),
        };
        let norm = |random: &mut Self| variant.outer_norms.then(|| random.norm(WIDTH, variant.norm_kind));
        Stack {
            entry: Entry {
                scale: if variant.projected { 3.0 } else { 1.0 },
                projection: variant.projected.then(|| self.linear(WIDTH / 2, WIDTH)),
                input_norm: None,
                positions: variant.learned_positions.then(|| self.tensor([16, WIDTH], 0.5)),
                norm: norm(self),
                unplaced: None,
            },
            blocks,
            schemes: vec![scheme(None), scheme(variant.window)],
            exit: Exit {
                norm: norm(self),
                projection: (causal && variant.projected).then(|| self.linear(WIDTH, WIDTH / 2)),
            },
            dropout: Dropout { entry: 0.1, attention: 0.3, inner: 0.2, residual: 0.15, exit: 0.05, jitter: 0.1 },
            modules: Modules::default(),
        }
    }

    pub(crate) fn model(&mut self, variant: &Variant) -> Model {
        let table = self.tensor([VOCABULARY, variant.features()], 1.0);
        Model {
            encoder: variant
                .encoder
                .then(|| Encoder { embedding: Embedding::new(table.clone(), 2.0), stack: self.stack(variant, false) }),
            target_embedding: Embedding::new(table.clone(), 2.0),
            decoder: self.stack(variant, true),
            head: Linear::new(table, Some(self.tensor([VOCABULARY], 0.2))),
            logit_cap: variant.soft_caps.then_some(4.0),
        }
    }
}

pub(super) fn close<const D: usize>(a: Tensor<D>, b: Tensor<D>, tolerance: f32) {
    assert_eq!(a.dims(), b.dims());
    let scale: f32 = b.clone().abs().max().into_scalar();
    let difference: f32 = (a - b).abs().max().into_scalar();
    assert!(difference <= tolerance * scale, "differ by {difference} at a scale of {scale}");
}

/// Positions of probes with one position each, of two entries.
const SINGLE: [Range<usize>; 8] = [0..1, 1..2, 3..4, 6..7, 0..1, 2..3, 2..3, 5..6];

/// Positions of probes with several positions, and of some with one.
const SPANS: [Range<usize>; 8] = [0..1, 1..3, 2..5, 3..7, 0..1, 0..3, 2..3, 1..6];

/// What one model gives by the batched pullback and by one autodiff backward a probe, of a forward with noise where there is.
fn check(seed: u64, variant: &Variant, noise: Option<Noise>, positions: &[Range<usize>; 8]) {
    let encoder = variant.encoder;
    let plain = crate::device::parse(&std::env::var("INSEQ_TEST_DEVICE").unwrap_or("flex".into())).unwrap();
    let graph = plain.clone().autodiff();
    let model = Random::new(seed, &plain).model(variant);
    let twin = Random::new(seed, &graph).model(variant);
    let lengths = vec![5, 3];
    let (batch, probes, target_length) = (2, 4, 7);
    let inputs = |device: &Device| {
        let mut random = Random::new(seed + 100, device);
        (
            random.tensor([batch, 5, variant.features()], 1.0),
            random.tensor([batch, target_length, variant.features()], 1.0),
            random.tensor([positions.iter().map(ExactSizeIterator::len).sum(), VOCABULARY], 1.0),
        )
    };

    let (source, target, cotangents) = inputs(&plain);
    let source = Source { embeddings: source, lengths: lengths.clone() };
    let run = |model: &Model, source: Option<&Source>, target| match noise {
        Some(noise) => model.noisy_trace(Propagation::GRADIENT, source, target, noise),
        None => model.trace(source, target),
    };
    let trace = run(&model, encoder.then_some(&source), target);
    let wanted = Wanted { source: encoder, target: true, first: &[] };
    let rows = |probe: usize, x: Tensor<3>| -> Tensor<2> {
        x.narrow(0, probe / probes, 1).narrow(1, positions[probe].start, positions[probe].len()).squeeze_dim(0)
    };
    let own = (0..batch * probes).map(|probe| rows(probe, trace.hidden().clone())).collect();
    let logits = model.logits(Tensor::cat(own, 0));
    let got = model.pullback(&trace, model.logits_pullback(cotangents, &logits), positions, wanted);
    let source_only = encoder.then(|| {
        let (_, _, cotangents) = inputs(&plain);
        let wanted = Wanted { source: true, target: false, first: &[] };
        model.pullback(&trace, model.logits_pullback(cotangents, &logits), positions, wanted)
    });

    // From a position of each entry on.
    let first = [2, 3];
    let (_, _, cotangents) = inputs(&plain);
    let from = Wanted { source: false, target: true, first: &first };
    let from = model.pullback(&trace, model.logits_pullback(cotangents, &logits), positions, from).target.unwrap();
    for (entry, first) in first.into_iter().enumerate() {
        let of = |x: &Tensor<4>| x.clone().narrow(0, entry, 1).narrow(2, first, target_length - first);
        for probe in (0..probes).filter(|probe| positions[entry * probes + probe].end > first) {
            let [from, all] = [of(&from), of(got.target.as_ref().unwrap())].map(|x| x.narrow(1, probe, 1));
            close(from, all, 1e-6);
        }
    }

    for stride in [1, 2].into_iter().filter(|_| noise.is_none()) {
        let (_, target, cotangents) = inputs(&plain);
        let kept = Kept { encoder_stride: encoder.then_some(stride), decoder_stride: Some(stride), bytes: 0 };
        let again = model.traced(encoder.then_some(&source), target, Mode::default(), kept);
        let again = model.pullback(&again, model.logits_pullback(cotangents, &logits), positions, wanted);
        close(again.target.unwrap(), got.target.clone().unwrap(), 1e-6);
        if encoder {
            close(again.source.unwrap(), got.source.clone().unwrap(), 1e-6);
        }
    }

    for b in 0..batch {
        for p in 0..probes {
            let (source, target, cotangents) = inputs(&graph);
            let (source, target) = (source.require_grad(), target.require_grad());
            let batch_source = Source { embeddings: source.clone(), lengths: lengths.clone() };
            let trace = run(&twin, encoder.then_some(&batch_source), target.clone());
            let logits = twin.logits(trace.hidden().clone());
            let before = positions[..b * probes + p].iter().map(ExactSizeIterator::len).sum();
            let own = rows(b * probes + p, logits);
            let score = own * cotangents.narrow(0, before, positions[b * probes + p].len());
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
fn the_pullback_of_long_texts_equals_autodiff() {
    for (seed, stretch) in stretches().into_iter().enumerate() {
        check(seed as u64, &stretched(stretch), None, &SINGLE);
    }
}

#[test]
fn the_pullback_equals_autodiff() {
    for (seed, variant) in variants().iter().enumerate() {
        check(seed as u64, variant, None, &SINGLE);
        check(seed as u64, variant, None, &SPANS);
    }
}

/// A single probe of several positions, which has no padding, is the sum of probes of one position each.
#[test]
fn one_probe_is_the_sum_of_its_positions() {
    for (seed, variant) in variants().iter().enumerate() {
        let device = crate::device::parse("auto").unwrap();
        let mut random = Random::new(seed as u64, &device);
        let model = random.model(variant);
        let source = Source { embeddings: random.tensor([1, 5, variant.features()], 1.0), lengths: vec![5] };
        let trace = model.trace(variant.encoder.then_some(&source), random.tensor([1, 7, variant.features()], 1.0));
        let cotangents = random.tensor([3, variant.features()], 1.0);
        let wanted = Wanted { source: variant.encoder, target: true, first: &[] };
        let whole = model.pullback(&trace, cotangents.clone(), &[Range { start: 2, end: 5 }], wanted);
        let each = model.pullback(&trace, cotangents, &[2..3, 3..4, 4..5], wanted);
        close(whole.target.unwrap(), each.target.unwrap().sum_dim(1), 2e-5);
        if variant.encoder {
            close(whole.source.unwrap(), each.source.unwrap().sum_dim(1), 2e-5);
        }
    }
}

#[test]
fn the_pullback_of_a_noisy_forward_equals_autodiff() {
    for (seed, variant) in variants().iter().enumerate() {
        check(seed as u64, variant, Some(Noise { seed: 11, draw: 1 }), &SPANS);
    }
}

#[test]
fn noise_depends_on_neither_batch_nor_length() {
    for (seed, variant) in variants().iter().enumerate() {
        let device = crate::device::parse("auto").unwrap();
        let mut random = Random::new(seed as u64, &device);
        let model = random.model(variant);
        let source = Source { embeddings: random.tensor([2, 5, variant.features()], 1.0), lengths: vec![3, 5] };
        let target = random.tensor([2, 6, variant.features()], 1.0);
        let hidden = |source: &Source, target: Tensor<3>, draw| {
            let noise = Noise { seed: 3, draw };
            model.noisy_trace(Propagation::GRADIENT, variant.encoder.then_some(source), target, noise).hidden().clone()
        };
        let together = hidden(&source, target.clone(), 0);
        let shorter = target.clone().narrow(0, 0, 1).narrow(1, 0, 4);
        let alone = hidden(&source.repeat(0, 1), shorter.clone(), 0);
        close(alone.clone(), together.narrow(0, 0, 1).narrow(1, 0, 4), 1e-5);
        let other: f32 = (hidden(&source.repeat(0, 1), shorter, 1) - alone).abs().max().into_scalar();
        assert!(other > 1e-2, "two draws are one");
    }
}
