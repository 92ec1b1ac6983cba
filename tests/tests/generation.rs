//! Texts that models generate by their `generation_config.json`, their `config.json` and arguments, against transformers'
//! `generate` (`tests/reference/generation_golden.py`); what no field can do to a given text; what is said of fields.

use std::path::Path;

use inseq_core::AttributionResult;
use inseq_methods::{AttributionModel, AttributionRequest};
use inseq_tests::fixture;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

#[derive(Debug, Deserialize)]
struct Case {
    checkpoint: String,
    /// `generation_config.json`; none where the file is not there.
    fields: Option<Value>,
    /// Fields of `config.json` over its own.
    of_model: Option<Map<String, Value>>,
    arguments: Map<String, Value>,
    /// Whether `generation_config.json` is no JSON.
    damaged: bool,
    text: String,
    ids: Vec<u32>,
}

fn changed(path: &Path, fields: &Map<String, Value>) {
    let mut own: Map<String, Value> = match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).unwrap(),
        Err(_) => Map::new(),
    };
    own.extend(fields.clone());
    std::fs::write(path, serde_json::to_vec(&own).unwrap()).unwrap();
}

/// A fixture's files in a folder of their own.
fn copied(checkpoint: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(fixture("architectures").join(checkpoint)).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    folder
}

/// A fixture with fields of `generation_config.json` over its own.
fn with_fields(checkpoint: &str, fields: &Value) -> AttributionModel {
    let folder = copied(checkpoint);
    changed(&folder.path().join("generation_config.json"), fields.as_object().unwrap());
    AttributionModel::load(folder.path().to_str().unwrap()).unwrap()
}

