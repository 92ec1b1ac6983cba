//! Layer methods at the modules inside a block, against the golden files of `tests/reference/methods_layers_golden.py`.

use inseq_methods::{AttributionModel, AttributionRequest};
use inseq_models::model::{Layer, Part, Side};
use inseq_tests::{fixture, golden_tensors};
use ndarray::{ArrayD, Axis, Dimension as _};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Deviation that is let pass, relative to the largest score.
const TOLERANCE: f32 = 1e-4;

/// `NAME_layers.json`.
#[derive(Deserialize)]
struct Golden {
    prompt: String,
    generated: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    method: String,
    arguments: Map<String, Value>,
    side: String,
    attribute_target: bool,
}

fn model(name: &str) -> AttributionModel {
    AttributionModel::load(fixture("architectures").join(name).to_str().expect("a path")).unwrap()
}

fn check(name: &str) {
    let path = fixture("methods").join(format!("{name}_layers.json"));
    let golden: Golden = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let tensors = golden_tensors(&path.with_extension("safetensors"));
    let model = model(name);
    let mut wrong = Vec::new();
    for (key, case) in golden.cases.iter().enumerate() {
        let mut request = AttributionRequest::new([golden.prompt.as_str()])
            .generated_texts([golden.generated.as_str()])
            .method(&case.method)
            .attribute_target(case.attribute_target);
        request.attribution_args = case.arguments.clone();
        let what = format!("{name} {} {}", case.method, Value::Object(case.arguments.clone()));
        let sequence = model.attribute(&request).unwrap_or_else(|error| panic!("{what}: {error}")).sequences.remove(0);
        let sides = [&sequence.source_attributions, &sequence.target_attributions];
        let scores = sides[usize::from(case.side == "target")].as_ref().unwrap_or_else(|| panic!("{what}: no scores"));
        let norm = scores.mapv(|v| v * v).sum_axis(Axis(2)).mapv(f32::sqrt);
        let scale = norm.iter().filter(|v| !v.is_nan()).fold(1e-12f32, |a, v| a.max(*v));
        for (which, found) in [("sum", scores.sum_axis(Axis(2))), ("norm", norm)] {
            let (shape, values) = &tensors[&format!("{key}.{which}")];
            let expected = ArrayD::from_shape_vec(shape.clone(), values.clone()).unwrap();
            let differs = expected.indexed_iter().find(|(index, expected)| {
                // A row that no step sees may be left out at the end.
                let found = found.get(index.slice()).copied().unwrap_or(f32::NAN);
                found.is_nan() != expected.is_nan() || (found - **expected).abs() > TOLERANCE * scale
            });
            if let Some((index, expected)) = differs {
                wrong.push(format!(
                    "{what}: {which} at {index:?} is {:?}, expected {expected}",
                    found.get(index.slice())
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {} are wrong:\n{}", wrong.len(), golden.cases.len(), wrong.join("\n"));
}

macro_rules! checkpoints {
    ($($name:ident),*) => {
        $(#[test]
        fn $name() {
            check(stringify!($name));
        })*
    };
}

checkpoints!(
    gpt2,
    gpt_neo,
    gptj,
    gpt_neox,
    gpt_neox_sequential,
    bloom,
    bloom_post_norm,
    opt,
    opt_post_norm,
    llama,
    mistral,
    qwen2,
    qwen3,
    gemma,
    gemma2,
    gemma3_text,
    phi3,
    olmo2,
    smollm3,
    marian,
    bart,
    pegasus,
    mbart,
    m2m_100,
    t5,
    mt5,
    umt5
);

/// Several texts get what each gets alone.
#[test]
fn texts_have_residual_streams_of_their_own() {
    let model = model("gpt2");
    let texts = ["the cat sat", "a dog ran to the big house ."];
    let prompts = ["the cat", "a dog ran"];
    let ask = |range: std::ops::Range<usize>| {
        let request = AttributionRequest::new(prompts[range.clone()].iter().copied())
            .generated_texts(texts[range].iter().copied())
            .method("layer_integrated_gradients")
            .attribution_argument("n_steps", 4)
            .attribution_argument("target_layer", "transformer.h.0.attn");
        model.attribute(&request).unwrap().sequences
    };
    for (index, together) in ask(0..2).iter().enumerate() {
        let alone = &ask(index..index + 1)[0];
        let close = |a: &f32, b: &f32| (a.is_nan() && b.is_nan()) || (a - b).abs() < 1e-6;
        let [a, b] = [together, alone].map(|sequence| sequence.target_attributions.as_ref().unwrap());
        assert!(a.shape() == b.shape() && a.iter().zip(b).all(|(a, b)| close(a, b)), "text {index}");
    }
}

#[test]
fn names_are_those_of_transformers() {
    let ask = |name: &str, layer: &str| {
        let request = AttributionRequest::new(["the cat"])
            .generated_texts(["the cat sat"])
            .method("layer_gradient_x_activation")
            .attribution_argument("target_layer", layer);
        model(name).attribute(&request).map(|result| result.sequences[0].clone())
    };
    let same = |name: &str, names: &[&str]| {
        let [first, rest @ ..] = names else { return };
        let expected = ask(name, first).unwrap();
        for other in rest {
            let found = ask(name, other).unwrap();
            assert!(expected.is_close(&found, inseq_core::Tolerance::EXACT), "{name}: {first} and {other}");
        }
    };
    same("gpt2", &["transformer.h.1", "h.1", "decoder.1"]);
    same("gpt2", &["transformer.h.0.mlp", "h.0.mlp", "decoder.0.mlp", "transformer.h.0.mlp.c_proj"]);
    same("gpt2", &["embeddings", "transformer.wte", "wte"]);
    same("bloom", &["transformer.h.0.mlp", "transformer.h.0", "decoder.0"]);
    same("t5", &["encoder.block.1.layer.1", "encoder.block.1", "encoder.1"]);
    same("bart", &["model.encoder.layers.0.final_layer_norm", "encoder.layers.0", "encoder.0"]);
    for (name, layer, parts) in [
        ("gpt2", "transformer.h.1.ln_2", &["transformer.h.0.attn", "transformer.h.0.mlp"][..]),
        ("gpt2", "transformer.h.9.mlp", &["no layer decoder.9", "2 blocks"]),
        ("gpt2", "encoder.0", &["names no layer", "`decoder.0`"]),
        ("gpt2", "", &["names no layer"]),
        ("bart", "layers.0", &["names no layer", "model.encoder.layers.0", "model.decoder.layers.0.encoder_attn"]),
        ("bart", "model.encoder.layers.0.encoder_attn", &["model.encoder.layers.0.fc2"]),
        ("mbart", "model.encoder.layers.0.final_layer_norm", &["model.encoder.layers.0.fc2"]),
        ("llama", "model.layers.x.mlp", &["names no layer", "model.layers.0.self_attn"]),
    ] {
        let message = ask(name, layer).unwrap_err().to_string();
        assert!(message.contains("`target_layer`"), "{message}");
        parts.iter().for_each(|part| assert!(message.contains(part), "{part} in: {message}"));
    }
}

/// A layer that a model does not have is an error wherever it is asked for, and never another layer.
#[test]
fn layers_that_are_not_there_are_refused() {
    let asked = |name: &str, layer: Layer| {
        let model = model(name);
        let model = model.model();
        let target = model.target_embedding.forward(&[1, 2, 3], 1);
        let states = model.states_at(layer, None, target).map(drop).unwrap_err().to_string();
        let above = model.above(layer, None).map(drop).map_err(|error| error.to_string());
        (states, above)
    };
    let of = |side, block, tap| Layer { side, block, tap };
    let (states, above) = asked("gpt2", of(Side::Encoder, 0, None));
    assert!(states.contains("no encoder"), "{states}");
    assert_eq!(above, Err(states));
    let (states, above) = asked("gpt2", of(Side::Decoder, 99, None));
    assert!(states.contains("counted from 0"), "{states}");
    assert_eq!(above, Err(states));
    let (states, above) = asked("gpt2", of(Side::Decoder, 0, Some(Part::CrossAttention.output())));
    assert!(states.contains("no cross-attention"), "{states}");
    assert_eq!(above, Err(states));
    let (states, above) = asked("bart", of(Side::Encoder, 0, None));
    assert!(states.contains("a source is missing"), "{states}");
    assert_eq!(above, Ok(()));
}
