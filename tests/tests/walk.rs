//! The window into layers: its states are those that transformers' modules take and give (`tests/reference/hidden_states_golden.py`),
//! and what it says of an attention adds up to what the attention gives.

use std::collections::BTreeMap;

use burn::tensor::Tensor;
use inseq_methods::AttributionModel;
use inseq_models::layers::Mixer;
use inseq_models::model::{LayerView, Model, Part, Side, Source};
use inseq_tests::{assert_close, fixture};
use serde_json::Value;

/// By stack and layer, what goes in and out and what each sublayer gives, at the last position.
type States = BTreeMap<String, Vec<BTreeMap<String, Vec<f32>>>>;

fn load(name: &str) -> AttributionModel {
    AttributionModel::load(fixture("architectures").join(name).to_str().expect("a path")).unwrap()
}

/// The longest text of a checkpoint.
fn inputs(name: &str, model: &Model) -> (Option<Source>, Tensor<3>) {
    let golden = std::fs::read(fixture("architectures").join(name).join("golden.json")).unwrap();
    let golden: Value = serde_json::from_slice(&golden).unwrap();
    let [source, target]: [Vec<u32>; 2] =
        ["prompt_ids", "target_ids"].map(|field| serde_json::from_value(golden[field][3].clone()).unwrap());
    let source = model.encoder.as_ref().map(|encoder| {
        let embeddings = encoder.embedding.forward(&source, 1);
        Source { lengths: vec![embeddings.dims()[1]], embeddings }
    });
    (source, model.target_embedding.forward(&target, 1))
}

fn last(states: &Tensor<3>) -> Vec<f32> {
    let [_, length, _] = states.dims();
    states.clone().narrow(1, length - 1, 1).try_into_vec_as().unwrap()
}

#[test]
fn states_are_those_of_transformers() {
    let golden: BTreeMap<String, States> =
        serde_json::from_slice(&std::fs::read(fixture("hidden_states.json")).unwrap()).unwrap();
    for (name, expected) in golden {
        let model = load(&name);
        let (source, target) = inputs(&name, model.model());
        let mut seen = 0;
        let each = |view: LayerView| {
            for (what, expected) in &expected[view.side().name()][view.index()] {
                let given = |part| view.states(part).map(|states| states.given.clone());
                let found = match what.as_str() {
                    "input" => view.input(),
                    "output" => view.output(),
                    "mixer" => given(Part::Mixer),
                    "cross" => given(Part::CrossAttention),
                    _ => given(Part::FeedForward),
                };
                assert_close(&format!("{name} {} {what}", view.index()), &last(&found.unwrap()), expected, 1e-5);
                seen += 1;
            }
            Ok::<_, ()>(())
        };
        model.model().walk(source.as_ref(), target, each).unwrap();
        assert_eq!(seen, expected.values().flatten().map(BTreeMap::len).sum::<usize>(), "{name}");
    }
}

#[test]
fn heads_weights_and_values_add_up_to_what_an_attention_gives() {
    for name in ["gpt2", "mixtral", "gemma2", "t5", "lfm2"] {
        let model = load(name);
        let (source, target) = inputs(name, model.model());
        let mut seen = 0;
        let each = |view: LayerView| {
            for part in [Part::Mixer, Part::CrossAttention] {
                let Some(weights) = view.attention_weights(part) else { continue };
                let [_, heads, _, keys] = weights.dims();
                let (heads, keys): (Vec<_>, Vec<_>) = ((0..heads).collect(), (0..keys).collect());
                let mapped = view.mapped_values(part, &keys, &heads).unwrap();
                let sum: Tensor<3> = weights.matmul(mapped).sum_dim(1).squeeze_dim(1);
                let attention = match (&view.block().mixer.inner, &view.block().cross_attention) {
                    (Mixer::Attention(own), _) if part == Part::Mixer => own,
                    (_, Some(cross)) => &cross.inner,
                    _ => panic!("{name}: an attention has weights"),
                };
                let sum = match attention.output.bias() {
                    Some(bias) => sum + bias.unsqueeze::<3>(),
                    None => sum,
                };
                let given = &view.states(part).unwrap().given;
                assert_close(&format!("{name} {} {part:?}", view.index()), &last(&sum), &last(given), 1e-5);
                seen += 1;
            }
            Ok::<_, ()>(())
        };
        model.model().walk(source.as_ref(), target, each).unwrap();
        assert_eq!(
            seen,
            if name == "t5" {
                6
            } else if name == "lfm2" {
                1
            } else {
                2
            },
            "{name}"
        );
    }
}

#[test]
fn deviations_are_those_of_what_a_norm_takes() {
    let model = load("mixtral");
    let (_, target) = inputs("mixtral", model.model());
    let each = |view: LayerView| {
        for part in [Part::Mixer, Part::FeedForward] {
            let deviations = view.inverse_deviations(part).unwrap();
            let before = &view.states(part).unwrap().before;
            let expected = (before.clone().square().mean_dim(2) + 1e-5).sqrt().recip();
            assert_close("deviation", &last(&deviations.input.unwrap()), &last(&expected), 1e-5);
            assert!(deviations.output.is_none() && deviations.sum.is_none());
        }
        assert!(view.states(Part::CrossAttention).is_none() && view.attention_weights(Part::FeedForward).is_none());
        Ok::<_, ()>(())
    };
    model.model().walk(None, target, each).unwrap();
}

#[test]
fn the_last_layer_reads_out_as_the_model_does_and_errors_end_the_walk() {
    for name in ["gpt2", "bart", "lfm2"] {
        let model = load(name);
        let network = model.model();
        let (source, target) = inputs(name, network);
        let expected = network.trace(source.as_ref(), target.clone()).hidden().clone();
        let mut hidden = None;
        let each = |view: LayerView| {
            hidden = view.output().map(|output| view.read_out(output)).filter(|_| view.is_last());
            Ok::<_, ()>(())
        };
        network.walk(source.as_ref(), target.clone(), each).unwrap();
        assert_close(name, &last(&hidden.unwrap()), &last(&expected), 1e-6);
        let mut views = 0;
        let stopped = network.walk(source.as_ref(), target, |view| {
            views += 1;
            Err((view.side(), view.index()))
        });
        let first = if source.is_some() { Side::Encoder } else { Side::Decoder };
        assert_eq!((stopped, views), (Err((first, 0)), 1), "{name}");
    }
}
