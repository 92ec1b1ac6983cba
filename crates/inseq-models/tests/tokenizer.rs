//! Tokenizers against transformers' ids and texts, over 500 strings (`tests/reference/tokenizer_golden.py`).

mod tokenizer_fixtures;

use indexmap::IndexMap;
use inseq_models::checkpoint::{HubOptions, Repository};
use inseq_models::tokenizer::{Role, Tokenizer};
use serde::Deserialize;
use tokenizer_fixtures::Special;

#[derive(Deserialize)]
struct Golden {
    source: Vec<Vec<u32>>,
    #[serde(default)]
    target: Vec<Vec<u32>>,
    mask: Vec<String>,
    decoded: Vec<String>,
    decoded_skip: Vec<String>,
    #[serde(default)]
    decoded_as_source: Vec<String>,
    #[serde(default)]
    offsets: Vec<Option<Vec<[usize; 2]>>>,
    ids: Vec<Vec<u32>>,
    ids_decoded: Vec<String>,
    ids_decoded_skip: Vec<String>,
    tokens: IndexMap<u32, String>,
    special: Special,
}

struct Case {
    tokenizer: Tokenizer,
    golden: Golden,
    strings: Vec<String>,
}

fn case(name: &str) -> Case {
    let folder = tokenizer_fixtures::folder(name);
    let repository = Repository::open(folder.path().to_str().unwrap(), &HubOptions::default()).unwrap();
    Case {
        tokenizer: Tokenizer::load(&repository).unwrap(),
        golden: tokenizer_fixtures::json(&format!("{name}/golden.json.gz")),
        strings: tokenizer_fixtures::json("strings.json"),
    }
}

/// All differences at once, so that one run shows the pattern.
fn compare<T: PartialEq + std::fmt::Debug>(what: &str, found: impl Iterator<Item = (String, T, T)>) {
    let wrong: Vec<String> = found
        .filter(|(_, found, expected)| found != expected)
        .map(|(of, found, expected)| format!("{of}\n     found {found:?}\n  expected {expected:?}"))
        .collect();
    assert!(wrong.is_empty(), "{what}: {} differ\n{}", wrong.len(), wrong[..wrong.len().min(12)].join("\n"));
}

impl Case {
    fn encodings(&self, role: Role, golden: &[Vec<u32>]) {
        assert_eq!(golden.len(), self.strings.len());
        let ids = |text: &String| self.tokenizer.encode(text, role, true).unwrap().ids;
        compare(
            &format!("{role:?} ids"),
            self.strings.iter().zip(golden).map(|(text, golden)| (format!("{text:?}"), ids(text), golden.clone())),
        );
    }

    fn masks(&self) {
        let mask = |text: &String| {
            let special = self.tokenizer.encode(text, Role::Source, true).unwrap().special;
            special.iter().map(|s| if *s { '1' } else { '0' }).collect::<String>()
        };
        let pairs = self.strings.iter().zip(&self.golden.mask);
        compare("special masks", pairs.map(|(text, golden)| (format!("{text:?}"), mask(text), golden.clone())));
    }

    fn decodings(&self, role: Role, ids: &[Vec<u32>], golden: &[String], skip_special_tokens: bool) {
        assert_eq!(ids.len(), golden.len());
        compare(
            &format!("decoded as {role:?}, skipping special tokens: {skip_special_tokens}"),
            ids.iter().zip(golden).map(|(ids, golden)| {
                let found = self.tokenizer.decode(ids, role, skip_special_tokens).unwrap();
                (format!("{ids:?}"), found, golden.clone())
            }),
        );
    }

    fn tokens(&self, role: Role) {
        let found = |id: u32| self.tokenizer.token(id, role).unwrap_or_default();
        compare("tokens", self.golden.tokens.iter().map(|(&id, golden)| (id.to_string(), found(id), golden.clone())));
        for (&id, token) in &self.golden.tokens {
            let back = self.tokenizer.id(token, role).unwrap();
            assert_eq!(self.golden.tokens[&back], *token, "{id}");
        }
    }

    fn special(&self) {
        self.golden.special.compare(self.tokenizer.special_tokens());
    }
}

fn marian(name: &str) {
    let case = case(name);
    let golden = &case.golden;
    case.special();
    case.encodings(Role::Source, &golden.source);
    case.encodings(Role::Target, &golden.target);
    case.masks();
    case.tokens(Role::Target);
    case.decodings(Role::Target, &golden.target, &golden.decoded, false);
    case.decodings(Role::Target, &golden.target, &golden.decoded_skip, true);
    case.decodings(Role::Target, &golden.ids, &golden.ids_decoded, false);
    case.decodings(Role::Target, &golden.ids, &golden.ids_decoded_skip, true);
    if name != "separate" {
        case.decodings(Role::Source, &golden.source, &golden.decoded_as_source, false);
    }
    let offsets = |text: &String| {
        let offsets = case.tokenizer.encode(text, Role::Source, false).unwrap().offsets.unwrap();
        offsets.into_iter().map(|range| [range.start, range.end]).collect::<Vec<_>>()
    };
    let known = case.strings.iter().zip(&golden.offsets).filter_map(|(text, golden)| Some((text, golden.clone()?)));
    compare("offsets", known.map(|(text, golden)| (format!("{text:?}"), offsets(text), golden)));
}

fn fast(name: &str) {
    let case = case(name);
    let golden = &case.golden;
    case.special();
    case.encodings(Role::Source, &golden.source);
    case.encodings(Role::Target, &golden.source);
    case.masks();
    case.tokens(Role::Target);
    case.decodings(Role::Target, &golden.source, &golden.decoded, false);
    case.decodings(Role::Target, &golden.source, &golden.decoded_skip, true);
    case.decodings(Role::Target, &golden.ids, &golden.ids_decoded, false);
    case.decodings(Role::Target, &golden.ids, &golden.ids_decoded_skip, true);
}

#[test]
fn marian_with_one_vocabulary_equals_transformers() {
    marian("shared");
}

#[test]
fn marian_with_two_vocabularies_bytes_and_symbols_equals_transformers() {
    marian("separate");
}

#[test]
fn marian_with_added_tokens_equals_transformers() {
    marian("added");
}

#[test]
fn marian_with_files_of_older_versions_equals_transformers() {
    marian("legacy");
}

#[test]
fn tokenizer_json_with_unigram_equals_transformers() {
    fast("fast_unigram");
}

#[test]
fn tokenizer_json_with_byte_pairs_equals_transformers() {
    fast("fast_bytes");
}
