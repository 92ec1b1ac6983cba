//! Weights files as PyTorch and safetensors write them, and files that lie.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use inseq_models::checkpoint::{HubOptions, Repository, StoredDType, Weights};
use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Folders of weights that PyTorch and safetensors wrote, with the values that PyTorch reads.
const WRITTEN: [&str; 11] = [
    "types_safetensors",
    "types_bin",
    "types_old_bin",
    "views_bin",
    "views_old_bin",
    "attributes_bin",
    "attributes_old_bin",
    "parts_old_bin",
    "sharded_safetensors",
    "sharded_bin",
    "sharded_old_bin",
];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/checkpoint").join(name)
}

fn open(folder: &Path) -> inseq_models::Result<Weights> {
    Weights::open(&Repository::open(folder.to_str().unwrap(), &HubOptions::default())?)
}

/// A model folder of these files.
fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.json"), "{}").unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

fn message(files: &[(&str, &[u8])]) -> String {
    open(folder(files).path()).unwrap_err().to_string()
}

/// An archive as PyTorch lays it out.
fn archive(pickle: &[u8], storages: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    zip.start_file("model/data.pkl", options).unwrap();
    zip.write_all(pickle).unwrap();
    for (name, bytes) in storages {
        zip.start_file(format!("model/{name}"), options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A pickle of `{"w": tensor}` with a storage of floats and these sizes, each pickled by the caller.
fn tensor_pickle(offset: &[u8], shape: &[u8], strides: &[u8]) -> Vec<u8> {
    let start = b"\x80\x02}(X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x04tQ";
    [start, offset, shape, strides, b"\x89ccollections\nOrderedDict\n)RtRu."].concat()
}

fn bin(bytes: &[u8]) -> String {
    message(&[("pytorch_model.bin", bytes)])
}

/// A pickle that is read, and what is said of it.
fn pickle(bytes: &[u8]) -> String {
    bin(&archive(bytes, &[("data/0", &[0; 16])]))
}

fn safetensors(header: &str, data: &[u8]) -> String {
    message(&[("model.safetensors", &safetensors_bytes(header, data))])
}

fn safetensors_bytes(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
}

#[test]
fn tensors_equal_what_pytorch_has() {
    for name in WRITTEN {
        let weights = open(&fixture(name)).unwrap();
        let text = std::fs::read_to_string(fixture(name).join("values.json")).unwrap();
        let expected: serde_json::Map<String, Value> = serde_json::from_str(&text).unwrap();
        assert_eq!(weights.names().count(), expected.len(), "{name}");
        for (tensor, expected) in &expected {
            assert!(weights.contains(tensor));
            let stored = weights.tensor(tensor).unwrap();
            let dtype = match expected["dtype"].as_str().unwrap() {
                "float64" => StoredDType::F64,
                "float32" => StoredDType::F32,
                "float16" => StoredDType::F16,
                "bfloat16" => StoredDType::BF16,
                "int64" => StoredDType::I64,
                "int32" => StoredDType::I32,
                "int16" => StoredDType::I16,
                "int8" => StoredDType::I8,
                "uint64" => StoredDType::U64,
                "uint32" => StoredDType::U32,
                "uint16" => StoredDType::U16,
                "uint8" => StoredDType::U8,
                _ => StoredDType::Bool,
            };
            assert_eq!((stored.dtype, json!(stored.shape)), (dtype, expected["shape"].clone()), "{name}: {tensor}");
            let values = expected["values"].as_array().unwrap();
            if expected["dtype"].as_str().unwrap().contains("float") {
                let values: Vec<f32> = values.iter().map(|v| v.as_f64().unwrap() as f32).collect();
                assert_eq!(stored.to_f32().unwrap(), values, "{name}: {tensor}");
                // Letting go of a tensor's memory loses nothing.
                weights.release(tensor);
                assert_eq!(weights.tensor(tensor).unwrap().to_f32().unwrap(), values, "{name}: {tensor}");
            } else {
                let size = dtype.size();
                let values: Vec<u8> =
                    values.iter().flat_map(|v| v.as_i64().unwrap().to_le_bytes()[..size].to_vec()).collect();
                assert_eq!(*stored.data, values, "{name}: {tensor}");
                assert!(stored.to_f32().unwrap_err().to_string().contains("expected floating-point values"));
            }
        }
    }
}

#[test]
fn a_missing_tensor_is_named_with_its_neighbours() {
    let weights = open(&fixture("sharded_bin")).unwrap();
    let message = weights.tensor("model.encoder.layers.0.fc3.weight").unwrap_err().to_string();
    assert!(message.contains("fc3.weight") && message.contains("model.encoder.layers.0.fc1.weight"), "{message}");
}

#[test]
fn a_folder_without_weights_says_what_was_looked_for() {
    let message = message(&[]);
    assert!(message.contains("model.safetensors") && message.contains("pytorch_model.bin"), "{message}");
}

#[test]
fn an_index_and_its_shards_agree() {
    let index = |shard: &str| json!({ "weight_map": { "w": shard } }).to_string();
    let with = |index: &str| message(&[("model.safetensors.index.json", index.as_bytes())]);
    assert!(with(&index("a.safetensors")).contains("names this shard, but"));
    for outside in ["../a.safetensors", "/a.safetensors", "a/../../b.safetensors"] {
        assert!(with(&index(outside)).contains("must lie inside the model's folder"), "{outside}");
    }
    assert!(with("[").contains("not the index of a sharded checkpoint"));
    assert!(with(r#"{"weight_map":[]}"#).contains("not the index of a sharded checkpoint"));
    let empty = safetensors_bytes("{}", b"");
    let index = index("a.safetensors");
    let files: [(&str, &[u8]); 2] = [("model.safetensors.index.json", index.as_bytes()), ("a.safetensors", &empty)];
    assert!(message(&files).contains("says that `w` is in this shard, but it is not"));
}

#[test]
fn what_is_no_weights_file_is_recognised() {
    for file in ["model.safetensors", "pytorch_model.bin"] {
        let said = |bytes: &[u8]| message(&[(file, bytes)]);
        assert!(said(b"").contains("empty"));
        assert!(said(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n").contains("git lfs pull"));
        assert!(said(b"\n<!DOCTYPE html><html>").contains("a web page"));
    }
    assert!(bin(b"nonsense").contains("neither a zip archive nor a pickle"));
    let tar = [&b"storages"[..], &[0; 249], b"ustar\x0000"].concat();
    assert!(bin(&tar).contains("a tar archive, which PyTorch wrote before 0.2"));
}

#[test]
fn a_foreign_global_is_named_and_not_run() {
    // What `os.system` is pickled as, were it called with a text.
    let said = pickle(b"\x80\x02cposix\nsystem\nX\x04\0\0\0true\x85R.");
    assert!(said.contains("`posix.system`") && said.contains("safetensors"), "{said}");
    let said = pickle(b"\x80\x02cbuiltins\neval\nX\x011\x85R.");
    assert!(said.contains("`builtins.eval`"), "{said}");
    // By way of the stack, as protocol 4 names globals.
    let said = pickle(b"\x80\x04\x8c\x05posix\x8c\x06system\x93.");
    assert!(said.contains("pickle protocol 4 or later, of which PyTorch itself reads no weights"), "{said}");
    // A known global that is called as nothing calls it.
    assert!(pickle(b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R.").contains("arguments that no tensor has"));
    assert!(pickle(b"\x80\x02ctorch\nFloatStorage\n)R.").contains("arguments that no tensor has"));
    assert!(pickle(b"\x80\x02K\x01)R.").contains("no known function"));
}

#[test]
fn damaged_pickles_are_refused() {
    let cases: &[(&[u8], &str)] = &[
        (b"", "ends in the middle"),
        (b"\x80\x02", "ends in the middle"),
        (b"\x80\x09.", "protocol 9"),
        (b"\x80\x02.", "takes more than it has put"),
        (b"\x80\x02K\x01.", "no dictionary of tensors"),
        (b"\x80\x02}.", "no tensors"),
        (b"\x80\x02t.", "a mark is missing"),
        (b"\x80\x02}(K\x01u.", "a key without a value"),
        (b"\x80\x02}K\x01(s.", "takes more than it has put after a mark"),
        (b"\x80\x02K\x01K\x01a.", "no list"),
        (b"\x80\x02K\x01(u.", "no dictionary to fill"),
        (b"\x80\x02h\x00.", "memo 0 holds nothing"),
        (b"\x80\x02q\x00.", "remembers what is not there"),
        (b"\x80\x02K\x01q\x05.", "memo 5 comes before its turn"),
        (b"\x80\x02X\xff\xff\xff\xff.", "ends in the middle"),
        (b"\x80\x02X\x01\0\0\0\xff.", "not UTF-8"),
        (b"\x80\x02\x8a\x09\0\0\0\0\0\0\0\0\0.", "larger than any size"),
        (b"\x80\x02cposix", "ends in the middle of a name"),
        (b"\x80\x02K\x01Q.", "names no storage"),
    ];
    for (bytes, text) in cases {
        let said = pickle(bytes);
        assert!(said.contains(text), "{bytes:?}: {said}");
    }
}

#[test]
fn a_pickle_cannot_ask_for_much() {
    // A million tuples inside each other.
    let deep = [b"\x80\x02)".to_vec(), vec![0x85; 1 << 20], b".".to_vec()].concat();
    assert!(pickle(&deep).contains("32 deep"));
    // Each tuple holds the one before it twice: 2^30 values if they were copied.
    let doubled = [b"\x80\x02)q\0".to_vec(), b"h\0h\0\x86q\0".repeat(30), b".".to_vec()].concat();
    assert!(pickle(&doubled).contains("no dictionary of tensors"));
    // A text of a megabyte, recalled a million times.
    let text = [&b"\x80\x02X\0\0\x10\0"[..], &vec![b'x'; 1 << 20], b"q\0"].concat();
    let recalled = [text, b"h\0".repeat(1 << 20), b".".to_vec()].concat();
    assert!(pickle(&recalled).contains("no dictionary of tensors"));
    let many = [b"\x80\x02".to_vec(), vec![b'N'; 1 << 24], b".".to_vec()].concat();
    assert!(pickle(&many).contains("more than 8388608 values"));
}

#[test]
fn a_tensor_lies_in_its_storage() {
    let said = |offset: &[u8], shape: &[u8], strides: &[u8]| pickle(&tensor_pickle(offset, shape, strides));
    let beyond = "reaches beyond its storage of 4 values";
    assert!(said(b"K\x00", b"K\x05\x85", b"K\x01\x85").contains(beyond));
    assert!(said(b"K\x01", b"K\x04\x85", b"K\x01\x85").contains(beyond));
    assert!(said(b"K\x00", b"K\x02\x85", b"K\x04\x85").contains(beyond));
    // A stride of 0 repeats one value, but not beyond the size of the file.
    assert!(said(b"K\x00", b"J\xff\xff\xff\x7f\x85", b"K\x00\x85").contains(beyond));
    let most = b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f";
    let two = [&most[..], most, b"\x86"].concat();
    assert!(said(b"K\x00", &two, &two).contains(beyond));
    assert!(said(most, b"K\x01\x85", b"K\x01\x85").contains(beyond));
    assert!(said(b"J\xff\xff\xff\xff", b"K\x01\x85", b"K\x01\x85").contains("-1 is no size"));
    assert!(said(b"K\x00", b"K\x01\x85", b")").contains("1 axes and 0 strides"));
    assert!(said(b"K\x00", b"N", b")").contains("a shape is no tuple"));
    let long = [b"(".to_vec(), b"K\x01".repeat(65), b"t".to_vec()].concat();
    assert!(said(b"K\x00", &long, &long).contains("65 axes"));

    let read = |offset: &[u8], shape: &[u8], strides: &[u8]| {
        let data: Vec<u8> = (0..4).flat_map(|i| (i as f32).to_le_bytes()).collect();
        let bytes = archive(&tensor_pickle(offset, shape, strides), &[("data/0", &data)]);
        let folder = folder(&[("pytorch_model.bin", &bytes)]);
        open(folder.path()).unwrap().tensor("w").unwrap().to_f32().unwrap()
    };
    assert_eq!(read(b"K\x00", b"K\x02K\x02\x86", b"K\x01K\x02\x86"), [0.0, 2.0, 1.0, 3.0]);
    assert_eq!(read(b"K\x03", b")", b")"), [3.0]);
    // No values, whatever the other axes say.
    let none = [&most[..], most, b"K\0\x87"].concat();
    assert!(read(b"K\x00", &none, &none).is_empty());
}

#[test]
fn damaged_archives_are_refused() {
    let whole = archive(&tensor_pickle(b"K\x00", b"K\x04\x85", b"K\x01\x85"), &[("data/0", &[0; 16])]);
    assert!(bin(&whole[..whole.len() / 2]).contains("not a whole zip archive"));
    let without = archive(&tensor_pickle(b"K\x00", b"K\x04\x85", b"K\x01\x85"), &[]);
    assert!(bin(&without).contains("archive member `data/0` cannot be read"));
    let big =
        archive(&tensor_pickle(b"K\x00", b"K\x04\x85", b"K\x01\x85"), &[("data/0", &[0; 16]), ("byteorder", b"big")]);
    assert!(bin(&big).contains("big-endian"));
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("other", SimpleFileOptions::default().compression_method(CompressionMethod::Stored)).unwrap();
    assert!(bin(&zip.finish().unwrap().into_inner()).contains("has no data.pkl"));
}

#[test]
fn lying_safetensors_are_refused() {
    let tensor = |dtype: &str, shape: Value, start: u64, end: u64| json!({ "dtype": dtype, "shape": shape, "data_offsets": [start, end] });
    let one = |dtype: &str, shape: Value, start: u64, end: u64, data: usize| {
        safetensors(&json!({ "w": tensor(dtype, shape, start, end) }).to_string(), &vec![0; data])
    };
    assert!(one("F32", json!([2]), 0, 8, 4).contains("tensor `w` ends at byte 8 of the data, which has 4"));
    assert!(one("F32", json!([3]), 0, 8, 8).contains("not a whole safetensors file"));
    assert!(one("F32", json!([2]), 4, 12, 12).contains("not a whole safetensors file"));
    assert!(one("F32", json!([2]), 8, 0, 8).contains("not a whole safetensors file"));
    assert!(one("F32", json!([2]), 0, 8, 9).contains("not a whole safetensors file"));
    assert!(one("F32", json!([u64::MAX, 2]), 0, 8, 8).contains("not a whole safetensors file"));
    assert!(one("F32", json!([2]), 0, u64::MAX, 8).contains("not a whole safetensors file"));
    assert!(one("F99", json!([2]), 0, 8, 8).contains("not a whole safetensors file"));
    assert!(one("F32", json!([-1]), 0, 8, 8).contains("not a whole safetensors file"));
    // Ends whose sum is larger than a number holds.
    let most = 1u64 << 61;
    let many: serde_json::Map<String, Value> = (0..8)
        .map(|i| (format!("w{i}"), tensor("U8", json!([most - 1]), i * (most - 1), (i + 1) * (most - 1))))
        .collect();
    assert!(safetensors(&json!(many).to_string(), b"").contains("not a whole safetensors file"));

    let said = |bytes: &[u8]| message(&[("model.safetensors", bytes)]);
    assert!(said(b"1234").contains("too few"));
    assert!(said(&[0xff; 16]).contains("does not fit"));
    assert!(said(&[&[200, 0, 0, 0, 0, 0, 0, 0][..], b"{}"].concat()).contains("does not fit"));
    assert!(safetensors("{", b"").contains("not a whole safetensors file"));
    assert!(safetensors(&"[".repeat(100_000), b"").contains("not a whole safetensors file"));
    assert!(safetensors("[]", b"").contains("not a whole safetensors file"));
}

/// Every tensor of a file, whatever it says.
fn read_all(file: &str, bytes: &[u8]) {
    let repository = Repository::in_memory("damaged", [(file.to_string(), bytes.to_vec())]);
    if let Ok(weights) = Weights::open(&repository) {
        for name in weights.names() {
            let _ = weights.tensor(name).and_then(|tensor| tensor.to_f32());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_file_never_panics(
        (folder, file) in prop::sample::select(vec![
            ("types_safetensors", "model.safetensors"), ("types_bin", "pytorch_model.bin"), ("views_bin", "pytorch_model.bin"),
            ("attributes_bin", "pytorch_model.bin"), ("types_old_bin", "pytorch_model.bin"), ("views_old_bin", "pytorch_model.bin"),
            ("attributes_old_bin", "pytorch_model.bin"), ("parts_old_bin", "pytorch_model.bin"),
        ]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let mut bytes = std::fs::read(fixture(folder).join(file)).unwrap();
        for (index, value) in changes {
            let length = bytes.len();
            bytes[index.index(length)] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        read_all(file, &bytes);
    }

    #[test]
    fn a_pickle_of_any_operations_never_panics(
        operations in prop::collection::vec(
            prop::sample::select(vec![
                &b"("[..], b")", b"]", b"}", b"t", b"\x85", b"\x86", b"\x87", b"a", b"e", b"s", b"u", b"q\0", b"q\x01", b"h\0", b"h\x01",
                b"\x94", b"Q", b"R", b"\x81", b"b", b"N", b"\x88", b"K\x02", b"U\x010", b"ctorch\nSize\n", b"ctorch\nfloat32\n", b"J\xff\xff\xff\xff", b"X\x01\0\0\x000", b"X\x07\0\0\0storage",
                b"ccollections\nOrderedDict\n", b"ctorch._utils\n_rebuild_tensor_v2\n", b"ctorch._utils\n_rebuild_parameter\n",
                b"ctorch._utils\n_rebuild_tensor_v3\n", b"ctorch._tensor\n_rebuild_from_type_v2\n", b"ctorch\nTensor\n",
                b"ctorch\nFloatStorage\n", b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x04tQ",
            ]),
            0..40,
        ),
    ) {
        let pickle = [b"\x80\x02".to_vec(), operations.concat(), b".".to_vec()].concat();
        read_all("pytorch_model.bin", &archive(&pickle, &[("data/0", &[0; 16])]));
    }

    #[test]
    fn a_safetensors_header_of_any_numbers_never_panics(
        tensors in prop::collection::btree_map("[ab]{1,2}", (
            prop::sample::select(vec!["F32", "F16", "BOOL", "F4", "I64"]),
            prop::collection::vec(prop_oneof![0u64..4, any::<u64>()], 0..4),
            prop_oneof![0u64..32, any::<u64>()],
            prop_oneof![0u64..32, any::<u64>()],
        ), 0..4),
        data in prop::collection::vec(any::<u8>(), 0..32),
    ) {
        let header: serde_json::Map<String, Value> = tensors
            .into_iter()
            .map(|(name, (dtype, shape, start, end))| {
                (name, json!({ "dtype": dtype, "shape": shape, "data_offsets": [start, end] }))
            })
            .collect();
        read_all("model.safetensors", &safetensors_bytes(&json!(header).to_string(), &data));
    }
}
