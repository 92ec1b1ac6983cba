//! SentencePiece unigram models (Kudo & Richardson, 2018, <https://arxiv.org/abs/1808.06226>), cutting exactly as the
//! original library does: its normalization by longest prefix, its scores in single precision, its order of ties.

mod normalizer;
mod proto;
mod unigram;

use indexmap::IndexMap;
use prost::Message;

use crate::{Error, Result};
use normalizer::Normalizer;
use proto::{ModelProto, PieceType};
use unigram::Unigram;

/// Stands for a space inside pieces.
const SPACE: &str = "▁";

/// A SentencePiece model.
#[derive(Debug)]
pub(super) struct SentencePiece {
    normalizer: Normalizer,
    unigram: Unigram,
    types: IndexMap<String, PieceType>,
    /// What an unknown piece is shown as.
    unknown_surface: String,
    strips_leading_space: bool,
}

impl SentencePiece {
    /// Reads a `.spm` or `.model` file.
    pub(super) fn parse(file: &str, bytes: &[u8]) -> Result<Self> {
        let invalid = |message: String| Error::Checkpoint { file: file.to_string(), message };
        let model = ModelProto::decode(bytes).map_err(|e| invalid(format!("not a SentencePiece model: {e}")))?;
        let trainer = model.trainer_spec.unwrap_or_default();
        if trainer.model_type() != proto::ModelType::Unigram {
            return Err(invalid(format!("expected a unigram model, found {:?}", trainer.model_type())));
        }
        if trainer.treat_whitespace_as_suffix {
            return Err(invalid("`treat_whitespace_as_suffix` is not supported".into()));
        }
        let spec = model.normalizer_spec.unwrap_or_default();
        let strips_leading_space = spec.add_dummy_prefix() || spec.remove_extra_whitespaces();
        let user_defined: Vec<String> = model
            .pieces
            .iter()
            .filter(|p| p.piece_type() == PieceType::UserDefined)
            .map(|p| p.piece().to_string())
            .collect();
        let normalizer = Normalizer::new(&spec, user_defined).map_err(invalid)?;
        let unigram = Unigram::new(&model.pieces).map_err(invalid)?;
        let types = model.pieces.iter().map(|p| (p.piece().to_string(), p.piece_type())).collect();
        let unknown_surface = trainer.unk_surface.unwrap_or_else(|| " \u{2047} ".into());
        Ok(Self { normalizer, unigram, types, unknown_surface, strips_leading_space })
    }

    /// The pieces of a text; runs of unknown characters are one piece.
    pub(super) fn encode(&self, text: &str) -> Vec<String> {
        self.unigram.encode(&self.normalizer.normalize(text))
    }

    /// The text of pieces.
    pub(super) fn decode(&self, pieces: &[&str]) -> String {
        let mut out = Vec::new();
        let mut at_start = true;
        for piece in pieces {
            match self.types.get(*piece) {
                Some(PieceType::Control) => {}
                Some(PieceType::Unknown) => {
                    out.extend_from_slice(self.unknown_surface.as_bytes());
                    at_start = false;
                }
                // What the model does not know is shown as it is.
                None => {
                    out.extend_from_slice(piece.as_bytes());
                    at_start = false;
                }
                Some(PieceType::Byte) => {
                    let byte =
                        piece.strip_prefix("<0x").and_then(|p| u8::from_str_radix(p.strip_suffix('>')?, 16).ok());
                    out.extend(byte);
                    at_start = false;
                }
                Some(_) => {
                    let piece = if at_start && self.strips_leading_space {
                        piece.strip_prefix(SPACE).unwrap_or(piece)
                    } else {
                        piece
                    };
                    at_start &= piece.is_empty();
                    out.extend_from_slice(piece.replace(SPACE, " ").as_bytes());
                }
            }
        }
        String::from_utf8_lossy(&out).into_owned()
    }
}
