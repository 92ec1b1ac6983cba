//! `mc_dropout_prob_avg` against many draws by torch (`tests/reference/mc_dropout_golden.py`).

use std::collections::BTreeMap;
use std::fs;

use inseq_methods::{AttributionModel, AttributionRequest};
use inseq_tests::fixture;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// What a checkpoint says under dropout.
#[derive(Deserialize)]
struct Golden {
    /// What is put into its configuration.
    rates: Map<String, Value>,
    prompt: String,
    generated: String,
    n_mcd_steps: usize,
    /// Mean z-score of each step; `error` is its standard error.
    mean: Vec<f64>,
    error: Vec<f64>,
}

const SEEDS: u64 = 50;

fn golden() -> BTreeMap<String, Golden> {
    serde_json::from_slice(&fs::read(fixture("step_functions/mc_dropout.json")).unwrap()).unwrap()
}

/// A checkpoint with other values in its configuration.
fn model(name: &str, values: &Map<String, Value>) -> AttributionModel {
    let folder = tempfile::tempdir().unwrap();
    for file in fs::read_dir(fixture("architectures").join(name)).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
    }
    let path = folder.path().join("config.json");
    let mut config: Map<String, Value> = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    config.extend(values.clone());
    fs::write(&path, serde_json::to_vec(&config).unwrap()).unwrap();
    AttributionModel::load(folder.path().to_str().unwrap()).unwrap()
}

fn request(golden: &Golden) -> AttributionRequest {
    AttributionRequest::new([golden.prompt.as_str()]).generated_texts([golden.generated.as_str()])
}

fn scores(model: &AttributionModel, golden: &Golden, arguments: Value) -> Result<Vec<f32>, String> {
    let mut request = request(golden).method("dummy").step_scores(["mc_dropout_prob_avg"]);
    request.step_scores_args = arguments.as_object().cloned().unwrap();
    let result = model.attribute(&request).map_err(|error| error.to_string())?;
    Ok(result.sequences[0].step_scores["mc_dropout_prob_avg"].to_vec())
}

#[test]
fn the_mean_over_many_seeds_is_that_of_torch() {
    let mut wrong = Vec::new();
    for (name, golden) in golden() {
        let model = model(&name, &golden.rates);
        let each: Vec<Vec<f32>> = (0..SEEDS)
            .map(|seed| scores(&model, &golden, json!({ "n_mcd_steps": golden.n_mcd_steps, "seed": seed })).unwrap())
            .collect();
        for (step, (expected, error)) in golden.mean.iter().zip(&golden.error).enumerate() {
            let values: Vec<f64> = each.iter().map(|scores| f64::from(scores[step])).collect();
            let count = values.len() as f64;
            let mean = values.iter().sum::<f64>() / count;
            let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (count - 1.0);
            let combined = (variance / count + error * error).sqrt();
            let off = (mean - expected) / combined;
            println!("{name} step {step}: {mean:.3}, torch {expected:.3}, {off:.1} standard errors apart");
            if off.is_nan() || off.abs() > 3.0 {
                wrong.push(format!("{name} step {step}: {mean} instead of {expected}, {off:.1} standard errors"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_noise_is_seeded_and_leaves_nothing_behind() {
    let golden = golden().remove("marian").unwrap();
    let model = model("marian", &golden.rates);
    let of = |seed: u64| scores(&model, &golden, json!({ "n_mcd_steps": 3, "seed": seed })).unwrap();
    let probability = || {
        let result = model.attribute(&request(&golden).method("dummy").step_scores(["probability"])).unwrap();
        result.sequences[0].step_scores["probability"].to_vec()
    };
    let before = probability();
    assert_eq!(of(1), of(1));
    assert_ne!(of(1), of(2));
    assert_eq!(probability(), before);
}

#[test]
fn gradients_go_through_the_noisy_forwards() {
    for name in ["marian", "gpt2"] {
        let golden = golden().remove(name).unwrap();
        let model = model(name, &golden.rates);
        let mut request = request(&golden)
            .method("integrated_gradients")
            .attribution_argument("n_steps", 300)
            .attribution_argument("return_convergence_delta", true)
            .attributed_fn("mc_dropout_prob_avg");
        request.attributed_fn_args = json!({ "n_mcd_steps": 4, "logprob": true }).as_object().cloned().unwrap();
        let sequence = model.attribute(&request).unwrap().sequences.swap_remove(0);
        // Scores sum to the difference of the function at input and baseline, under the same noise.
        let deltas = &sequence.step_scores["deltas"];
        println!("{name}: {deltas}");
        assert!(deltas.iter().all(|delta| delta.abs() < 0.02), "{name}: {deltas}");
    }
}

#[test]
fn a_model_without_dropout_has_no_such_score() {
    let golden = golden().remove("bloom").unwrap();
    let rates = json!({ "attention_dropout": 0.0, "hidden_dropout": 0.0 });
    let model = model("bloom", rates.as_object().unwrap());
    assert!(scores(&model, &golden, json!({})).unwrap_err().contains("config.json"));
    assert!(scores(&model, &golden, json!({ "n_mcd_steps": 1 })).unwrap_err().contains("between 2 and 1000, found 1"));
}
