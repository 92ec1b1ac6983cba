//! Marian against transformers and the reference (golden files made by `tests/reference/marian_golden.py`).

use burn::tensor::Tensor;
use inseq_core::SequenceAttribution;
use inseq_methods::{AttributionModel, AttributionRequest, LoadOptions};
use inseq_models::model::Source;
use inseq_models::tokenizer::Role;
use inseq_tests::{assert_close, fixture, golden_tensors};
use serde_json::{Map, Value};

const SEEDS: [&str; 3] = ["marian/seed1", "marian/seed2", "marian/seed3"];

fn load(folder: &str) -> AttributionModel {
    let device = std::env::var("INSEQ_TEST_DEVICE").unwrap_or_else(|_| "flex".into());
    let options = LoadOptions::default().device(device);
    AttributionModel::load_with(fixture(folder).to_str().unwrap(), &options).unwrap()
}

fn json(folder: &str, file: &str) -> Value {
    serde_json::from_slice(&std::fs::read(fixture(folder).join(file)).unwrap()).unwrap()
}

fn ids(value: &Value) -> Vec<u32> {
    serde_json::from_value(value.clone()).unwrap()
}

#[test]
fn logits_are_transformers_own() {
    for folder in SEEDS {
        let model = load(folder);
        let golden = golden_tensors(&fixture(folder).join("golden.safetensors"));
        let pairs = json(folder, "golden.json")["pairs"].clone();
        for (index, pair) in pairs.as_array().unwrap().iter().enumerate() {
            let embed = |text: &Value, role| model.embed(text.as_str().unwrap(), role, true).unwrap();
            let source = embed(&pair[0], Role::Source);
            let target = embed(&pair[1], Role::Target);
            let target_ids = model.encode(pair[1].as_str().unwrap(), Role::Target, true).unwrap();
            let length = target_ids.len() - 1;
            let source = Source { lengths: vec![source.dims()[1]], embeddings: source };
            let trace = model.model().trace(Some(&source), target.narrow(1, 0, length));
            let logits: Tensor<2> = model.model().logits(trace.hidden().clone()).squeeze_dim(0);
            let values = logits.try_into_vec_as::<f32>().unwrap();
            let vocabulary = model.model().vocabulary();
            let of_target: Vec<f32> =
                (0..length).map(|step| values[step * vocabulary + target_ids[step + 1] as usize]).collect();
            assert_close(
                &format!("{folder} logits {index}"),
                &of_target,
                &golden[&format!("logits_of_target.{index}")].1,
                1e-4,
            );
            if let Some((_, expected)) = golden.get(&format!("logits.{index}")) {
                assert_close(&format!("{folder} all logits {index}"), &values, expected, 1e-4);
            }
        }
    }
}

#[test]
fn generation_gives_transformers_ids() {
    for folder in SEEDS {
        let model = load(folder);
        let golden = json(folder, "generation.json");
        let texts: Vec<&str> = golden["texts"].as_array().unwrap().iter().map(|t| t.as_str().unwrap()).collect();
        for (text, expected) in texts.iter().zip(golden["source_ids"].as_array().unwrap()) {
            assert_eq!(model.encode(text, Role::Source, true).unwrap(), ids(expected), "{folder}: ids of {text:?}");
        }
        let check = |what: &str, arguments: &Map<String, Value>, expected: &Value| {
            let expected: Vec<Vec<u32>> = expected.as_array().unwrap().iter().map(ids).collect();
            let texts = &texts[..expected.len()];
            // In one batch, so that every text also shows that its neighbours do not matter.
            let got = model.generate_token_ids(texts, arguments).unwrap();
            for ((text, got), expected) in texts.iter().zip(got).zip(expected) {
                assert_eq!(got, expected, "{folder}: {what} of {text:?}");
            }
        };
        let greedy = Map::from_iter([("num_beams".to_string(), Value::from(1))]);
        check("greedy", &greedy, &golden["greedy"]);
        check("beam", &Map::new(), &golden["beam"]);
        for (name, variant) in golden["variants"].as_object().unwrap() {
            check(name, variant["arguments"].as_object().unwrap(), &variant["ids"]);
        }
        let decoded = golden["decoded"].as_array().unwrap();
        let generated = model.generate(&texts[..decoded.len()], &Map::new()).unwrap();
        assert_eq!(generated, decoded.iter().map(|t| t.as_str().unwrap().to_string()).collect::<Vec<_>>());
    }
}

/// A request from the arguments of a golden case.
fn request(pair: &Value, name: &str, arguments: &Map<String, Value>) -> AttributionRequest {
    let text = |i: usize| pair[i].as_str().unwrap().to_string();
    let mut request = AttributionRequest::new([text(0)]).generated_texts([text(1)]);
    if let Some(rule) = name.strip_prefix("quadrature:") {
        request = request.attribution_argument("method", rule);
    }
    for (key, value) in arguments {
        let flag = value.as_bool();
        request = match (key.as_str(), flag) {
            ("method", _) => request.method(value.as_str().unwrap()),
            ("attributed_fn", _) => request.attributed_fn(value.as_str().unwrap()),
            ("step_scores", _) => {
                request.step_scores(value.as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_string()))
            }
            ("attribute_target", Some(flag)) => request.attribute_target(flag),
            ("include_eos_baseline", Some(flag)) => request.include_eos_baseline(flag),
            ("skip_special_tokens", Some(flag)) => request.skip_special_tokens(flag),
            ("clean_special_chars", Some(flag)) => request.clean_special_chars(flag),
            ("attr_pos_start", _) => request.positions(value.as_i64(), None),
            ("logprob", _) => {
                request.attributed_fn_args.insert("logprob".into(), value.clone());
                request
            }
            _ => request.attribution_argument(key, value.clone()),
        };
    }
    request
}

