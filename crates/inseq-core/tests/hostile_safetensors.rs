//! Damaged and hostile safetensors files give an error that names the place, and nothing worse.

use std::path::PathBuf;

use inseq_core::aggregators::Aggregators;
use inseq_core::{AttributionResult, MappedResult};
use proptest::prelude::*;
use serde_json::{Value, json};

/// A golden file as safetensors.
fn saved(name: &str) -> Vec<u8> {
    let fixture = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/core").join(name);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("out.safetensors");
    AttributionResult::load(fixture).and_then(|result| result.save(&path)).expect("golden files can be saved");
    std::fs::read(path).expect("it was saved")
}

/// The file's header, changed at a place, before the same data; and how loading it goes wrong.
fn error_of(bytes: &[u8], change: impl FnOnce(&mut Value)) -> String {
    let bytes = changed(bytes, change);
    AttributionResult::from_safetensors(&bytes).map_err(|error| error.to_string()).expect_err("the file is wrong")
}

fn changed(bytes: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let (length, rest) = bytes.split_first_chunk::<8>().expect("there is a length");
    let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let mut header: Value = serde_json::from_slice(header).expect("the header is JSON");
    let text = header["__metadata__"]["inseq"].as_str().expect("there is a header of our own");
    header["own"] = serde_json::from_str(text).expect("it is JSON");
    change(&mut header);
    let own = header.as_object_mut().and_then(|header| header.remove("own"));
    // Unless the change took it away.
    if let (Some(own), Some(text)) = (own, header["__metadata__"].get_mut("inseq")) {
        *text = own.to_string().into();
    }
    let header = header.to_string();
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    let whole = saved("granular_early_end.json");
    assert!(AttributionResult::from_safetensors(&whole).is_ok());
    for length in 0..whole.len() {
        assert!(AttributionResult::from_safetensors(&whole[..length]).is_err(), "cut to {length} bytes");
    }
}

#[test]
fn errors_name_the_place() {
    type Change = fn(&mut Value);
    let changes: [(Change, &str); 10] = [
        (|file| file["__metadata__"] = json!({}), "header: has no metadata \"inseq\""),
        (|file| file["own"] = json!(3), "header"),
        (|file| file["own"]["version"] = json!(2), "header.version: is 2, but 1 is the newest known here"),
        (|file| file["own"]["sequences"][0]["source"][1] = json!(["a"]), "header.sequences[0].source[1]"),
        (|file| file["own"]["sequences"][0]["attr_pos_start"] = json!(-1), "header.sequences[0].attr_pos_start"),
        (|file| file["own"]["sequences"][0]["attr_pos_start"] = json!(7), "sequences.0"),
        (
            |file| file["own"]["sequences"][0]["attr_pos_end"] = json!(u64::MAX),
            "sequences.0.step_scores.entropy: has 5 values, but should have",
        ),
        (
            |file| file["own"]["sequences"][0]["step_scores"] = json!(["nothing"]),
            "sequences.0.step_scores.nothing: is named in the header, but there is no such tensor",
        ),
        (
            |file| file["sequences.0.source_attributions"]["dtype"] = json!("I32"),
            "sequences.0.source_attributions: holds numbers of type I32, but scores are floats",
        ),
        (
            |file| file["sequences.0.source_attributions"]["shape"] = json!([5, 4, 5]),
            "sequences.0: `source_attributions` has shape [5, 4, 5], but should have [source 5, step 5, hidden]",
        ),
    ];
    let whole = saved("granular.json");
    for (change, expected) in changes {
        let error = error_of(&whole, change);
        assert!(error.starts_with(expected), "{error}\ninstead of\n{expected}");
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("weights.safetensors");
    std::fs::write(&path, changed(&whole, |file| file["__metadata__"] = json!({}))).expect("the folder can be written");
    let error = MappedResult::open(&path).map_err(|error| error.to_string()).expect_err("no result");
    assert!(error.contains("weights.safetensors: header: ") && error.contains("not a saved result"), "{error}");
}

/// Slices of tensors whose shapes and types are not what they should be.
#[test]
fn slices_of_lies_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("out.safetensors");
    let whole = saved("granular.json");
    for (dtype, shape) in
        [("F32", json!([100])), ("F32", json!([5, 20, 1])), ("F4", json!([800, 1])), ("F64", json!([5, 5, 2]))]
    {
        let bytes = changed(&whole, |file| {
            file["sequences.0.source_attributions"]["dtype"] = json!(dtype);
            file["sequences.0.source_attributions"]["shape"] = shape.clone();
        });
        std::fs::write(&path, bytes).expect("the folder can be written");
        let Ok(mapped) = MappedResult::open(&path) else { continue };
        let found = mapped.sequence_steps(0, 1..2);
        assert_eq!(found.is_ok(), dtype == "F64", "{dtype} {shape}: {found:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever bytes are changed, there is a result or an error, and a result is whole.
    #[test]
    fn changed_bytes_never_panic(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut bytes = saved("layers_heads.json");
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Ok(result) = AttributionResult::from_safetensors(&bytes) {
            result.validate().expect("what loads is valid");
            let _ = result.aggregate();
        }
    }

    /// Whatever arguments aggregators are given, there is a result or an error.
    #[test]
    fn arguments_of_aggregators_never_panic(
        values in proptest::collection::vec(
            (any::<prop::sample::Index>(), prop_oneof![
                any::<i64>().prop_map(|x| json!(x)),
                any::<f64>().prop_map(|x| json!(x)),
                any::<bool>().prop_map(|x| json!(x)),
                ".{0,8}".prop_map(|x| json!(x)),
                any::<[usize; 2]>().prop_map(|x| json!(x)),
                proptest::collection::vec(0..8_usize, 0..4).prop_map(|x| json!(x)),
                proptest::collection::vec(any::<[u8; 2]>().prop_map(|x| x.map(|x| x % 8)), 0..4).prop_map(|x| json!(x)),
            ]),
            0..6,
        ),
        name in prop_oneof![Just("granular.json"), Just("layers_heads.json"), Just("granular_decoder_only.json")],
    ) {
        let fixture = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/core").join(name);
        let result = AttributionResult::load(fixture).expect("golden files load");
        let aggregators = Aggregators::new();
        for info in aggregators.list().filter(|info| !info.arguments.is_empty()) {
            let arguments = values.iter().map(|(index, value)| (index.get(info.arguments).name.to_owned(), value.clone()));
            let aggregator = aggregators.named(info.name, &arguments.collect());
            if let Ok(result) = aggregator.and_then(|aggregator| result.aggregate_with(aggregator.as_ref())) {
                result.validate().expect("what aggregators make is valid");
            }
        }
    }
}
