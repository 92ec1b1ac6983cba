//! The files of `tests/fixtures/tokenizer`, some of them compressed.

use std::io::Read as _;
use std::path::PathBuf;

use flate2::read::GzDecoder;
use inseq_models::tokenizer::SpecialTokens;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tempfile::TempDir;

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/tokenizer")
}

fn unpacked(path: &PathBuf) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    if path.extension().is_none_or(|extension| extension != "gz") {
        return bytes;
    }
    let mut out = Vec::new();
    GzDecoder::new(&bytes[..]).read_to_end(&mut out).unwrap();
    out
}

/// A fixture's files, beside a `config.json` where it has none of its own: a repository needs one.
pub fn folder(name: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.json"), "{}").unwrap();
    for entry in std::fs::read_dir(fixtures().join(name)).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap();
        std::fs::write(folder.path().join(file.strip_suffix(".gz").unwrap_or(file)), unpacked(&path)).unwrap();
    }
    folder
}

/// A file of the fixtures.
#[allow(dead_code)] // not every test reads one
pub fn bytes(file: &str) -> Vec<u8> {
    unpacked(&fixtures().join(file))
}

/// A file of the fixtures as JSON.
#[allow(dead_code)] // not every test reads one
pub fn json<T: DeserializeOwned>(file: &str) -> T {
    serde_json::from_slice(&bytes(file)).unwrap()
}

/// Special tokens as transformers has them.
#[allow(dead_code)] // not every test reads them
#[derive(Deserialize)]
pub struct Special {
    pad: Option<u32>,
    eos: Option<u32>,
    unk: Option<u32>,
    bos: Option<u32>,
    all: Vec<u32>,
    model_max_length: Option<usize>,
}

impl Special {
    /// Fails if others are found.
    #[allow(dead_code)] // not every test reads them
    pub fn compare(&self, found: &SpecialTokens) {
        assert_eq!((found.pad, found.eos, found.unk, found.bos), (self.pad, self.eos, self.unk, self.bos));
        assert_eq!(found.all, self.all);
        assert_eq!(found.model_max_length, self.model_max_length);
    }
}
