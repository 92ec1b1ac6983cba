//! The pieces of a SentencePiece model, which each family numbers in its own way.

use crate::Result;
use crate::tokenizer::added::AddedToken;
use crate::tokenizer::sentencepiece::proto::{ModelProto, ModelType, PieceType, TrainerSpec};
use crate::tokenizer::sentencepiece::read_model;

/// The parts of a SentencePiece model for a tokenizer of the `tokenizers` crate.
pub(super) struct Pieces {
    pub(super) scored: Vec<(String, f64)>,
    /// Symbols that the model never cuts: control symbols, which are special, and user-defined symbols.
    pub(super) declared: Vec<AddedToken>,
    /// Normalization rules, if any.
    pub(super) rules: Option<Vec<u8>>,
    pub(super) trainer: TrainerSpec,
}

impl Pieces {
    pub(super) fn parse(file: &str, bytes: &[u8]) -> Result<Self> {
        let ModelProto { pieces, trainer_spec, normalizer_spec, .. } = read_model(file, bytes)?;
        let declared = pieces
            .iter()
            .filter(|piece| matches!(piece.r#type(), PieceType::Control | PieceType::UserDefined))
            .map(|piece| AddedToken {
                special: piece.r#type() == PieceType::Control,
                normalized: Some(false),
                ..AddedToken::plain(piece.piece())
            })
            .collect();
        let scored = pieces.iter().map(|piece| (piece.piece().to_string(), f64::from(piece.score()))).collect();
        let rules = normalizer_spec.and_then(|spec| spec.precompiled_charsmap).filter(|rules| !rules.is_empty());
        Ok(Self { scored, declared, rules, trainer: trainer_spec.unwrap_or_default() })
    }

    pub(super) fn is_unigram(&self) -> bool {
        self.trainer.model_type() == ModelType::Unigram
    }
}
