//! The conservative rule, operation by operation, against Burn's autodiff of the same forward with detached statistics.

use super::*;
use crate::layers::{Activation, KeyValues, Mask, Rows, Softmax};

const SHAPE: [usize; 4] = [2, 3, 5, WIDTH];

fn devices() -> [Device; 2] {
    let plain = crate::device::parse("auto").unwrap();
    [plain.clone(), plain.autodiff()]
}

/// An input `[batch, position, feature]` and cotangents of an output `[batch, probe, position, feature]`.
fn inputs(device: &Device) -> (Tensor<3>, Tensor<4>) {
    let mut random = Random::new(5, device);
    let [batch, _, length, features] = SHAPE;
    (random.tensor([batch, length, features], 1.5), random.tensor(SHAPE, 1.0))
}

/// Whether a pullback is, probe by probe, that of a forward by autodiff.
fn equals_autodiff(pulled: Tensor<4>, forward: impl Fn(Tensor<3>) -> Tensor<3>) {
    for probe in 0..SHAPE[1] {
        let (x, cotangents) = inputs(&devices()[1]);
        let x = x.require_grad();
        let score = forward(x.clone()) * cotangents.narrow(1, probe, 1).squeeze_dim::<3>(1);
        let expected = x.grad(&score.sum().backward()).unwrap();
        close(pulled.clone().narrow(1, probe, 1).squeeze_dim::<3>(1), expected, 1e-5);
    }
}

#[test]
fn deviations_are_constant() {
    let [plain, graph] = devices();
    for (seed, kind) in [NormKind::Layer, NormKind::RootMeanSquare].into_iter().enumerate() {
        for groups in [1, 2] {
            let size = WIDTH / groups;
            let norm = |device: &Device| Random::new(seed as u64, device).norm(size, kind);
            let grouped = norm(&plain).grouped(groups);
            let (x, cotangents) = inputs(&plain);
            let trace = grouped.forward(x).1.ruled(Propagation::CONSERVATIVE.into());
            let pulled = grouped.pullback(cotangents, &trace, &Rows::prefix(SHAPE[2]));
            let twin = norm(&graph);
            equals_autodiff(pulled, |x| {
                let shape = x.dims();
                let x = x.reshape([shape[0], shape[1] * groups, size]);
                let deviation = twin.forward(x.clone()).1.inverse_deviation().detach();
                (twin.linear_part(x).unwrap() * deviation).reshape(shape)
            });
        }
    }
}

#[test]
fn weights_of_attention_are_constant() {
    let [plain, graph] = devices();
    let decoder = Variant { encoder: false, ..Variant::default() };
    for (seed, variant) in [
        Variant { key_value_heads: 2, head_norms: true, ..decoder.clone() },
        Variant { key_value_heads: 1, soft_caps: true, ..decoder.clone() },
        decoder,
    ]
    .into_iter()
    .enumerate()
    {
        let attention = |device: &Device| {
            let Sublayer { inner, .. } = Random::new(seed as u64, device).attention::<Attention>(&variant);
            inner
        };
        let [batch, _, length, _] = SHAPE;
        for (causal, drops) in [(true, false), (false, false), (true, true)] {
            let mask = |device: &Device| {
                let visibility = Visibility { causal, ..Visibility::default() };
                Mask::new(&visibility, 0..length, length, &[], device)
            };
            let dropout = |device: &Device| {
                let factors = Random::new(9, device).tensor([batch, HEADS, length, length], 1.0);
                drops.then(|| factors + 1.0)
            };
            let layer = attention(&plain);
            let (x, cotangents) = inputs(&plain);
            let key_values = layer.key_values(x.clone(), None);
            let trace = layer.forward(x, &key_values, &mask(&plain), None, dropout(&plain)).1;
            let back =
                layer.pullback(cotangents, &trace.ruled(Propagation::CONSERVATIVE.into()), &Rows::prefix(length));
            assert_eq!(back.queries.abs().max().into_scalar::<f32>(), 0.0);
            let twin = attention(&graph);
            equals_autodiff(back.memory, |x| {
                let key_values = twin.key_values(x.clone(), None);
                let trace = twin.forward(x, &key_values, &mask(&graph), None, None).1;
                let weights = twin.weights(&trace).detach();
                let weights = match dropout(&graph) {
                    Some(factors) => weights * factors,
                    None => weights,
                };
                let [_, of_values, _, head_dim] = key_values.values.dims();
                let values = key_values.values.reshape([batch, of_values, 1, length, head_dim]);
                let values = values.expand([batch, of_values, HEADS / of_values, length, head_dim]);
                let mixed = weights.matmul(values.reshape([batch, HEADS, length, head_dim]));
                twin.output.forward(mixed.swap_dims(1, 2).reshape([batch, length, WIDTH]))
            });
        }
    }
}

