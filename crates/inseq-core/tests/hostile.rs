//! Damaged and hostile files give an error that names the place, and nothing worse.

use std::{fs, io::Write, path::PathBuf};

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, write::GzEncoder};
use inseq_core::{AttributionResult, Error, LoadOptions};
use proptest::prelude::*;
use serde_json::{Value, json};

fn fixture(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/core").join(name);
    fs::read(path).expect("the golden files are committed")
}

fn read(bytes: &[u8]) -> Result<AttributionResult, Error> {
    AttributionResult::read(bytes, &LoadOptions::default())
}

/// A golden file, changed at a place, and how loading it goes wrong.
fn error_of(name: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut file: Value = serde_json::from_slice(&fixture(name)).expect("the golden file is JSON");
    change(&mut file["attributes"]);
    let bytes = serde_json::to_vec(&file).expect("values can be written");
    read(&bytes).map_err(|error| error.to_string()).expect_err("the file is wrong")
}

/// A safetensors file as base64 text, with any header.
fn tensor(header: &str, data: &[u8]) -> Value {
    let length = (header.len() as u64).to_le_bytes();
    json!(STANDARD.encode([&length, header.as_bytes(), data].concat()))
}

fn scores(file: &mut Value) -> &mut Value {
    &mut file["sequence_attributions"][0]["attributes"]["source_attributions"]
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    for name in ["granular_early_end.json", "variants.steps.json.gz", "variants.float8.json"] {
        let whole = fixture(name);
        for length in 0..whole.len() {
            assert!(read(&whole[..length]).is_err(), "{name} cut to {length} bytes");
        }
        assert!(read(&whole).is_ok());
    }
}

#[test]
fn errors_name_the_place() {
    type Change = fn(&mut Value);
    let changes: [(Change, &str); 12] = [
        (|file| file["sequence_attributions"] = json!(3), "sequence_attributions: expected a list, found 3"),
        (
            |file| file["sequence_attributions"][0]["attributes"]["source"][1]["attributes"]["id"] = json!("two"),
            "sequence_attributions[0].source[1].id: expected a whole number, found \"two\"",
        ),
        (
            |file| file["sequence_attributions"][0]["attributes"]["target"][2] = json!({}),
            "sequence_attributions[0].target[2]: has no `__instance_type__`",
        ),
        (
            |file| file["sequence_attributions"][0]["attributes"]["attr_pos_start"] = json!(-1),
            "sequence_attributions[0].attr_pos_start: expected a whole number, 0 or above, found -1",
        ),
        (
            |file| file["sequence_attributions"][0]["attributes"]["attr_pos_start"] = json!(7),
            "sequence_attributions[0]: attributed positions 7..6 do not lie in a target of 6 tokens",
        ),
        (
            |file| file["sequence_attributions"][0]["attributes"]["attr_pos_end"] = json!(4),
            "sequence_attributions[0]: `source_attributions` has shape [5, 5, 4], but should have [source 5, step 3, hidden]",
        ),
        (
            |file| {
                let source = file["sequence_attributions"][0]["attributes"]["source"].as_array_mut();
                source.map(Vec::pop);
            },
            "should have [source 4, step 5, hidden]",
        ),
        (
            |file| file["sequence_attributions"][0]["attributes"]["step_scores"]["entropy"] = json!("!"),
            "sequence_attributions[0].step_scores.entropy: is not base64",
        ),
        (|file| *scores(file) = json!(""), "sequence_attributions[0].source_attributions: is not safetensors"),
        (
            |file| {
                let array = scores(file).clone();
                file["sequence_attributions"][0]["attributes"]["step_scores"]["entropy"] = array;
            },
            "sequence_attributions[0].step_scores.entropy: has shape [5, 5, 4], but should have one axis",
        ),
        (|file| file["info"]["inseq_rs"] = json!({"steps": 1}), "info.inseq_rs.steps: expected a list, found 1"),
        (|file| file["info"] = json!([]), "info: expected an object, found a list"),
    ];
    for (change, expected) in changes {
        let error = error_of("granular.json", change);
        assert!(error.contains(expected), "{error}\ninstead of\n{expected}");
    }
    let other = br#"{"__instance_type__": ["os", "system"], "attributes": {"sequence_attributions": []}}"#;
    let error = read(other).map_err(|error| error.to_string()).expect_err("another class");
    assert_eq!(error, "file: holds a system, but a saved result is a FeatureAttributionOutput");
    let error = AttributionResult::load("no/such.json").map_err(|error| error.to_string()).expect_err("no such file");
    assert!(error.starts_with("no/such.json: "), "{error}");
}

