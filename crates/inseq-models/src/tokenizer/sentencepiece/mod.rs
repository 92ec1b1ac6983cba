//! SentencePiece models (Kudo & Richardson, 2018, <https://arxiv.org/abs/1808.06226>), unigram and byte pairs, with exactly the
//! cuts of the original library: its normalization by longest prefix, its scores in single precision, its order
//! of ties.
//!
//! The models of the `tokenizers` crate add scores in double precision, normalize by grapheme, and cut
//! control symbols out of a text, so their cuts are not always the same. `families` uses that crate for the tokenizers that
//! transformers builds with it. The models here are for the tokenizers that transformers runs with SentencePiece.

mod normalizer;
mod pairs;
pub(super) mod proto;
mod rules;
mod unigram;
mod vocabulary;

use std::ops::Range;

use inseq_core::text::byte_of_piece;
use prost::Message;

use crate::{Error, Result};
use normalizer::Normalizer;
use pairs::Pairs;
use proto::{ModelProto, ModelType, PieceType};
use unigram::Unigram;
use vocabulary::Vocabulary;

/// Stands for a space inside pieces.
const SPACE: &str = "▁";

/// A SentencePiece model.
#[derive(Debug)]
pub(super) struct SentencePiece {
    normalizer: Normalizer,
    denormalizer: Option<Normalizer>,
    cutter: Cutter,
    vocabulary: Vocabulary,
    /// Text of an unknown piece.
    unknown_surface: String,
    byte_fallback: bool,
    add_dummy_prefix: bool,
    remove_extra_whitespaces: bool,
}

/// Algorithm that cuts a normalized text.
#[derive(Debug)]
enum Cutter {
    Unigram(Unigram),
    Pairs(Pairs),
}

/// A piece of the normalized text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cut {
    start: usize,
    end: usize,
    is_unknown: bool,
}

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) text: String,
    /// Byte range of the piece in the original text.
    pub(super) range: Range<usize>,
}

impl SentencePiece {
    /// Reads a `.spm` or `.model` file.
    pub(super) fn parse(file: &str, bytes: &[u8]) -> Result<Self> {
        let invalid = |message: String| Error::checkpoint(file.to_string(), message);
        let model = read_model(file, bytes)?;
        let trainer = model.trainer_spec.unwrap_or_default();
        if trainer.treat_whitespace_as_suffix {
            return Err(invalid("`treat_whitespace_as_suffix` is not supported".into()));
        }
        let vocabulary = Vocabulary::new(&model.pieces, trainer.byte_fallback).map_err(invalid)?;
        let cutter = match trainer.model_type() {
            ModelType::Unigram => Cutter::Unigram(Unigram::new(&vocabulary).map_err(invalid)?),
            ModelType::Bpe => Cutter::Pairs(Pairs::new(&vocabulary).map_err(invalid)?),
            other => return Err(invalid(format!("expected a model of unigrams or byte pairs (Bpe), found {other:?}"))),
        };
        let user_defined =
            vocabulary.pieces().filter(|p| p.kind == PieceType::UserDefined).map(|p| p.text.to_string()).collect();
        let spec = model.normalizer_spec.unwrap_or_default();
        let normalizer = Normalizer::new(&spec, user_defined).map_err(invalid)?;
        let denormalizer = model.denormalizer_spec.filter(|spec| !spec.precompiled_charsmap().is_empty());
        let denormalizer = denormalizer.map(|spec| Normalizer::new(&spec, Vec::new())).transpose().map_err(invalid)?;
        Ok(Self {
            normalizer,
            denormalizer,
            cutter,
            vocabulary,
            unknown_surface: trainer.unk_surface.unwrap_or_else(|| " \u{2047} ".into()),
            byte_fallback: trainer.byte_fallback,
            add_dummy_prefix: spec.add_dummy_prefix(),
            remove_extra_whitespaces: spec.remove_extra_whitespaces(),
        })
    }

