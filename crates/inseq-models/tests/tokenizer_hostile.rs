//! Tokenizer files that are damaged or lie, and texts that nobody would write.

mod tokenizer_fixtures;

use inseq_models::checkpoint::{HubOptions, Repository};
use inseq_models::tokenizer::{Role, Tokenizer};
use proptest::prelude::*;
use tempfile::TempDir;
use tokenizer_fixtures::folder;

fn load(folder: &TempDir) -> inseq_models::Result<Tokenizer> {
    Tokenizer::load(&Repository::open(folder.path().to_str().unwrap(), &HubOptions::default())?)
}

/// What loading a fixture says when one file is changed, or taken away.
fn refusal(name: &str, file: &str, change: impl FnOnce(Vec<u8>) -> Option<Vec<u8>>) -> String {
    let folder = folder(name);
    let path = folder.path().join(file);
    match change(std::fs::read(&path).unwrap_or_default()) {
        Some(bytes) => std::fs::write(&path, bytes).unwrap(),
        None => std::fs::remove_file(&path).unwrap(),
    }
    load(&folder).unwrap_err().to_string()
}

fn assert_tells(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{message:?} does not tell {part:?}");
    }
}

/// A field of a protocol buffer whose value has a length.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend(bytes);
    out
}

/// A piece: 1 normal, 2 unknown, 3 control, 6 a byte.
fn piece(text: &str, score: f32, kind: u8) -> Vec<u8> {
    field(1, &[field(1, text.as_bytes()), vec![0x15], score.to_le_bytes().to_vec(), vec![0x18, kind]].concat())
}

fn model(pieces: &[Vec<u8>], more: &[u8]) -> Vec<u8> {
    [pieces.concat(), more.to_vec()].concat()
}

#[test]
fn models_that_are_damaged() {
    let spm = |bytes: Vec<u8>| refusal("legacy", "source.spm", |_| Some(bytes));
    let (unk, a) = (|| piece("<unk>", 0.0, 2), || piece("a", -1.0, 1));
    assert_tells(
        &refusal("legacy", "source.spm", |b| Some(b[..b.len() / 2].to_vec())),
        &["source.spm", "not a SentencePiece"],
    );
    assert_tells(&spm(b"<html>not found</html>".to_vec()), &["source.spm", "a web page"]);
    assert_tells(&spm(Vec::new()), &["source.spm", "no unknown piece"]);
    assert_tells(&spm(model(&[a()], &[])), &["no unknown piece"]);
    assert_tells(&spm(model(&[unk(), piece("x", 0.0, 2)], &[])), &["two unknown pieces"]);
    assert_tells(&spm(model(&[unk()], &[])), &["no pieces"]);
    assert_tells(&spm(model(&[unk(), piece("", 0.0, 1)], &[])), &["piece 1 is empty"]);
    assert_tells(&spm(model(&[unk(), a(), a()], &[])), &["\"a\" is there twice"]);
    assert_tells(&spm(model(&[unk(), piece("a", f32::NAN, 1)], &[])), &["\"a\"", "NaN"]);
    assert_tells(&spm(model(&[unk(), a(), piece("<0x41>", 0.0, 6)], &[])), &["<0x41>", "falls back"]);
    // `byte_fallback` without the bytes; a model of byte pairs; spaces as suffixes.
    assert_tells(&spm(model(&[unk(), a()], &field(2, &[0x98, 0x02, 1]))), &["lacks some of the 256"]);
    assert_tells(&spm(model(&[unk(), a()], &field(2, &[0x18, 3]))), &["unigrams", "Word"]);
    assert_tells(&spm(model(&[unk(), a()], &field(2, &[0xc0, 0x01, 1]))), &["treat_whitespace_as_suffix"]);
    // Rules that claim four gigabytes.
    let rules = field(3, &field(2, &[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]));
    assert_tells(&spm(model(&[unk(), a()], &rules)), &["normalization rules claim 4294967295 bytes"]);
}

