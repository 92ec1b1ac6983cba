//! Step functions against the reference, or torch where that is wrong (`tests/reference/step_functions_golden.py`).

use inseq_methods::{AttributionModel, AttributionRequest};
use inseq_tests::fixture;
use serde::Deserialize;
use serde_json::{Map, Value, json};

#[derive(Deserialize)]
struct Golden {
    prompt: String,
    generated: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    function: String,
    arguments: Map<String, Value>,
    /// The attribution method; none where the function is a step score.
    method: Option<String>,
    method_arguments: Map<String, Value>,
    #[serde(default)]
    shape: Vec<usize>,
    scores: Vec<f32>,
}

fn model(name: &str) -> AttributionModel {
    AttributionModel::load(fixture("architectures").join(name).to_str().expect("a path")).unwrap()
}

fn golden(name: &str) -> Golden {
    serde_json::from_slice(&std::fs::read(fixture("step_functions").join(format!("{name}.json"))).unwrap()).unwrap()
}

fn examine(name: &str) {
    let (model, golden) = (model(name), golden(name));
    let mut wrong = Vec::new();
    for case in &golden.cases {
        let mut request =
            AttributionRequest::new([golden.prompt.as_str()]).generated_texts([golden.generated.as_str()]);
        let tolerance = if case.method.is_some() { 1e-4 } else { 1e-5 };
        match &case.method {
            None => {
                request = request.method("dummy").step_scores([case.function.as_str()]);
                request.step_scores_args = case.arguments.clone();
            }
            Some(method) => {
                request = request.method(method.as_str()).attributed_fn(case.function.as_str());
                request.attributed_fn_args = case.arguments.clone();
                request.attribution_args = case.method_arguments.clone();
            }
        }
        let what = format!("{} {} {:?}", case.function, Value::Object(case.arguments.clone()), case.method);
        let sequence = match model.attribute(&request) {
            Ok(mut result) => result.sequences.swap_remove(0),
            Err(error) => {
                wrong.push(format!("{what}: {error}"));
                continue;
            }
        };
        let got: Vec<f32> = match &case.method {
            None => sequence.step_scores[&case.function].to_vec(),
            Some(_) => {
                let aggregated = sequence.aggregate().unwrap();
                let scores = aggregated.source_attributions.or(aggregated.target_attributions).unwrap();
                let rows = case.shape[0].min(scores.shape()[0]);
                let seen = scores.slice_axis(ndarray::Axis(0), ndarray::Slice::from(..rows)).to_owned();
                seen.iter().map(|v| if v.is_nan() { 0.0 } else { *v }).collect()
            }
        };
        let scale = case.scores.iter().fold(1e-3f32, |a, v| a.max(v.abs()));
        let compared = got.len().min(case.scores.len());
        if compared + case.shape.get(1).copied().unwrap_or(0) < case.scores.len() {
            wrong.push(format!("{what}: {} values, expected {}", got.len(), case.scores.len()));
        }
        // A step whose gradient is but rounding is zero in the golden file.
        let columns = case.shape.get(1).copied().unwrap_or(1);
        let void = |at: usize| {
            case.method.is_some() && case.scores.iter().skip(at % columns).step_by(columns).all(|v| *v == 0.0)
        };
        let got: Vec<f32> = got.iter().enumerate().map(|(at, v)| if void(at) { 0.0 } else { *v }).collect();
        let worst = got.iter().zip(&case.scores).map(|(a, b)| (a - b).abs() / scale).fold(0f32, f32::max);
        if worst > tolerance || worst.is_nan() {
            wrong.push(format!("{what}: {worst:.1e}\n    {got:?}\n    {:?}", case.scores));
        }
    }
    assert!(wrong.is_empty(), "{} of {} are wrong:\n{}", wrong.len(), golden.cases.len(), wrong.join("\n"));
}

#[test]
fn marian() {
    examine("marian");
}

#[test]
fn t5() {
    examine("t5");
}

#[test]
fn gpt2() {
    examine("gpt2");
}

#[test]
fn bloom() {
    examine("bloom");
}

fn scores(model: &AttributionModel, golden: &Golden, function: &str, arguments: Value) -> Result<Vec<f32>, String> {
    let mut request = AttributionRequest::new([golden.prompt.as_str()])
        .generated_texts([golden.generated.as_str()])
        .method("dummy")
        .step_scores([function]);
    request.step_scores_args = arguments.as_object().cloned().unwrap_or_default();
    let result = model.attribute(&request).map_err(|error| error.to_string())?;
    Ok(result.sequences[0].step_scores[function].to_vec())
}

#[test]
fn a_divergence_over_the_likeliest_tokens_is_one() {
    let (model, golden) = (model("marian"), golden("marian"));
    let of = |arguments: Value| scores(&model, &golden, "kl_divergence", arguments).unwrap();
    let other = "to the mat .";
    let all = of(json!({ "contrast_targets": other }));
    // All tokens are kept by a number that is large enough, and by a probability of 1.
    let large = model.model().vocabulary();
    for same in
        [json!({ "contrast_targets": other, "top_k": large }), json!({ "contrast_targets": other, "top_p": 1.0 })]
    {
        for (a, b) in of(same).iter().zip(&all) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
    }
    for few in [json!({ "contrast_targets": other, "top_k": 3 }), json!({ "contrast_targets": other, "top_p": 0.3 })] {
        assert!(of(few.clone()).iter().all(|v| v.is_finite() && *v >= -1e-6), "{few}");
    }
    assert!(of(json!({ "contrast_targets": other, "top_k": 1 })).iter().all(|v| v.abs() < 1e-6));
}

#[test]
fn another_prompt_is_another_context() {
    let (model, golden) = (model("gpt2"), golden("gpt2"));
    let same = scores(&model, &golden, "contrast_prob_diff", json!({ "contrast_sources": golden.prompt })).unwrap();
    assert!(same.iter().all(|v| v.abs() < 1e-6), "{same:?}");
    let other = scores(&model, &golden, "contrast_prob_diff", json!({ "contrast_sources": "the cat" })).unwrap();
    assert!(other.iter().any(|v| v.abs() > 1e-5), "{other:?}");
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let (model, golden) = (model("marian"), golden("marian"));
    let refused = |arguments: Value| scores(&model, &golden, "contrast_prob", arguments).unwrap_err();
    assert!(refused(json!({})).contains("contrast_targets"));
    assert!(refused(json!({ "contrast_targets": ["a", "b"] })).contains("2 texts for 1"));
    let pairs = json!({ "contrast_targets": "the mat", "contrast_targets_alignments": [[1, 99]] });
    assert!(refused(pairs).contains("(1, 99)"));
    let named = json!({ "contrast_targets": "the mat", "contrast_targets_alignments": "best" });
    assert!(refused(named).contains("auto"));
    assert!(scores(&model, &golden, "top_p_size", json!({})).unwrap_err().contains("top_p"));
    let attributed = AttributionRequest::new(["the cat"]).attributed_fn("top_p_size");
    let mut attributed = attributed;
    attributed.attributed_fn_args.insert("top_p".into(), json!(0.5));
    assert!(model.attribute(&attributed).unwrap_err().to_string().contains("top_p_size"));
}