#[test]
fn tensors_that_lie_are_refused() {
    let header = |dtype: &str, shape: &str, end: u64| {
        format!(r#"{{"attribution":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[0,{end}]}}}}"#)
    };
    let huge = u64::MAX.to_string();
    for (text, data) in [
        (header("F32", "[5,5,400000000000]", 400), 400),
        (header("F32", "[5,5,4]", 401), 400),
        (header("F32", "[5,5,4]", 4_000_000_000_000), 400),
        (header("F32", "[5,5,4]", 400), 399),
        (header("F64", "[5,5,4]", 400), 400),
        (header("I8", "[5,5,16]", 400), 400),
        (header("F32", &format!("[{huge},{huge}]"), 400), 400),
        (header("F32", "[-1]", 400), 400),
        (header("F32", "[0,9223372036854775807,9223372036854775807]", 0), 0),
        (header("F32", "[5,5,0]", 0), 0),
        (header("F32", "[100]", 400), 400),
        (header("F32", "[]", 4), 4),
        (r#"{"other":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#.to_owned(), 4),
        ("{}".to_owned(), 0),
        ("[".repeat(100_000), 0),
    ] {
        let result = std::panic::catch_unwind(|| {
            let mut file: Value = serde_json::from_slice(&fixture("granular.json")).expect("the golden file is JSON");
            *scores(&mut file["attributes"]) = tensor(&text, &vec![0; data]);
            read(&serde_json::to_vec(&file).expect("values can be written")).and_then(|result| result.aggregate())
        });
        assert!(matches!(result, Ok(Err(_))), "{text}: {result:?}");
    }
    let mut length = u64::MAX.to_le_bytes().to_vec();
    length.extend([b' '; 100]);
    let error = error_of("granular.json", |file| *scores(file) = json!(STANDARD.encode(length)));
    assert!(error.starts_with("sequence_attributions[0].source_attributions: "), "{error}");
}

#[test]
fn a_few_rows_cannot_ask_for_many() {
    // 2,000 tokens without a row, one row of 100,000 scores: restored, the rows would be 2,000 times the file.
    let token =
        json!({"__instance_type__": ["inseq.utils.typing", "TokenWithId"], "attributes": {"id": 0, "token": ""}});
    let header = r#"{"attribution":{"dtype":"F8_E4M3","shape":[1,1,100000],"data_offsets":[0,100000]}}"#;
    let error = error_of("granular.json", |file| {
        let sequence = &mut file["sequence_attributions"][0]["attributes"];
        sequence["target"] = vec![token; 2000].into();
        sequence["source_attributions"] = Value::Null;
        sequence["target_attributions"] = tensor(header, &[0; 100_000]);
    });
    let expected = "sequence_attributions[0].target_attributions: has 1 rows, far fewer than the 2000 target tokens";
    assert_eq!(error, expected);
}

#[test]
fn many_sequences_ask_for_no_more_than_one() {
    // Each would be allowed its 250 rows of 100,000 scores, but not all three.
    let token =
        json!({"__instance_type__": ["inseq.utils.typing", "TokenWithId"], "attributes": {"id": 0, "token": ""}});
    let header = r#"{"attribution":{"dtype":"F8_E4M3","shape":[1,1,100000],"data_offsets":[0,100000]}}"#;
    let error = error_of("granular.json", |file| {
        let mut sequence = file["sequence_attributions"][0].clone();
        let attributes = &mut sequence["attributes"];
        attributes["target"] = vec![token; 250].into();
        attributes["attr_pos_start"] = json!(0);
        attributes["attr_pos_end"] = json!(1);
        attributes["source_attributions"] = Value::Null;
        attributes["step_scores"] = json!({});
        attributes["target_attributions"] = tensor(header, &[0; 100_000]);
        file["sequence_attributions"] = vec![sequence; 3].into();
    });
    let expected = "sequence_attributions[2].target_attributions: has 1 rows, far fewer than the 250 target tokens";
    assert_eq!(error, expected);
}

#[test]
fn a_layout_not_known_yet_is_refused() {
    let error = error_of("granular.json", |file| file["info"]["inseq_rs"] = json!({"version": 2}));
    assert_eq!(error, "info.inseq_rs.version: is 2, but 1 is the newest known here: load it with a newer inseq");
}

#[test]
fn arrays_of_steps_that_lie_are_refused() {
    let gzip = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).expect("memory can be written");
        STANDARD.encode(encoder.finish().expect("memory can be written"))
    };
    let bomb = format!("b64.gz:{}", gzip(&vec![0; 50_000_000]));
    let array =
        |values: Value, dtype: &str, shape: Value| json!({"__ndarray__": values, "dtype": dtype, "shape": shape});
    for (array, expected) in [
        (
            array(json!("b64:AAAA"), "float32", json!([2, 5, 3])),
            "says shape [2, 5, 3] of float32, but holds fewer bytes",
        ),
        (array(json!(bomb), "float32", json!([2, 5, 3])), "says shape [2, 5, 3] of float32, but holds more bytes"),
        (array(json!("b64.gz:AAAA"), "float32", json!([2, 5, 3])), "is not gzip"),
        (array(json!("b64:*"), "float32", json!([2, 5, 3])), "is not base64"),
        (array(json!("AAAA"), "float32", json!([2, 5, 3])), "begins neither with \"b64:\" nor with \"b64.gz:\""),
        (array(json!("b64:"), "object", json!([0])), "holds numbers of type \"object\""),
        (array(json!("b64:"), "float32", json!([u64::MAX, 4])), "says the absurd shape"),
        (array(json!([[1.0], [2.0, 3.0]]), "float32", json!([2, 1])), "lists of one depth have lengths 1 and 2"),
        (array(json!([[1.0], [2.0]]), "float32", json!([2, 5, 3])), "says shape [2, 5, 3], but its lists have [2, 1]"),
        (array(json!([[], []]), "float32", json!([0, u64::MAX, u64::MAX])), "says shape"),
        (array(json!(1.0), "float32", json!([])), "`source_attributions` has shape []"),
        (array(json!([["x"]]), "float32", json!([1, 1])), "expected a number, found \"x\""),
        (json!([1.0]), "step_attributions[1].source_attributions[0]: expected "),
    ] {
        let mut file: Value = serde_json::from_slice(&fixture("granular.json")).expect("the golden file is JSON");
        let steps: Value = {
            let text = String::from_utf8(fixture("variants.steps.json")).expect("the golden file is UTF-8");
            let text = text.replace("-Infinity", "0").replace("NaN", "0");
            serde_json::from_str::<Value>(&text).expect("the golden file is JSON")["attributes"]["step_attributions"]
                .clone()
        };
        file["attributes"]["step_attributions"] = steps;
        file["attributes"]["step_attributions"][1]["attributes"]["source_attributions"] = array.clone();
        let error = read(&serde_json::to_vec(&file).expect("values can be written"));
        let error = error.map_err(|error| error.to_string()).expect_err("the file is wrong");
        assert!(error.starts_with("step_attributions[1]") && error.contains(expected), "{array}: {error}");
    }
}

