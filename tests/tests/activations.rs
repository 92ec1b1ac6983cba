//! Activations against torch, and DeepLIFT of models that have them against the reference (golden file made by
//! `tests/reference/activation_golden.py`).

use std::collections::BTreeMap;

use burn::tensor::Tensor;
use inseq_methods::{AttributionModel, AttributionRequest};
use inseq_models::device;
use inseq_models::layers::Activation;
use inseq_tests::edited::edited;
use inseq_tests::{assert_close, fixture};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Golden {
    grid: Vec<f32>,
    curves: BTreeMap<String, Curve>,
    prompt: String,
    text: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Curve {
    values: Vec<f32>,
    /// Where torch has a number.
    slopes: Vec<Option<f32>>,
}

/// A checkpoint with another activation.
#[derive(Deserialize)]
struct Case {
    checkpoint: String,
    field: String,
    value: String,
    probability: Vec<f32>,
    source: Option<Vec<Vec<Option<f32>>>>,
    target: Option<Vec<Vec<Option<f32>>>>,
}

fn golden() -> Golden {
    let bytes = std::fs::read(fixture("activations/golden.json")).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn named(name: &str) -> Activation {
    serde_json::from_value(json!(name)).unwrap()
}

#[test]
fn values_and_slopes_are_torchs() {
    let golden = golden();
    assert_eq!(golden.curves.len(), 22);
    for device in ["flex"].map(|name| device::parse(name).unwrap()) {
        for (name, curve) in &golden.curves {
            // Tensors that take part in autodiff go through Burn's operations, others through the kernels.
            for device in [device.clone(), device.clone().autodiff()] {
                let x = Tensor::<1>::from_data(golden.grid.as_slice(), &device).reshape([1, golden.grid.len(), 1]);
                let (values, slopes) = named(name).forward_with_slope(x.clone());
                let alone = named(name).forward(x);
                let [values, slopes, alone] = [values, slopes, alone].map(|x| x.try_into_vec_as::<f32>().unwrap());
                for (i, x) in golden.grid.iter().enumerate() {
                    let near = |got: f32, expected: f32| (got - expected).abs() <= 2e-6 * expected.abs().max(1.0);
                    assert!(near(values[i], curve.values[i]), "{name}({x}) is {}, not {}", values[i], curve.values[i]);
                    assert!(near(alone[i], values[i]), "{name}({x}) is {}, not {}", alone[i], values[i]);
                    if let Some(slope) = curve.slopes[i] {
                        assert!(near(slopes[i], slope), "slope of {name} at {x} is {}, not {slope}", slopes[i]);
                    }
                    assert!(values[i].is_finite() && slopes[i].is_finite(), "{name} at {x}");
                }
            }
        }
    }
}

#[test]
fn models_with_another_activation_are_the_references() {
    let golden = golden();
    for case in &golden.cases {
        let what = format!("{} with {}", case.checkpoint, case.value);
        let folder = edited(&case.checkpoint, |config| {
            config.insert(case.field.clone(), case.value.clone().into());
        });
        let model = AttributionModel::load(folder.path().to_str().unwrap()).unwrap();
        let request = AttributionRequest::new([golden.prompt.clone()])
            .generated_texts([golden.text.clone()])
            .method(if case.target.is_some() { "deeplift" } else { "dummy" })
            .attribute_target(model.model().encoder.is_some())
            .step_scores(["probability"]);
        let result = model.attribute(&request).unwrap();
        let sequence = &result.sequences[0];
        assert_close(&what, &sequence.step_scores["probability"].to_vec(), &case.probability, 1e-5);
        let aggregated = sequence.aggregate().unwrap();
        for (got, expected) in
            [(&aggregated.source_attributions, &case.source), (&aggregated.target_attributions, &case.target)]
        {
            let Some(expected) = expected else { continue };
            let expected: Vec<f32> = expected.iter().flatten().map(|value| value.unwrap_or(f32::NAN)).collect();
            let got: Vec<f32> = got.as_ref().unwrap().iter().copied().collect();
            assert_close(&what, &got, &expected, 1e-4);
        }
    }
}

#[test]
fn what_is_not_supported_is_named() {
    for (name, why) in [("prelu", "has weights of its own"), ("rellu", "is unknown")] {
        let folder = edited("llama", |config| {
            config.insert("hidden_act".into(), Value::from(name));
        });
        let message = AttributionModel::load(folder.path().to_str().unwrap()).unwrap_err().to_string();
        for part in ["`hidden_act`", &format!("`{name}` {why}"), "relu2", "gelu_pytorch_tanh"] {
            assert!(message.contains(part), "{message}");
        }
    }
}