    /// The piece with an index in the model.
    pub(super) fn piece(&self, id: usize) -> Option<&str> {
        self.vocabulary.get(id)
    }

    /// The bytes of the text that a piece represents after other pieces.
    pub(super) fn bytes(&self, piece: &str) -> Vec<u8> {
        super::pieces::of_sentencepiece(piece, self.vocabulary.kind(piece) == PieceType::Byte)
    }

    /// The pieces of a text. A run of unknown characters is one piece, or its bytes if the model has pieces for them.
    pub(super) fn encode(&self, text: &str) -> Vec<Piece> {
        let normalized = self.normalizer.normalize(text);
        let mut pieces: Vec<Piece> = Vec::new();
        let mut after_unknown = false;
        let cuts = match &self.cutter {
            Cutter::Unigram(unigram) => unigram.cut(&normalized.text),
            Cutter::Pairs(pairs) => pairs.cut(&normalized.text, &self.vocabulary),
        };
        for cut in cuts {
            let piece = &normalized.text[cut.start..cut.end];
            let range = normalized.origin[cut.start]..normalized.origin[cut.end];
            if cut.is_unknown && self.byte_fallback {
                // The last byte stands for the character; the others for nothing.
                let place = |i| if i + 1 == piece.len() { range.clone() } else { range.start..range.start };
                pieces.extend(
                    piece.bytes().enumerate().map(|(i, b)| Piece { text: format!("<0x{b:02X}>"), range: place(i) }),
                );
            } else if let Some(last) = pieces.last_mut().filter(|_| cut.is_unknown && after_unknown) {
                last.text.push_str(piece);
                last.range.end = range.end;
            } else {
                pieces.push(Piece { text: piece.to_string(), range });
            }
            after_unknown = cut.is_unknown;
        }
        pieces
    }

    /// The text of pieces.
    pub(super) fn decode(&self, pieces: &[&str]) -> String {
        let mut out = String::new();
        let mut bytes = Vec::new();
        let mut at_start = true;
        for &piece in pieces {
            let kind = self.vocabulary.kind(piece);
            if kind == PieceType::Byte {
                bytes.extend(byte_of_piece(piece));
                continue;
            }
            push_bytes(&mut out, &mut bytes);
            at_start &= out.is_empty();
            match kind {
                PieceType::Control => {}
                PieceType::Unknown if piece == self.vocabulary.unknown() => out += &self.unknown_surface,
                // What the model does not know is shown as it is.
                PieceType::Unknown => out += piece,
                _ => {
                    let strips = at_start && (self.add_dummy_prefix || self.remove_extra_whitespaces);
                    let stripped = piece.strip_prefix(SPACE).filter(|_| strips);
                    // Without `remove_extra_whitespaces` only the first space is the model's own.
                    at_start &= stripped.is_none() || self.remove_extra_whitespaces;
                    out += &stripped.unwrap_or(piece).replace(SPACE, " ");
                }
            }
        }
        push_bytes(&mut out, &mut bytes);
        match &self.denormalizer {
            Some(denormalizer) => denormalizer.normalize(&out).text,
            None => out,
        }
    }
}

/// Parses a `.spm` or `.model` file.
pub(super) fn read_model(file: &str, bytes: &[u8]) -> Result<ModelProto> {
    ModelProto::decode(bytes)
        .map_err(|e| Error::checkpoint(file, format!("not a SentencePiece model: {e}")).caused_by(e))
}

/// Moves a run of bytes into a text; each byte of an incomplete character becomes U+FFFD.
fn push_bytes(out: &mut String, bytes: &mut Vec<u8>) {
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        let valid = match std::str::from_utf8(rest) {
            Ok(text) => text.len(),
            Err(e) => e.valid_up_to(),
        };
        out.push_str(std::str::from_utf8(&rest[..valid]).unwrap_or_default());
        rest = &rest[valid..];
        if let Some((_, after)) = rest.split_first() {
            out.push(char::REPLACEMENT_CHARACTER);
            rest = after;
        }
    }
    bytes.clear();
}
