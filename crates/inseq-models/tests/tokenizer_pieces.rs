//! What tokens stand for, against the texts that transformers decodes (`tests/reference/tokenizer_families.py`) and the
//! character offsets of the `tokenizers` library (`tests/reference/tokenizer_pieces.py`).

mod tokenizer_fixtures;

use std::ops::Range;

use indexmap::IndexMap;
use inseq_core::Piece;
use inseq_models::checkpoint::{HubOptions, Repository};
use inseq_models::tokenizer::{Role, Tokenizer};
use serde::Deserialize;

fn load(name: &str) -> Tokenizer {
    let folder = tokenizer_fixtures::folder(name);
    let repository = Repository::open(folder.path().to_str().unwrap(), &HubOptions::default()).unwrap();
    Tokenizer::load(&repository).unwrap()
}

#[derive(Deserialize)]
struct Case {
    text: String,
    ids: Vec<u32>,
    /// Characters of the text.
    spans: Vec<(usize, usize)>,
    special: Vec<bool>,
}

fn bytes(piece: &Piece) -> &[u8] {
    match piece {
        Piece::Text(bytes) => bytes,
        Piece::Unknown(text) => text.as_bytes(),
        Piece::Special => b"",
    }
}

/// The characters that each piece shares in, without the space around them.
fn spans(pieces: &[Piece]) -> (String, Vec<Range<usize>>) {
    let all: Vec<u8> = pieces.iter().flat_map(|piece| bytes(piece).to_vec()).collect();
    let text = String::from_utf8(all).unwrap();
    let character = |byte: usize| text.char_indices().take_while(|(start, _)| *start <= byte).count();
    let mut at = 0;
    let spans = pieces.iter().map(|piece| {
        let start = at;
        at += bytes(piece).len();
        if at > start { character(start) - 1..character(at - 1) } else { 0..0 }
    });
    let spans = spans.collect();
    (text.clone(), spans)
}

/// A span without the white space around it.
fn trimmed(text: &[char], span: Range<usize>) -> Range<usize> {
    let start = span.clone().find(|&at| !text[at].is_whitespace());
    let end = span.rev().find(|&at| !text[at].is_whitespace());
    start.zip(end).map_or(0..0, |(start, end)| start..end + 1)
}

#[test]
fn pieces_have_the_characters_of_the_tokens_offsets() {
    let cases: IndexMap<String, Vec<Case>> = tokenizer_fixtures::json("pieces.json");
    let mut wrong = Vec::new();
    let mut checked = 0;
    for (name, cases) in &cases {
        let tokenizer = load(name);
        for case in cases {
            let tokens = tokenizer.tokens(&case.ids, Role::Source, Some(&case.text));
            let skipped: Vec<&str> =
                tokens.iter().map(|token| token.skipped.as_str()).filter(|text| !text.is_empty()).collect();
            assert!(skipped.is_empty(), "{name}: {}: {skipped:?}", case.text);
            let pieces: Vec<Piece> = tokens.into_iter().filter_map(|token| token.piece).collect();
            let special: Vec<bool> = pieces.iter().map(|piece| *piece == Piece::Special).collect();
            assert_eq!(special, case.special, "{name}: {}", case.text);
            let (found, spans) = spans(&pieces);
            // Some tokenizers put a space before the text, and make spaces of line ends.
            let plain = |text: &str| text.trim_start().replace('\n', " ");
            assert_eq!(plain(&found), plain(&case.text), "{name}: {pieces:?}");
            let before = found.chars().count() - found.trim_start().chars().count();
            let (found, given): (Vec<char>, Vec<char>) = (found.chars().collect(), case.text.chars().collect());
            for (token, (piece, span)) in pieces.iter().zip(spans).enumerate() {
                let span = trimmed(&found, span);
                let (start, end) = case.spans[token];
                // Of white space alone, offsets say this or that.
                if span.is_empty() || *piece == Piece::Special {
                    continue;
                }
                checked += 1;
                let span = span.start - before..span.end - before;
                let expected = trimmed(&given, start..end);
                if span != expected {
                    wrong.push(format!("{name}: {:?} token {token}: {span:?}, expected {expected:?}", case.text));
                }
            }
        }
    }
    assert!(checked > 1000, "{checked}");
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}

#[derive(Deserialize)]
struct Golden {
    before: Vec<u32>,
    after: Vec<u32>,
    ids: Vec<Vec<u32>>,
    framed: IndexMap<usize, Vec<u32>>,
    skipped: Vec<Option<String>>,
}

/// Pieces are the decoded text, except the space before it and what tidying up removes.
#[test]
fn pieces_are_the_decoded_text() {
    let strings: Vec<String> = tokenizer_fixtures::json("strings.json");
    let mut wrong = Vec::new();
    let mut checked = 0;
    for name in [
        "bart",
        "bloom_json",
        "byt5",
        "codegen",
        "galactica_json",
        "gemma",
        "gpt2",
        "gpt2_json",
        "gpt_neo",
        "gpt_neox",
        "llama",
        "llama3_json",
        "llama_legacy",
        "m2m_100",
        "mbart",
        "mbart50",
        "mistral",
        "mt5",
        "nllb",
        "nllb_json",
        "opt",
        "pegasus",
        "phi3_json",
        "qwen2",
        "t5",
        "xglm",
    ] {
        let golden: Golden = tokenizer_fixtures::json(&format!("{name}/golden.json.gz"));
        let tokenizer = load(name);
        for (index, ids) in golden.ids.iter().enumerate() {
            let usual = || [&golden.before[..], ids, &golden.after].concat();
            let ids = golden.framed.get(&index).cloned().unwrap_or_else(usual);
            let text = golden.skipped[index].as_ref().unwrap_or(&strings[index]);
            let pieces: Vec<Piece> = ids.iter().map(|&id| tokenizer.piece(id, Role::Source)).collect();
            // Decoding keeps special tokens that were added as others.
            let is_kept = |(id, piece): (&u32, &Piece)| {
                *piece == Piece::Special
                    && tokenizer.decode(&[*id], Role::Source, true).is_ok_and(|text| !text.is_empty())
            };
            let is_unknown = pieces.iter().any(|piece| matches!(piece, Piece::Unknown(_)));
            if is_unknown || ids.iter().zip(&pieces).any(is_kept) {
                continue;
            }
            checked += 1;
            let found: Vec<u8> = pieces.iter().flat_map(|piece| bytes(piece).to_vec()).collect();
            let found = String::from_utf8(found).unwrap_or_default();
            let plain = |text: &str| text.replace(' ', "");
            if plain(&found) != plain(text)
                || found.trim_start_matches(' ') != text.trim_start_matches(' ')
                    && !text.contains(['.', ',', '!', '?', '\''])
            {
                wrong.push(format!("{name}: {found:?}, expected {text:?}"));
            }
        }
    }
    assert!(checked > 5000, "{checked}");
    assert!(wrong.is_empty(), "{} wrong of {checked}\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
}