#[test]
fn a_file_that_unpacks_to_more_than_allowed_is_refused() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![b' '; 1_000_000]).expect("memory can be written");
    let bomb = encoder.finish().expect("memory can be written");
    let error = AttributionResult::read(bomb.as_slice(), &LoadOptions::default().max_bytes(10_000));
    let expected = "the saved result is larger than 10000 bytes; raise `max_bytes` to load it";
    assert_eq!(error.map_err(|error| error.to_string()), Err(expected.to_owned()));
}

#[test]
fn deep_nesting_is_an_error() {
    for text in ["[".repeat(1_000_000), "{\"a\":".repeat(1_000_000)] {
        assert!(read(text.as_bytes()).is_err());
        let file = format!(
            r#"{{"__instance_type__": ["", "FeatureAttributionOutput"], "attributes": {{"info": {{"a": {text}"#
        );
        assert!(read(file.as_bytes()).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever bytes are changed, there is a result or an error, and a result is whole.
    #[test]
    fn changed_bytes_never_panic(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8), gzip: bool) {
        let mut bytes = fixture(if gzip { "variants.steps.json.gz" } else { "layers_heads.json" });
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Ok(result) = read(&bytes) {
            result.validate().expect("what loads is valid");
            let _ = result.aggregate();
            let _ = result.get_scores_dicts();
        }
    }
}