#[test]
fn attributions_equal_the_references() {
    for folder in SEEDS {
        let model = load(folder);
        let golden = golden_tensors(&fixture(folder).join("golden.safetensors"));
        let description = json(folder, "golden.json");
        for (index, case) in description["cases"].as_array().unwrap().iter().enumerate() {
            let pair = &description["pairs"][case["pair"].as_u64().unwrap() as usize];
            let name = case["name"].as_str().unwrap();
            let arguments = case["arguments"].as_object().unwrap();
            let what = format!("{folder} case {index} ({name}, pair {}, {})", case["pair"], case["arguments"]);
            let result = model.attribute(&request(pair, name, arguments)).unwrap_or_else(|e| panic!("{what}: {e}"));
            compare(&what, index, &result.sequences[0], case, &golden);
        }
    }
}

type Golden = std::collections::HashMap<String, (Vec<usize>, Vec<f32>)>;

fn compare(what: &str, index: usize, sequence: &SequenceAttribution, case: &Value, golden: &Golden) {
    let tokens = |side: &Value| -> Vec<(String, i64)> { serde_json::from_value(side.clone()).unwrap() };
    let shown = |side: &[inseq_core::Token]| {
        side.iter().map(|t| (t.text.clone(), t.id.map_or(-1, i64::from))).collect::<Vec<_>>()
    };
    assert_eq!(shown(&sequence.source), tokens(&case["source"]), "{what}: source tokens");
    assert_eq!(shown(&sequence.target), tokens(&case["target"]), "{what}: target tokens");
    assert_eq!(sequence.attr_pos_start as u64, case["attr_pos_start"].as_u64().unwrap(), "{what}: start");
    assert_eq!(sequence.attr_pos_end as u64, case["attr_pos_end"].as_u64().unwrap(), "{what}: end");
    let aggregated = sequence.aggregate().unwrap();
    let arrays = [
        ("source", &sequence.source_attributions),
        ("target", &sequence.target_attributions),
        ("aggregated.source", &aggregated.source_attributions),
        ("aggregated.target", &aggregated.target_attributions),
    ];
    for (name, array) in arrays {
        let Some((shape, expected)) = golden.get(&format!("{index}.{name}")) else { continue };
        let array = array.as_ref().unwrap_or_else(|| panic!("{what}: {name} is missing"));
        assert_eq!(array.shape(), shape, "{what}: shape of {name}");
        let values: Vec<f32> = array.iter().copied().collect();
        assert_close(&format!("{what}: {name}"), &values, expected, 1e-4);
    }
    let prefix = format!("{index}.step.");
    for (key, (_, expected)) in golden.iter().filter(|(key, _)| key.starts_with(&prefix)) {
        let scores = &sequence.step_scores[&key[prefix.len()..]];
        // Deltas are what is left when large sums cancel.
        let tolerance = if key.ends_with("deltas") { 1e-3 } else { 1e-5 };
        assert_close(&format!("{what}: {key}"), scores.as_slice().unwrap(), expected, tolerance);
    }
}

#[test]
fn a_batch_gives_each_text_what_it_gets_alone() {
    let model = load(SEEDS[1]);
    let pairs = json(SEEDS[1], "golden.json")["pairs"].clone();
    let text = |i: usize, side: usize| pairs[i][side].as_str().unwrap().to_string();
    for method in ["saliency", "integrated_gradients"] {
        let request = |indices: &[usize]| {
            let request = AttributionRequest::new(indices.iter().map(|&i| text(i, 0)))
                .generated_texts(indices.iter().map(|&i| text(i, 1)))
                .method(method)
                .attribute_target(true)
                .step_scores(["probability"]);
            if method == "integrated_gradients" { request.attribution_argument("n_steps", 4) } else { request }
        };
        let batch = model.attribute(&request(&[0, 18, 3, 1])).unwrap();
        for (sequence, index) in batch.sequences.iter().zip([0, 18, 3, 1]) {
            let alone = model.attribute(&request(&[index])).unwrap();
            let arrays = |s: &SequenceAttribution| {
                let values = |a: &Option<ndarray::ArrayD<f32>>| a.as_ref().unwrap().iter().copied().collect::<Vec<_>>();
                (values(&s.source_attributions), values(&s.target_attributions), s.step_scores["probability"].to_vec())
            };
            let (got, expected) = (arrays(sequence), arrays(&alone.sequences[0]));
            assert_close("source", &got.0, &expected.0, 1e-5);
            assert_close("target", &got.1, &expected.1, 1e-5);
            assert_close("probability", &got.2, &expected.2, 1e-5);
        }
    }
}

#[test]
fn a_small_memory_budget_changes_time_and_not_scores() {
    let options = LoadOptions::default().memory_budget(1 << 16).device("flex");
    let small = AttributionModel::load_with(fixture(SEEDS[1]).to_str().unwrap(), &options).unwrap();
    let request = AttributionRequest::new(["The tired nurse said that she was late."])
        .generated_texts(["L'infirmière fatiguée a dit qu'elle était en retard."])
        .method("integrated_gradients")
        .attribution_argument("n_steps", 9)
        .attribute_target(true);
    let scores = |model: &AttributionModel| {
        let result = model.attribute(&request).unwrap();
        result.sequences[0].source_attributions.as_ref().unwrap().iter().copied().collect::<Vec<_>>()
    };
    assert_close("scores", &scores(&small), &scores(&load(SEEDS[1])), 1e-5);
}