#[test]
fn activations_are_quotients_and_gates_are_constant() {
    let [plain, graph] = devices();
    for (seed, activation) in Activation::ALL.into_iter().enumerate() {
        for gated in [false, true] {
            let variant = Variant { activation, gated, ..Variant::default() };
            let dense = |device: &Device| {
                let Sublayer { inner, .. } = Random::new(seed as u64, device).feed_forward(&variant);
                let Feed::Dense(dense) = inner else { panic!("it has no experts") };
                dense
            };
            let factors = |like: &Tensor<3>| Random::new(9, &like.device()).tensor(like.dims(), 1.0) + 1.0;
            let layer = dense(&plain);
            let (x, cotangents) = inputs(&plain);
            let (y, trace) =
                layer.forward_traced(x.clone(), Propagation::CONSERVATIVE, false, |like| Some(factors(like)));
            let plain_y = layer.forward_traced(x, Propagation::GRADIENT, false, |like| Some(factors(like))).0;
            close(y, plain_y, 0.0);
            let pulled = layer.pullback(cotangents, &trace, &Rows::prefix(SHAPE[2]));
            let twin = dense(&graph);
            equals_autodiff(pulled, |x| {
                let first = twin.input.forward(x);
                let inner = if gated {
                    let [gate, up] = [0, 12].map(|start| first.clone().narrow(2, start, 12));
                    activation.forward(gate).detach() * up
                } else {
                    let at_zero = activation.forward(first.zeros_like());
                    let quotient = (activation.forward(first.clone()) - at_zero) / first.clone();
                    quotient.detach() * first
                };
                let factors = factors(&inner);
                twin.output.forward(inner * factors)
            });
        }
    }
}

#[test]
fn an_activation_of_zero_has_its_slope() {
    let zero = Tensor::<3>::zeros([1, 1, 4], &devices()[0]);
    for activation in Activation::ALL {
        let (_, slope) = activation.forward_with_slope(zero.clone());
        let (_, factor) = activation.forward_with_factor(zero.clone(), Propagation::CONSERVATIVE.into());
        close(factor, slope, 0.0);
    }
}

#[test]
fn blocks_that_are_run_again_keep_their_rules() {
    let device = crate::device::parse("auto").unwrap();
    for (seed, variant) in variants().iter().enumerate() {
        let mut random = Random::new(seed as u64, &device);
        let model = random.model(variant);
        let source = Source { embeddings: random.tensor([2, 5, variant.features()], 1.0), lengths: vec![3, 5] };
        let target = random.tensor([2, 6, variant.features()], 1.0);
        let cotangents = random.tensor([8, variant.features()], 1.0);
        let pulled = |propagation, stride: Option<usize>| {
            let kept = Kept { encoder_stride: stride.filter(|_| variant.encoder), decoder_stride: stride, bytes: 0 };
            let mode = Mode { propagation, ..Mode::default() };
            let trace = model.traced(variant.encoder.then_some(&source), target.clone(), mode, kept);
            let wanted = Wanted { source: variant.encoder, target: true, first: &[] };
            model.pullback(&trace, cotangents.clone(), &[1..2, 2..4, 5..6, 0..1, 1..3, 5..6], wanted)
        };
        let expected = pulled(Propagation::CONSERVATIVE, None);
        let plain = pulled(Propagation::GRADIENT, None);
        let change: f32 = (expected.target.clone().unwrap() - plain.target.unwrap()).abs().max().into_scalar();
        assert!(change > 1e-3, "the rule changes nothing");
        for stride in [1, 2] {
            let again = pulled(Propagation::CONSERVATIVE, Some(stride));
            close(again.target.unwrap(), expected.target.clone().unwrap(), 1e-6);
            if variant.encoder {
                close(again.source.unwrap(), expected.source.clone().unwrap(), 1e-6);
            }
        }
    }
}

/// The value of `x`; its cotangent is multiplied.
fn scaled<const D: usize>(x: Tensor<D>, factor: f32) -> Tensor<D> {
    x.clone() * factor + x.detach() * (1.0 - factor)
}

const FACTORS: Propagation = Propagation {
    softmax: Softmax::Temperature(2.5),
    queries: 0.3,
    keys: -0.7,
    values: 1.9,
    gate: 0.2,
    up: 0.6,
    ..Propagation::GRADIENT
};

