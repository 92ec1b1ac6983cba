//! Axioms that compare models: two that compute the same have the same attributions, and inputs that a model cannot tell apart
//! have equal ones.

use inseq_core::SequenceAttribution;
use inseq_methods::{AttributionModel, AttributionRequest};
use inseq_tests::fixture;
use ndarray::{ArrayD, Axis};
use safetensors::SafeTensors;
use serde_json::Value;

const PROMPT: &str = "she was late and he was late";
const WRITTEN: &str = "and she said no";

/// Every method, with arguments that leave nothing to chance or have a seed.
const METHODS: &[(&str, &str)] = &[
    ("saliency", "{}"),
    ("input_x_gradient", "{}"),
    ("integrated_gradients", r#"{"n_steps": 7}"#),
    ("deeplift", "{}"),
    ("deeplift", r#"{"rule": "full"}"#),
    ("gradient_shap", r#"{"stdevs": 0.1}"#),
    ("smoothgrad", r#"{"nt_type": "vargrad"}"#),
    ("sequential_integrated_gradients", r#"{"n_steps": 4}"#),
    ("discretized_integrated_gradients", r#"{"n_steps": 5}"#),
    ("layer_integrated_gradients", r#"{"n_steps": 4, "target_layer": "encoder.0"}"#),
    ("layer_gradient_x_activation", r#"{"target_layer": "encoder.0"}"#),
    ("layer_deeplift", r#"{"target_layer": "encoder.0"}"#),
    ("lrp", "{}"),
    ("lrp", r#"{"rule": "attn"}"#),
    ("gim", "{}"),
    ("relp", "{}"),
    ("libragrad", "{}"),
    ("propagation", r#"{"rules": {"softmax": {"temperature": 3}, "activation": "closed", "up": 0.7}}"#),
    ("attention", "{}"),
    ("attention_rollout", "{}"),
    ("attention_flow", "{}"),
    ("value_zeroing", "{}"),
    ("occlusion", "{}"),
    ("lime", r#"{"n_samples": 300}"#),
    ("kernel_shap", r#"{"n_samples": 300}"#),
    ("shapley_value_sampling", r#"{"n_samples": 2}"#),
    ("partition_shap", "{}"),
    ("reagent", r#"{"num_probes": 2, "max_probe_steps": 2, "replacements": "uniform"}"#),
];

/// What depends on the order of the tokens, by chance or by the tree of neighbours.
const ORDERED: [&str; 5] = ["gradient_shap", "smoothgrad", "shapley_value_sampling", "partition_shap", "reagent"];

/// The little T5 with its weights, of 16 bits each, changed.
fn changed(change: impl Fn(&str, &mut [u16])) -> AttributionModel {
    let from = fixture("architectures/t5");
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(&from).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    let path = folder.path().join("model.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let start = bytes.as_ptr() as usize;
    let places: Vec<_> = tensors
        .tensors()
        .into_iter()
        .map(|(name, view)| (name, view.data().as_ptr() as usize - start, view.data().len()))
        .collect();
    for (name, at, length) in places {
        let data = &mut bytes[at..at + length];
        let mut values: Vec<u16> = data.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
        change(&name, &mut values);
        data.copy_from_slice(&values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>());
    }
    std::fs::write(&path, bytes).unwrap();
    AttributionModel::load(folder.path().to_str().unwrap()).unwrap()
}

/// A half-precision number times a power of two.
fn scaled(value: u16, exponent: i16) -> u16 {
    let own = (value >> 10 & 0x1f) as i16;
    match own {
        // Zero, and what is next to it.
        0 => value,
        _ => {
            assert!((1..31).contains(&(own + exponent)), "{value:x} has no such multiple");
            value.wrapping_add_signed(exponent << 10)
        }
    }
}

fn attribute(model: &AttributionModel, method: &str, arguments: &str, attribute_target: bool) -> SequenceAttribution {
    let mut request = AttributionRequest::new([PROMPT])
        .generated_texts([WRITTEN])
        .method(method)
        .attribute_target(attribute_target)
        .step_scores(["probability"]);
    let arguments: Value = serde_json::from_str(arguments).unwrap();
    request.attribution_args = arguments.as_object().cloned().unwrap();
    model.attribute(&request).unwrap_or_else(|e| panic!("{method}: {e}")).sequences.swap_remove(0)
}

fn largest(array: &ArrayD<f32>) -> f32 {
    array.iter().filter(|v| !v.is_nan()).fold(1e-9f32, |m, v| m.max(v.abs()))
}

#[test]
fn models_that_compute_the_same_have_the_same_attributions() {
    let original = changed(|_, _| {});
    // A rectifier's unit with twice the weights before it and half of those after it.
    let other = changed(|name, values| match name {
        _ if name.ends_with("wi.weight") => values.iter_mut().for_each(|v| *v = scaled(*v, 1)),
        _ if name.ends_with("wo.weight") => values.iter_mut().for_each(|v| *v = scaled(*v, -1)),
        _ => {}
    });
    for (method, arguments) in METHODS {
        let [a, b] = [&original, &other].map(|model| attribute(model, method, arguments, true));
        assert_eq!(a.step_scores["probability"], b.step_scores["probability"]);
        for (a, b) in
            [(&a.source_attributions, &b.source_attributions), (&a.target_attributions, &b.target_attributions)]
        {
            let (a, b) = (a.as_ref().unwrap(), b.as_ref().unwrap());
            let scale = largest(a);
            for (a, b) in a.iter().zip(b).filter(|(a, b)| !(a.is_nan() && b.is_nan())) {
                assert!((a - b).abs() <= 1e-5 * scale, "{method} {arguments}: {a} and {b} of {scale}");
            }
        }
    }
}

#[test]
fn tokens_that_the_model_cannot_tell_apart_have_equal_attributions() {
    // Without its distances between positions the encoder takes a text as a bag of tokens.
    let model = changed(|name, values| {
        if name.starts_with("encoder") && name.contains("relative_attention_bias") {
            values.fill(0);
        }
    });
    for (method, arguments) in METHODS.iter().filter(|(method, _)| !ORDERED.contains(method)) {
        let sequence = attribute(&model, method, arguments, false);
        let scores = sequence.source_attributions.as_ref().unwrap();
        let scale = largest(scores);
        let mut pairs = 0;
        for (i, token) in sequence.source.iter().enumerate() {
            for (j, _) in sequence.source.iter().enumerate().skip(i + 1).filter(|(_, other)| other.id == token.id) {
                pairs += 1;
                for (a, b) in scores.index_axis(Axis(0), i).iter().zip(scores.index_axis(Axis(0), j)) {
                    assert!(
                        (a - b).abs() <= 1e-4 * scale,
                        "{method} {arguments} {}: {a} and {b} of {scale}",
                        token.text
                    );
                }
            }
        }
        assert!(pairs >= 2, "no token stands twice in {PROMPT:?}");
    }
}
