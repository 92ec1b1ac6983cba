//! Weights files in the format before PyTorch 1.6 that lie, or hold something else.

use inseq_models::checkpoint::{Repository, StoredDType, Weights};

/// The number that opens a file of the format, and its version.
const OPENING: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.";
/// The facts of a machine of today.
const LITTLE: &[u8] = b"\x80\x02}X\x0d\0\0\0little_endian\x88s.";
/// `{"w": tensor}` of four floats in storage `0`.
const TENSOR: &[u8] =
    b"\x80\x02}X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\n\
    X\x01\0\0\x000X\x03\0\0\0cpuK\x04NtQK\0K\x04\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtRs.";
/// `["0"]`, the keys of the storages.
const KEYS: &[u8] = b"\x80\x02]X\x01\0\0\x000a.";

fn floats(count: i64, values: &[f32]) -> Vec<u8> {
    let values: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    [&count.to_le_bytes()[..], &values].concat()
}

fn open(parts: &[&[u8]]) -> Result<Weights, String> {
    let repository = Repository::in_memory("old", [("pytorch_model.bin".to_string(), parts.concat())]);
    Weights::open(&repository).map_err(|error| error.to_string())
}

fn message(parts: &[&[u8]]) -> String {
    open(parts).unwrap_err()
}

#[test]
fn storages_follow_the_pickles() {
    let weights = open(&[OPENING, LITTLE, TENSOR, KEYS, &floats(4, &[1.0, -2.0, 3.0, 4.5])]).unwrap();
    let tensor = weights.tensor("w").unwrap();
    assert_eq!((tensor.dtype, &tensor.shape[..]), (StoredDType::F32, &[4][..]));
    assert_eq!(tensor.to_f32().unwrap(), [1.0, -2.0, 3.0, 4.5]);
}

/// Python 2 has texts of another kind.
#[test]
fn texts_of_python_2_are_texts() {
    let mut python_2 = Vec::new();
    let mut rest = TENSOR;
    while let Some((first, after)) = rest.split_first() {
        match rest {
            [b'X', length, 0, 0, 0, text @ ..] => {
                python_2.extend([b'U', *length]);
                rest = text;
            }
            _ => {
                python_2.push(*first);
                rest = after;
            }
        }
    }
    assert!(python_2.len() < TENSOR.len());
    let weights = open(&[OPENING, LITTLE, &python_2, b"\x80\x02]U\x010a.", &floats(4, &[1.0, 2.0, 3.0, 4.0])]).unwrap();
    assert_eq!(weights.tensor("w").unwrap().to_f32().unwrap(), [1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn storages_lie_in_the_file_and_are_as_long_as_their_tensors_say() {
    let said = |storages: &[u8]| message(&[OPENING, LITTLE, TENSOR, KEYS, storages]);
    assert!(said(&[]).contains("storage `0` ends after the file"));
    assert!(said(&floats(4, &[1.0, 2.0, 3.0])).contains("storage `0` ends after the file"));
    for count in [3, 5, -4, i64::MAX, i64::MIN] {
        let expected = format!("storage `0` has {count} values where its tensors expect 4");
        assert!(said(&floats(count, &[0.0; 5])).contains(&expected));
    }
    let said = |keys: &[u8]| message(&[OPENING, LITTLE, TENSOR, keys, &floats(4, &[0.0; 4])]);
    assert!(said(b"\x80\x02].").contains("tensor `w`: the file has no storage `0`"));
    assert!(said(b"\x80\x02]X\x01\0\0\x001a.").contains("storage `1` belongs to no tensor"));
    assert!(said(b"\x80\x02]K\0a.").contains("the key of a storage is no text"));
    assert!(said(b"\x80\x02}.").contains("the keys of its storages are no list"));
    assert!(said(b"").contains("the pickle of the keys of its storages"));
}

#[test]
fn a_part_lies_in_its_storage() {
    let at = TENSOR.windows(3).position(|bytes| bytes == b"NtQ").unwrap();
    let said = |part: &[u8]| {
        let tensor = [&TENSOR[..at], part, &TENSOR[at + 1..]].concat();
        let files = [OPENING, LITTLE, &tensor, KEYS, &floats(4, &[5.0, 6.0, 7.0, 8.0])].concat();
        open(&[&files]).map(|weights| weights.tensor("w").unwrap().to_f32().unwrap())
    };
    assert_eq!(said(b"X\x01\0\0\x001K\0K\x04\x87").unwrap(), [5.0, 6.0, 7.0, 8.0]);
    assert!(said(b"X\x01\0\0\x001K\x01K\x03\x87").unwrap_err().contains("reaches beyond its storage of 3 values"));
    for (first, count) in
        [(b"K\x01", &b"K\x04"[..]), (b"K\x05", b"K\0"), (b"K\x01", b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f")]
    {
        let part = [b"X\x01\0\0\x001", &first[..], count, b"\x87"].concat();
        assert!(said(&part).unwrap_err().contains("reach beyond its storage"));
    }
    assert!(said(b"K\0\x85").unwrap_err().contains("names no part of a storage"));
}

#[test]
fn what_is_something_else_is_called_so() {
    assert!(message(&[b"\x80\x02K\x01."]).contains("a pickle that PyTorch did not write"));
    assert!(message(&[&OPENING[..15], b"\x80\x02K\x01."]).contains("version 1 of the format before PyTorch 1.6"));
    assert!(message(&[&OPENING[..15], b"\x80\x02N."]).contains("its version is no number"));
    assert!(message(&[&OPENING[..15]]).contains("the pickle of its version: it ends in the middle"));
    let big = b"\x80\x02}X\x0d\0\0\0little_endian\x89s.";
    assert!(message(&[OPENING, big, TENSOR, KEYS, &floats(4, &[0.0; 4])]).contains("big-endian"));
    // What `torch.save(model)` writes: the class of a module, with its code.
    let module = b"\x80\x02(X\x06\0\0\0modulectorch\nTensor\nX\x04\0\0\0m.pyX\x04\0\0\0codetQ.";
    assert!(message(&[OPENING, LITTLE, module]).contains("a whole model with its code"));
    assert!(message(&[OPENING, LITTLE, b"\x80\x02cposix\nsystem\n."]).contains("`posix.system`"));
    // A training script's dictionary of several.
    let nested = [b"\x80\x02}X\x05\0\0\0model", &TENSOR[2..TENSOR.len() - 1], b"s."].concat();
    let said = message(&[OPENING, LITTLE, &nested, KEYS, &floats(4, &[0.0; 4])]);
    assert!(said.contains("one level down, in `model`") && said.contains(r#"checkpoint["model"]"#), "{said}");
    // A view that stands for the negative of its values.
    let negative = TENSOR.to_vec();
    let at = negative.windows(4).position(|bytes| bytes == b")RtR").unwrap() + 2;
    let negative = [&negative[..at], b"}X\x03\0\0\0neg\x88s", &negative[at..]].concat();
    assert!(message(&[OPENING, LITTLE, &negative, KEYS, &floats(4, &[0.0; 4])]).contains("the negative or conjugate"));
}