#[test]
fn factors_scale_the_cotangents_of_queries_keys_and_values() {
    let [plain, graph] = devices();
    let decoder = Variant { encoder: false, ..Variant::default() };
    let [batch, _, length, _] = SHAPE;
    for (seed, key_value_heads) in [HEADS, 1].into_iter().enumerate() {
        let variant = Variant { key_value_heads, ..decoder.clone() };
        let attention = |device: &Device| {
            let Sublayer { inner, .. } = Random::new(seed as u64, device).attention::<Attention>(&variant);
            inner
        };
        let (layer, twin) = (attention(&plain), attention(&graph));
        let mask = |device: &Device| {
            Mask::new(&Visibility { causal: true, ..Visibility::default() }, 0..length, length, &[], device)
        };
        let (x, cotangents) = inputs(&plain);
        let key_values = layer.key_values(x.clone(), None);
        let trace = layer.forward(x, &key_values, &mask(&plain), None, None).1;
        let back = layer.pullback(cotangents, &trace.ruled(FACTORS.into()), &Rows::prefix(length));
        equals_autodiff(back.queries + back.memory, |x| {
            let head_dim = WIDTH / HEADS;
            let queries = twin.query.forward(x.clone()).reshape([batch, length, HEADS, head_dim]).swap_dims(1, 2);
            let KeyValues { keys, values, .. } = twin.key_values(x.clone(), None);
            let group = HEADS / key_value_heads;
            let repeated = |x: Tensor<4>| {
                let x = x.reshape([batch, key_value_heads, 1, length, head_dim]);
                x.expand([batch, key_value_heads, group, length, head_dim]).reshape([batch, HEADS, length, head_dim])
            };
            let (queries, keys) = (scaled(queries, FACTORS.queries), scaled(repeated(keys), FACTORS.keys));
            let scores = queries.matmul(keys.swap_dims(2, 3)) * twin.scale;
            let trace = twin.forward(x.clone(), &twin.key_values(x, None), &mask(&graph), None, None).1;
            let weights = twin.weights(&trace).detach();
            let roots = weights.clone().powf_scalar(1.0 / 2.5);
            let tempered = roots.clone() / roots.sum_dim(3);
            let way = tempered.clone() * (scores.clone() - (tempered * scores).sum_dim(3));
            let weights = weights + way.clone() - way.detach();
            let mixed = weights.matmul(scaled(repeated(values), FACTORS.values));
            twin.output.forward(mixed.swap_dims(1, 2).reshape([batch, length, WIDTH]))
        });
    }
}

/// `(x1 x2) x3` at (2, 3, 4) with halves: the last factor gets half of the relevance of 24, each of the first two a quarter. The
/// same product in another order has other scores, which is known of the rule.
#[test]
fn halves_depend_on_the_order_of_a_product() {
    let device = devices()[0].clone();
    let rows = |rows: &[[f32; 4]]| {
        let values: Vec<f32> = rows.iter().flatten().copied().collect();
        Tensor::<1>::from_data(values.as_slice(), &device).reshape([rows.len(), 4])
    };
    // The product of two of four inputs, in the fourth place.
    let product = |a: usize, b: usize| {
        let pick = |at: usize| -> [f32; 4] { std::array::from_fn(|i| if i == at { 1.0 } else { 0.0 }) };
        let output = Tensor::<1>::from_data([0.0, 0.0, 0.0, 1.0].as_slice(), &device).reshape([4, 1]);
        FeedForward {
            input: Linear::new(rows(&[pick(a), pick(b)]), None),
            activation: Activation::Linear,
            output: Linear::new(output, None),
        }
    };
    let scores = |first: FeedForward, second: FeedForward, rules: Propagation| -> Vec<f32> {
        let x = Tensor::<1>::from_data([2.0, 3.0, 4.0, 0.0].as_slice(), &device).reshape([1, 1, 4]);
        let (y, below) = first.forward_traced(x.clone(), rules, false, |_| None);
        let (z, above) = second.forward_traced(x.clone() + y, rules, false, |_| None);
        let cotangent = Tensor::<1>::from_data([0.0, 0.0, 0.0, 1.0].as_slice(), &device).reshape([1, 1, 1, 4]);
        assert_eq!(z.try_into_vec_as::<f32>().unwrap(), [0.0, 0.0, 0.0, 24.0]);
        let rows = Rows::prefix(1);
        let to_sum = second.pullback(cotangent, &above, &rows);
        let to_x = to_sum.clone() + first.pullback(to_sum, &below, &rows);
        let scores = to_x.squeeze_dim::<3>(1) * x;
        scores.try_into_vec_as::<f32>().unwrap()[..3].to_vec()
    };
    let halves = Propagation { gate: 0.5, up: 0.5, ..Propagation::GRADIENT };
    assert_eq!(scores(product(0, 1), product(3, 2), halves), [6.0, 6.0, 12.0]);
    assert_eq!(scores(product(1, 2), product(0, 3), halves), [12.0, 6.0, 6.0]);
    assert_eq!(scores(product(0, 1), product(3, 2), Propagation::GRADIENT), [24.0; 3]);
}
