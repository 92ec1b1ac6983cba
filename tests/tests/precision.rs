//! Weights kept as a checkpoint stores them.

use burn::tensor::DType;
use inseq_methods::{AttributionModel, AttributionRequest, LoadOptions};
use inseq_tests::{assert_close, fixture};

/// A checkpoint of 16-bit weights holds the same numbers kept or converted, so scores differ by rounding alone.
#[test]
fn weights_kept_in_half_precision_give_the_same_scores() {
    let attribute = |dtype| {
        let options = LoadOptions::default().device("flex").dtype(dtype);
        let model = AttributionModel::load_with(fixture("architectures/opt").to_str().unwrap(), &options).unwrap();
        let prompt = std::fs::read(fixture("architectures/opt/golden.json")).unwrap();
        let golden: serde_json::Value = serde_json::from_slice(&prompt).unwrap();
        let text = |field: &str| golden[field][0].as_str().unwrap().to_owned();
        let request = AttributionRequest::new([text("prompts")]).generated_texts([text("generated")]);
        let result = model.attribute(&request).unwrap();
        let scores = result.sequences[0].aggregate().unwrap().target_attributions.unwrap();
        scores.into_iter().collect::<Vec<f32>>()
    };
    assert_close("scores", &attribute(DType::F16), &attribute(DType::F32), 1e-5);
}