fn with_text(checkpoint: &str, text: &str) -> AttributionModel {
    let folder = copied(checkpoint);
    std::fs::write(folder.path().join("generation_config.json"), text).unwrap();
    AttributionModel::load(folder.path().to_str().unwrap()).unwrap()
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

#[test]
fn ids_are_those_of_generate() {
    let cases: Vec<Case> =
        serde_json::from_slice(&std::fs::read(fixture("generation/generated.json")).unwrap()).unwrap();
    assert!(cases.len() > 250);
    let mut wrong = Vec::new();
    for case in &cases {
        let folder = copied(&case.checkpoint);
        let file = folder.path().join("generation_config.json");
        match &case.fields {
            Some(fields) => std::fs::write(&file, fields.to_string()).unwrap(),
            None => drop(std::fs::remove_file(&file)),
        }
        if case.damaged {
            std::fs::write(&file, "{").unwrap();
        }
        changed(&folder.path().join("config.json"), &case.of_model.clone().unwrap_or_default());
        let model = AttributionModel::load(folder.path().to_str().unwrap()).unwrap();
        assert_eq!(model.warnings().iter().any(|warning| warning.contains("generation_config.json")), case.damaged);
        match model.generate_token_ids(&[&case.text], &case.arguments) {
            // Transformers fills a text up that ends before the others of its batch or its beams.
            Ok(ids) if ids[0] == case.ids => {}
            other => wrong.push(format!(
                "{} {:?} {:?} {:?}: {:?}\n     found {other:?}\n  expected {:?}",
                case.checkpoint, case.fields, case.of_model, case.arguments, case.text, case.ids
            )),
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// With a length penalty of -5, scores of long texts are below -1e9, where transformers has texts that did not end. It then
/// returns the first token of one of several equal ones. The order of texts does not change: all end at the limit.
#[test]
fn a_text_that_ended_is_better_than_none_however_its_length_is_punished() {
    let cases: Vec<Case> =
        serde_json::from_slice(&std::fs::read(fixture("generation/generated.json")).unwrap()).unwrap();
    let case = cases.iter().find(|case| case.checkpoint == "marian").unwrap();
    let mut fields = case.fields.clone().unwrap();
    assert_eq!(fields["length_penalty"], -4.0);
    for penalty in [-5.0, -6.0, -8.0, -30.0, -1000.0] {
        fields["length_penalty"] = json!(penalty);
        let model = with_fields("marian", &fields);
        let ids = model.generate_token_ids(&[&case.text], &case.arguments).unwrap();
        assert_eq!(ids[0], case.ids, "{penalty}");
    }
}

#[test]
fn no_field_stops_a_given_text() {
    for text in [
        "{",
        "[1]",
        "3",
        "",
        r#"{"num_beams": "four"}"#,
        r#"{"temperature": "hot", "eos_token_id": {}, "max_length": 0}"#,
        r#"{"bad_words_ids": [[]]}"#,
        r#"{"top_k": 1.5, "suppress_tokens": "all", "sequence_bias": {"(3,)": 1.0}}"#,
    ] {
        let model = with_text("gpt2", text);
        let given = AttributionRequest::new(["the cat"]).generated_texts(["the cat sat"]);
        assert!(model.attribute(&given).is_ok(), "{text}");
        let said = model.warnings().join("; ");
        assert!(said.contains("generation_config.json"), "{text}: {said}");
    }
    // Without the text, the field is named; an argument takes its place.
    let model = with_text("gpt2", r#"{"num_beams": "four", "max_new_tokens": 3}"#);
    let message = model.attribute(&AttributionRequest::new(["the cat"])).unwrap_err().to_string();
    assert!(message.contains("generation_config.json: `num_beams`"), "{message}");
    assert!(model.attribute(&AttributionRequest::new(["the cat"]).generation_argument("num_beams", 1)).is_ok());
}

fn said(result: AttributionResult) -> Vec<String> {
    result.info.warnings.iter().flatten().map(ToString::to_string).collect()
}

/// The warnings of a text that is generated.
fn warnings(model: &AttributionModel, arguments: Value) -> Vec<String> {
    let request = AttributionRequest::new(["the cat"]).generation_args(object(arguments));
    said(model.attribute(&request).unwrap())
}

#[test]
fn fields_that_are_not_honoured_are_named() {
    for (name, value) in [
        ("penalty_alpha", json!(0.6)),
        ("num_beam_groups", json!(2)),
        ("diversity_penalty", json!(0.5)),
        ("force_words_ids", json!([[3]])),
        ("constraints", json!([{}])),
        ("forced_decoder_ids", json!([[1, 5]])),
        ("dola_layers", json!("low")),
        ("watermarking_config", json!({"bias": 2.5})),
        ("token_healing", json!(true)),
        ("max_time", json!(0.5)),
        ("num_return_sequences", json!(3)),
        ("repetition_penalti", json!(1.2)),
        // These are honoured, and say nothing useful here.
        ("temperature", json!(0.5)),
        ("temperature", json!(0.0)),
        ("top_k", json!(-1)),
        ("typical_p", json!(0.5)),
        ("early_stopping", json!(true)),
        ("length_penalty", json!(2.0)),
        ("eos_token_id", json!(-1)),
    ] {
        let fields = json!({ "max_new_tokens": 2, name: value });
        let said = warnings(&with_fields("gpt2", &fields), json!({}));
        let expected = format!("generation_config.json: `{name}` is {value}");
        assert!(said.len() == 1 && said[0].starts_with(&expected), "{name}: {said:?}");
        let neutral = json!({ "max_new_tokens": 2, name: null });
        assert_eq!(warnings(&with_fields("gpt2", &neutral), json!({})), [""; 0], "{name}");
    }
    let model = with_fields("gpt2", &json!({ "max_new_tokens": 2 }));
    for name in ["penalty_alpha", "watermarking_config", "repetition_penalti"] {
        let request = AttributionRequest::new(["the cat"]).generation_argument(name, 0.6);
        let message = model.attribute(&request).unwrap_err().to_string();
        let problem = if name == "repetition_penalti" { "unknown" } else { "not supported" };
        assert!(message.contains(&format!("`{name}` is {problem}")), "{message}");
        assert_eq!(message.contains("did you mean `repetition_penalty`?"), problem == "unknown", "{message}");
    }
}

/// Fields by name, with the defaults that transformers gives them, by its version.
fn fields_of_transformers() -> Map<String, Value> {
    serde_json::from_slice(&std::fs::read(fixture("generation/fields.json")).unwrap()).unwrap()
}

#[test]
fn fields_that_change_nothing_are_not_mentioned() {
    let versions = fields_of_transformers();
    assert!(versions.len() == 2 && versions.values().all(|fields| fields.as_object().unwrap().len() > 50));
    for (version, fields) in &versions {
        let mut fields = object(fields.clone());
        fields.remove("max_length");
        fields.extend(object(
            json!({ "max_new_tokens": 2, "_from_model_config": true, "transformers_version": "4.40.0" }),
        ));
        fields
            .extend(object(json!({ "pad_token_id": -1, "cache_implementation": "hybrid", "trust_remote_code": null })));
        assert_eq!(warnings(&with_fields("gpt2", &Value::Object(fields)), json!({})), [""; 0], "{version}");
    }
}

/// Each field is done, without effect, or said not to be.
#[test]
fn every_field_of_transformers_is_known() {
    for (name, _) in fields_of_transformers().values().flat_map(|fields| fields.as_object().unwrap()) {
        let folder = copied("gpt2");
        changed(&folder.path().join("generation_config.json"), &Map::from_iter([(name.clone(), json!({ "x": 1 }))]));
        let model = AttributionModel::load(folder.path().to_str().unwrap()).unwrap();
        if model.warnings().is_empty() {
            let said = warnings(&model, json!({ "max_new_tokens": 2 }));
            assert!(said.iter().all(|warning| !warning.contains("knows no such field")), "{name}: {said:?}");
        }
    }
}

/// A case of `tests/reference/generation_ranges.py`.
#[derive(Debug, Deserialize)]
struct AtTheEdge {
    field: String,
    value: Value,
    mode: Map<String, Value>,
    outcome: String,
    ids: Option<Vec<u32>>,
}

/// What transformers refuses is refused, and what it ignores is ignored with a word, in a file and as an argument; a given text is
/// attributed all the same.
#[test]
fn values_out_of_range_are_what_they_are_in_transformers() {
    let cases: Vec<AtTheEdge> =
        serde_json::from_slice(&std::fs::read(fixture("generation/ranges.json")).unwrap()).unwrap();
    assert!(cases.len() > 60);
    for case in &cases {
        let mut fields = object(json!({ "max_new_tokens": 6 }));
        fields.extend(case.mode.clone());
        fields.insert(case.field.clone(), case.value.clone());
        let of_file = with_fields("gpt2", &Value::Object(fields.clone()));
        let plain = with_fields("gpt2", &json!({}));
        for (model, arguments) in [(&of_file, Map::new()), (&plain, fields)] {
            let request = AttributionRequest::new(["the cat"]).generation_args(arguments.clone());
            let found = model.attribute(&request);
            if case.outcome == "error" {
                let message = found.unwrap_err().to_string();
                assert!(message.contains(&format!("`{}", case.field)), "{case:?}: {message}");
                continue;
            }
            let said = said(found.unwrap());
            let has_said = said.iter().any(|said| said.contains(&format!("`{}`", case.field)));
            // What beams come to may be the same with a field that is used.
            if !case.mode.contains_key("num_beams") {
                let is_useless = case.outcome == "ignored" || case.field == "stop_strings";
                assert_eq!(has_said, is_useless, "{case:?}: {said:?}");
            }
            if let Some(ids) = &case.ids {
                assert_eq!(model.generate_token_ids(&["the cat"], &arguments).unwrap()[0], *ids, "{case:?}");
            }
        }
        let given = AttributionRequest::new(["the cat"]).generated_texts(["the cat sat"]);
        assert!(of_file.attribute(&given).is_ok(), "{case:?}");
    }
}

#[test]
fn a_field_that_an_argument_replaces_is_not_said_to_end_all() {
    let model = with_text("gpt2", r#"{"num_beams": "four", "max_new_tokens": 3}"#);
    let [problem] = model.warnings() else { panic!("{:?}", model.warnings()) };
    assert!(problem.ends_with("a text is generated only where an argument takes its place"), "{problem}");
    assert!(model.attribute(&AttributionRequest::new(["the cat"]).generation_argument("num_beams", 1)).is_ok());
    // Nothing looks at these.
    let model = with_text("gpt2", r#"{"top_p": "much", "length_penalty": "long", "max_new_tokens": 3}"#);
    assert!(model.warnings().is_empty() && model.attribute(&AttributionRequest::new(["the cat"])).is_ok());
}

#[test]
fn another_mode_in_a_call_is_no_reason_to_warn() {
    let sampling =
        with_fields("gpt2", &json!({ "max_new_tokens": 2, "do_sample": true, "temperature": 0.6, "top_p": 0.9 }));
    assert_eq!(warnings(&sampling, json!({ "do_sample": false })), [""; 0]);
    let said = warnings(&sampling, json!({ "do_sample": false, "min_p": 0.1 }));
    assert!(said.len() == 1 && said[0].starts_with("generation argument `min_p` is 0.1"), "{said:?}");
}

#[test]
fn a_temperature_of_zero_takes_the_likeliest() {
    let greedy = with_fields("gpt2", &json!({ "max_new_tokens": 6 }));
    let ids = |model: &AttributionModel, arguments| model.generate_token_ids(&["the cat"], &object(arguments)).unwrap();
    let expected = ids(&greedy, json!({}));
    let of_file = with_fields("gpt2", &json!({ "max_new_tokens": 6, "do_sample": true, "temperature": 0.0 }));
    assert_eq!(ids(&of_file, json!({})), expected);
    assert_eq!(ids(&greedy, json!({ "do_sample": true, "temperature": 0 })), expected);
    assert_eq!(ids(&greedy, json!({ "do_sample": true, "temperature": 1e-300 })), expected);
    assert_eq!(ids(&greedy, json!({ "do_sample": true, "temperature": 1e300 })).len(), expected.len());
    assert!(warnings(&of_file, json!({}))[0].contains("`temperature` is 0.0: the likeliest tokens are taken"));
    // All tokens may be drawn, as with 0.
    let draw = |top_k: i64| ids(&greedy, json!({ "do_sample": true, "top_k": top_k, "seed": 3 }));
    assert_eq!(draw(-1), draw(0));
    assert!(warnings(&greedy, json!({ "do_sample": true, "top_k": -1 }))[0].contains("`top_k` is -1"));
}

#[test]
fn an_error_names_what_bans_every_token() {
    let every: Vec<u32> = (0..78).collect();
    for (problem, fields) in [
        ("`suppress_tokens` ban all 78 tokens", json!({ "suppress_tokens": every })),
        (
            "`bad_words_ids` ban all 78 tokens",
            json!({ "bad_words_ids": every.iter().map(|id| [id]).collect::<Vec<_>>(), "eos_token_id": null }),
        ),
        (
            "`forced_eos_token_id` has the id 99, but the model has 78 tokens, 0 to 77",
            json!({ "forced_eos_token_id": 99, "max_new_tokens": 1 }),
        ),
        (
            "`min_new_tokens`, `suppress_tokens` ban all 78 tokens",
            json!({ "suppress_tokens": (0..77).collect::<Vec<_>>(), "min_new_tokens": 3 }),
        ),
    ] {
        for mode in [json!({}), json!({ "do_sample": true }), json!({ "num_beams": 3 })] {
            let fields: Map<String, Value> = object(fields.clone()).into_iter().chain(object(mode)).collect();
            let model = with_fields("gpt2", &Value::Object(fields.clone()));
            let message = model.attribute(&AttributionRequest::new(["the cat"])).unwrap_err().to_string();
            assert!(message.contains(problem), "{fields:?}: {message}");
        }
    }
}

#[test]
fn what_cannot_be_guided_is_refused() {
    let message = with_fields("t5", &json!({ "guidance_scale": 1.5 })).generate(&["the cat"], &Map::new());
    let message = message.unwrap_err().to_string();
    assert!(message.contains("`guidance_scale` is 1.5, but only decoder-only models"), "{message}");
}
