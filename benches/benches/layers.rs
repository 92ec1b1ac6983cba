//! Layers at Marian-base size: forward over a sentence, and the pullback of a probe for each of its steps.
//!
//! Run with `cargo bench -p inseq-benches --bench layers`.
#![allow(missing_docs)] // criterion's macros make undocumented items

use burn::tensor::{Device, Distribution, Tensor};
use criterion::{Criterion, criterion_group, criterion_main};
use inseq_models::layers::{
    Activation, Attention, FeedForward, Linear, Mask, Norm, NormKind, Propagation, Rows, Visibility,
};

const WIDTH: usize = 512;
const INNER: usize = 2048;
const POSITIONS: usize = 26;
const PROBES: usize = 20;

fn random<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::random(shape, Distribution::Normal(0.0, 0.05), device)
}

fn linear(output: usize, input: usize, device: &Device) -> Linear {
    Linear::new(random([output, input], device), Some(random([output], device)))
}

fn layers(criterion: &mut Criterion) {
    let device = Device::flex();
    let x: Tensor<3> = random([1, POSITIONS, WIDTH], &device);
    let cotangent: Tensor<4> = random([1, PROBES, POSITIONS, WIDTH], &device);

    let square = linear(WIDTH, WIDTH, &device);
    criterion.bench_function("linear/forward", |b| b.iter(|| square.forward(x.clone())));
    criterion.bench_function("linear/pullback", |b| b.iter(|| square.pullback(cotangent.clone())));

    let feed_forward = FeedForward {
        input: linear(INNER, WIDTH, &device),
        activation: Activation::Silu,
        output: linear(WIDTH, INNER, &device),
    };
    let (_, trace) = feed_forward.forward_traced(x.clone(), Propagation::GRADIENT, false, |_| None);
    criterion.bench_function("feed_forward/forward", |b| {
        b.iter(|| feed_forward.forward_traced(x.clone(), Propagation::GRADIENT, false, |_| None))
    });
    criterion.bench_function("feed_forward/pullback", |b| {
        b.iter(|| feed_forward.pullback(cotangent.clone(), &trace, &Rows::prefix(POSITIONS)))
    });

    let attention = Attention {
        query: linear(WIDTH, WIDTH, &device),
        key_value: linear(2 * WIDTH, WIDTH, &device),
        output: linear(WIDTH, WIDTH, &device),
        heads: 8,
        key_value_heads: 8,
        scale: 0.125,
        soft_cap: None,
        norms: None,
    };
    let mask = Mask::new(&Visibility::default(), 0..POSITIONS, POSITIONS, &[], &device);
    let key_values = attention.key_values(x.clone(), None);
    let (_, trace) = attention.forward(x.clone(), &key_values, &mask, None, None);
    criterion.bench_function("attention/forward", |b| {
        b.iter(|| attention.forward(x.clone(), &key_values, &mask, None, None))
    });
    criterion.bench_function("attention/pullback", |b| {
        b.iter(|| attention.pullback(cotangent.clone(), &trace, &Rows::prefix(POSITIONS)))
    });

    let norm = Norm::new(NormKind::Layer, Tensor::ones([WIDTH], &device), Some(Tensor::zeros([WIDTH], &device)), 1e-5);
    let (_, trace) = norm.forward(x.clone());
    criterion.bench_function("norm/forward", |b| b.iter(|| norm.forward(x.clone())));
    criterion.bench_function("norm/pullback", |b| {
        b.iter(|| norm.pullback(cotangent.clone(), &trace, &Rows::prefix(POSITIONS)))
    });
}

criterion_group!(benches, layers);
criterion_main!(benches);