#[test]
fn files_that_are_missing_or_no_tokenizer() {
    assert_tells(&refusal("legacy", "target.spm", |_| None), &["target.spm", "not found"]);
    assert_tells(&refusal("legacy", "vocab.json", |_| None), &["vocab.json", "not found"]);
    assert_tells(&refusal("separate", "target_vocab.json", |_| None), &["target_vocab.json", "not found"]);
    assert_tells(&refusal("legacy", "source.spm", |_| None), &["no tokenizer found", "source.spm"]);
    let vocabulary = |text: &str| refusal("legacy", "vocab.json", |_| Some(text.into()));
    assert_tells(&vocabulary("[]"), &["vocab.json", "object of tokens"]);
    assert_tells(&vocabulary("{\"</s>\": 0}"), &["vocab.json", "`<unk>` is missing"]);
    assert_tells(&vocabulary("{\"<unk>\": -1}"), &["vocab.json", "-1"]);
    assert_tells(&refusal("gpt2", "merges.txt", |_| None), &["merges.txt", "not found"]);
    assert_tells(&refusal("gpt2", "vocab.json", |_| None), &["vocab.json", "not found"]);
    assert_tells(&refusal("t5", "spiece.model", |_| None), &["spiece.model", "tokenizer.json", "T5Tokenizer reads"]);
    assert_tells(&refusal("llama", "tokenizer.model", |_| None), &["tokenizer.model", "LlamaTokenizer"]);
    assert_tells(&refusal("nllb", "sentencepiece.bpe.model", |_| None), &["sentencepiece.bpe.model", "NllbTokenizer"]);
    assert_tells(&refusal("m2m_100", "vocab.json", |_| None), &["vocab.json", "not found"]);
    assert_tells(
        &refusal("gpt2", "tokenizer_config.json", |_| Some(br#"{"tokenizer_class": "FooTokenizer"}"#.to_vec())),
        &["no tokenizer found", "`FooTokenizer`", "save_pretrained"],
    );
    assert_tells(
        &refusal("legacy", "tokenizer_config.json", |_| Some(b"{".to_vec())),
        &["tokenizer_config.json", "JSON"],
    );
    let config = |text: &str| refusal("added", "tokenizer_config.json", |_| Some(text.into()));
    assert_tells(&config("[1]"), &["tokenizer_config.json", "object"]);
    assert_tells(&config("{\"added_tokens_decoder\": {\"x\": {}}}"), &["added_tokens_decoder", "`x`"]);
    assert_tells(&config("{\"added_tokens_decoder\": {\"7\": {}}}"), &["content"]);
    assert_tells(&config("{\"sp_model_kwargs\": {\"enable_sampling\": true}}"), &["sp_model_kwargs"]);
    assert_tells(
        &refusal("legacy", "added_tokens.json", |_| Some(b"{\"a\": 4294967296}".to_vec())),
        &["added_tokens.json"],
    );
    assert_tells(&refusal("fast_bytes", "tokenizer.json", |b| Some(b[..b.len() / 2].to_vec())), &["tokenizer.json"]);
    assert_tells(&refusal("fast_bytes", "tokenizer.json", |_| Some(b"{}".to_vec())), &["tokenizer.json"]);
}

#[test]
fn byte_pairs_that_are_damaged() {
    let merges = |text: &str| refusal("gpt2", "merges.txt", |_| Some(text.into()));
    assert_tells(&merges("a b c\n"), &["merges.txt", "line 1", "two tokens"]);
    assert_tells(&merges("#version: 0.2\nab\n"), &["line 2"]);
    assert_tells(&merges("a 中\n"), &["merges.txt", "中"]);
    assert_tells(&merges("Ġthe Ġnurse\n"), &["merges.txt"]);
    assert_tells(&refusal("gpt2", "merges.txt", |_| Some(vec![0xff])), &["merges.txt", "UTF-8"]);
    assert_tells(
        &refusal("gpt2", "vocab.json", |_| Some(b"{\"a\": 1e9}".to_vec())),
        &["vocab.json", "tokens and their ids"],
    );
    // Pieces that no model has, models of the other kind, numbers that no memory has.
    let model = |name: &str, file: &str, bytes: Vec<u8>| refusal(name, file, |_| Some(bytes));
    let (unk, a) = (|| piece("<unk>", 0.0, 2), || piece("a", -1.0, 1));
    assert_tells(&model("llama", "tokenizer.model", self::model(&[unk(), a()], &[])), &["byte pairs", "unigram"]);
    let pairs = field(2, &[0x18, 2]);
    let long = piece(&"a".repeat(5000), 0.0, 1);
    assert_tells(&model("llama", "tokenizer.model", self::model(&[unk(), long], &pairs)), &["5000 bytes", "1024"]);
    assert_tells(&model("t5", "spiece.model", self::model(&[unk(), a()], &pairs)), &["T5Tokenizer", "unigram"]);
    assert_tells(&model("t5", "spiece.model", self::model(&[unk(), piece("a", f32::NAN, 1)], &[])), &["\"a\"", "NaN"]);
    assert_tells(&model("m2m_100", "sentencepiece.bpe.model", b"a text".to_vec()), &["not a SentencePiece model"]);
    let config = |text: &str| refusal("t5", "tokenizer_config.json", |_| Some(text.into()));
    assert_tells(&config("{\"extra_ids\": 1000000000000}"), &["`extra_ids` is 1000000000000"]);
    assert_tells(&config("{\"extra_ids\": -1}"), &["`extra_ids` is -1"]);
}

#[test]
fn an_id_without_a_token() {
    let tokenizer = load(&folder("legacy")).unwrap();
    let message = tokenizer.decode(&[0, 999_999], Role::Target, false).unwrap_err().to_string();
    assert_tells(&message, &["999999"]);
    assert_eq!(tokenizer.token(999_999, Role::Target), None);
}

#[test]
fn a_very_long_text_takes_time_by_its_length() {
    let tokenizer = load(&folder("shared")).unwrap();
    let text = "the nurse ".repeat(100_000);
    let encoding = tokenizer.encode(&text, Role::Source, true).unwrap();
    assert_eq!(encoding.ids.len(), encoding.offsets.unwrap().len());
    assert_eq!(tokenizer.decode(&encoding.ids, Role::Source, true).unwrap(), text.trim());
}

/// Bytes of a file that are changed, as place and new value.
fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the bytes, there is a tokenizer or an error, and a tokenizer takes any text.
    #[test]
    fn changed_models_never_panic(
        changes in changes(),
        name in prop::sample::select(vec!["shared", "separate", "legacy"]),
        text in ".{0,40}",
    ) {
        let folder = folder(name);
        let path = folder.path().join("source.spm");
        let mut bytes = std::fs::read(&path).unwrap();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        std::fs::write(&path, bytes).unwrap();
        if let Ok(tokenizer) = load(&folder) {
            let ids = tokenizer.encode(&text, Role::Source, true).unwrap().ids;
            tokenizer.decode(&ids, Role::Source, false).unwrap();
        }
    }

    /// The same of families that the `tokenizers` crate runs.
    #[test]
    fn changed_files_of_families_never_panic(
        changes in changes(),
        (name, file) in prop::sample::select(vec![
            ("gpt2", "vocab.json"), ("gpt2", "merges.txt"), ("qwen2", "tokenizer_config.json"), ("t5", "spiece.model"),
            ("pegasus", "spiece.model"), ("mbart50", "sentencepiece.bpe.model"), ("nllb", "sentencepiece.bpe.model"),
            ("nllb", "tokenizer_config.json"), ("llama", "tokenizer.model"), ("mistral", "tokenizer.model"),
            ("m2m_100", "sentencepiece.bpe.model"), ("m2m_100", "vocab.json"), ("byt5", "tokenizer_config.json"),
        ]),
        text in ".{0,40}",
    ) {
        let folder = folder(name);
        let path = folder.path().join(file);
        let mut bytes = std::fs::read(&path).unwrap();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        std::fs::write(&path, bytes).unwrap();
        if let Ok(tokenizer) = load(&folder) {
            for role in [Role::Source, Role::Target] {
                if let Ok(encoding) = tokenizer.encode(&text, role, true) {
                    let _ = tokenizer.decode(&encoding.ids, role, false);
                }
            }
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let folder = folder("legacy");
        std::fs::write(folder.path().join("source.spm"), &bytes).unwrap();
        let _ = load(&folder);
        std::fs::write(folder.path().join("tokenizer_config.json"), &bytes).unwrap();
        let _ = load(&folder);
    }

    /// Offsets say where in the text each id is: in order, at characters, inside the text.
    #[test]
    fn offsets_are_places_of_the_text(
        text in "(\\PC|[ \t\n▁ﬁ…é中😀]|</s>|<ent>|foo|>>fra<<|\u{301}|\u{200d}){0,30}",
        name in prop::sample::select(vec!["shared", "separate", "added", "legacy"]),
    ) {
        let tokenizer = load(&folder(name)).unwrap();
        for role in [Role::Source, Role::Target] {
            let encoding = tokenizer.encode(&text, role, true).unwrap();
            let offsets = encoding.offsets.unwrap();
            prop_assert_eq!(encoding.ids.len(), offsets.len());
            prop_assert_eq!(encoding.ids.len(), encoding.special.len());
            let mut last = 0;
            for range in offsets {
                prop_assert!(text.get(range.clone()).is_some(), "{:?} of {:?}", range, text);
                prop_assert!(range.start >= last, "{:?} after {}", range, last);
                last = range.start;
            }
        }
    }
}
