//! Files of a repository whose content is not what their name says, and JSON as Python writes it.
//!
//! transformers 5.23 refuses each of these but the literals, the repeated name and numbers beyond a float.

use std::error::Error as _;
use std::fs;

use inseq_models::Error;
use inseq_models::checkpoint::{Repository, Weights};
use inseq_models::generation::GenerationConfig;
use inseq_models::tokenizer::Tokenizer;

const POINTER: &str = "version https://git-lfs.github.com/spec/v1\noid sha256:4665\nsize 1289\n";

/// Content, and the words for it and for the way out.
const FOREIGN: [(&str, &[&str]); 9] = [
    (POINTER, &["Git LFS", "git lfs pull"]),
    ("\n<!DOCTYPE html><html><body>Sign in</body></html>", &["a web page", "fetch the file itself"]),
    ("<HTML><head></head></HTML>", &["a web page", "fetch the file itself"]),
    ("<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>", &["a web page", "fetch the file itself"]),
    ("\u{feff}{}", &["byte order mark", "UTF-8 without it"]),
    ("", &["empty", "fetch it again"]),
    (" \n", &["empty", "fetch it again"]),
    ("[]", &["expected an object", "found a list"]),
    ("null", &["expected an object", "found null"]),
];

fn repository(files: &[(&str, &[u8])]) -> Repository {
    let files = files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec()));
    Repository::in_memory("a-model", files)
}

#[track_caller]
fn check(error: Error, file: &str, words: &[&str]) {
    let message = error.to_string();
    assert!(matches!(&error, Error::Checkpoint { file: found, .. } if found == file), "{error:?}");
    assert!(message.starts_with(&format!("{file}: ")), "{message}");
    for word in words {
        assert!(message.contains(word), "{message} has no {word:?}");
    }
}

#[test]
fn json_files_say_what_they_are_instead() {
    for (content, words) in FOREIGN {
        let of = |file| repository(&[("config.json", br#"{"model_type": "gpt2"}"#), (file, content.as_bytes())]);
        for file in
            ["generation_config.json", "tokenizer_config.json", "adapter_config.json", "special_tokens_map.json"]
        {
            check(of(file).json(file).unwrap_err(), file, words);
        }
        let config = repository(&[("config.json", content.as_bytes())]);
        check(config.config().unwrap_err(), "config.json", words);
        let index = of("model.safetensors.index.json");
        let words: &[&str] = if matches!(content, "[]" | "null") { &["not the index"] } else { words };
        check(Weights::open(&index).unwrap_err(), "model.safetensors.index.json", words);
    }
}

#[test]
fn utf_16_is_named() {
    let text: Vec<u8> = "\u{feff}{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    check(repository(&[("config.json", &text)]).config().unwrap_err(), "config.json", &["UTF-16", "UTF-8"]);
}

#[test]
fn tokenizers_say_what_they_are_instead() {
    let load = |file: &str, content: &str| {
        let config = br#"{"tokenizer_class": "PreTrainedTokenizerFast"}"#;
        let files: [(&str, &[u8]); 2] = [("tokenizer_config.json", config), (file, content.as_bytes())];
        Tokenizer::load(&repository(&files)).unwrap_err()
    };
    for (content, words) in FOREIGN {
        check(load("tokenizer.json", content), "tokenizer.json", words);
    }
}

/// A damaged generation_config.json is no reason not to attribute given texts: config.json counts, and a warning names the file.
#[test]
fn a_damaged_generation_config_is_a_warning() {
    for (content, words) in FOREIGN {
        let files: [(&str, &[u8]); 2] =
            [("config.json", br#"{"model_type": "gpt2"}"#), ("generation_config.json", content.as_bytes())];
        let problems = GenerationConfig::load(&repository(&files)).unwrap().problems().join("; ");
        assert!(problems.starts_with("generation_config.json: "), "{problems}");
        assert!(words.iter().all(|word| problems.contains(word)), "{problems}");
    }
}

#[test]
fn literals_of_python_are_read() {
    let config = repository(&[(
        "config.json",
        br#"{"a": NaN, "b": [0.0, Infinity], "c": -Infinity, "d": "NaN", "e": 1, "e": 2}"#,
    )]);
    let config = config.config().unwrap();
    assert_eq!((&config["a"], &config["b"][1], &config["c"]), (&"NaN".into(), &"Infinity".into(), &"-Infinity".into()));
    assert_eq!((&config["d"], &config["e"]), (&"NaN".into(), &2.into()));
    let wrong = repository(&[("config.json", b"{\"a\": NaN,\n\"b\": }")]).config().unwrap_err();
    check(wrong, "config.json", &["not valid JSON", "line 2"]);
}

#[test]
fn weights_say_what_they_are_instead() {
    let folder = tempfile::tempdir().unwrap();
    let whole = {
        let header = br#"{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
        [&(header.len() as u64).to_le_bytes()[..], header, &[0; 8]].concat()
    };
    fs::write(folder.path().join("model.safetensors"), &whole).unwrap();
    assert!(Weights::open(&repository(&[("model.safetensors", &whole)])).unwrap().contains("x"));
    for length in 0..whole.len() {
        let error = Weights::open(&repository(&[("model.safetensors", &whole[..length])])).unwrap_err();
        check(error, "model.safetensors", &["fetch it again"]);
    }
    for (content, words) in &FOREIGN[..4] {
        for file in ["model.safetensors", "pytorch_model.bin"] {
            check(Weights::open(&repository(&[(file, content.as_bytes())])).unwrap_err(), file, words);
        }
    }
}

/// A header of 0x213c bytes begins with the bytes `<!`, as web pages do.
#[test]
fn a_header_that_begins_like_a_page_is_a_header() {
    let mut header = br#"{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#.to_vec();
    header.resize(0x213c, b' ');
    let whole = [&(header.len() as u64).to_le_bytes()[..], &header, &[0; 8]].concat();
    assert_eq!(&whole[..2], b"<!");
    assert!(Weights::open(&repository(&[("model.safetensors", &whole)])).unwrap().contains("x"));
}

#[test]
fn errors_of_tensors_name_file_and_tensor() {
    let header = br#"{"x":{"dtype":"I32","shape":[2],"data_offsets":[0,8]}}"#;
    let whole = [&(header.len() as u64).to_le_bytes()[..], header, &[0; 8]].concat();
    let weights = Weights::open(&repository(&[("model.safetensors", &whole)])).unwrap();
    let wrong = weights.tensor("x").unwrap().to_f32().unwrap_err();
    assert!(
        matches!(&wrong, Error::Checkpoint { file, tensor: Some(tensor), .. } if file == "model.safetensors" && tensor == "x"),
        "{wrong:?}"
    );
    assert!(wrong.to_string().starts_with("model.safetensors: x: expected floating-point values"), "{wrong}");
    let missing = weights.tensor("y").unwrap_err();
    assert!(matches!(&missing, Error::Checkpoint { tensor: Some(tensor), .. } if tensor == "y"), "{missing:?}");
}

#[test]
fn errors_of_files_have_their_cause() {
    let error = repository(&[("config.json", b"{")]).config().unwrap_err();
    let cause = error.source().unwrap();
    assert!(cause.downcast_ref::<inseq_core::mismatch::Mismatch>().is_some(), "{cause:?}");
    assert!(error.to_string().contains(&cause.to_string()), "{error}");
    let error = Weights::open(&repository(&[("model.safetensors", b"\x02\0\0\0\0\0\0\0{x")])).unwrap_err();
    assert!(matches!(error, Error::Checkpoint { .. }), "{error:?}");
}
