//! The pieces of tokens, beside the reference's layout.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Piece, Token};

/// The [`Piece`] of each token of a text, in the form of saved results. Programs with file formats of their own use it as well.
///
/// ```
/// use inseq_core::{Piece, SavedPieces, Token};
///
/// let tokens = [Token::new("▁so", 7).with_piece(Piece::Text(b" so".to_vec()))];
/// let saved = SavedPieces::of(&tokens);
/// let mut read = [Token::new("▁so", 7)];
/// saved.iter().for_each(|saved| saved.restore(&mut read));
/// assert_eq!(read, tokens);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct SavedPieces {
    /// The text of each token; empty if it has none.
    pieces: Vec<SavedPiece>,
    /// Positions of tokens without text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    special: Vec<usize>,
    /// Positions of tokens with unknown text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unknown: Vec<usize>,
    /// Text before a token that no token represents, by the position of the token.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    skipped: BTreeMap<usize, String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(untagged, expecting = "expected a text, or a list of bytes")]
enum SavedPiece {
    Text(String),
    /// Bytes that are not a whole number of characters.
    Bytes(Vec<u8>),
}

impl SavedPieces {
    /// The pieces of a text's tokens, if all are known.
    pub fn of(tokens: &[Token]) -> Option<Self> {
        let mut saved = Self::default();
        for (position, token) in tokens.iter().enumerate() {
            if !token.skipped.is_empty() {
                saved.skipped.insert(position, token.skipped.clone());
            }
            saved.pieces.push(match token.piece.as_ref()? {
                Piece::Text(bytes) => match std::str::from_utf8(bytes) {
                    Ok(text) => SavedPiece::Text(text.to_owned()),
                    Err(_) => SavedPiece::Bytes(bytes.clone()),
                },
                Piece::Unknown(text) => {
                    saved.unknown.push(position);
                    SavedPiece::Text(text.clone())
                }
                Piece::Special => {
                    saved.special.push(position);
                    SavedPiece::Text(String::new())
                }
            });
        }
        (!tokens.is_empty()).then_some(saved)
    }

    /// Sets the pieces of tokens. If the number of tokens differs, because another program changed them, they get
    /// no pieces.
    pub fn restore(&self, tokens: &mut [Token]) {
        if tokens.len() != self.pieces.len() {
            return;
        }
        for (position, (token, piece)) in tokens.iter_mut().zip(&self.pieces).enumerate() {
            token.skipped = self.skipped.get(&position).cloned().unwrap_or_default();
            let is_unknown = self.unknown.contains(&position);
            token.piece = Some(match piece {
                _ if self.special.contains(&position) => Piece::Special,
                SavedPiece::Text(text) if is_unknown => Piece::Unknown(text.clone()),
                SavedPiece::Text(text) => Piece::Text(text.clone().into()),
                SavedPiece::Bytes(bytes) => Piece::Text(bytes.clone()),
            });
        }
    }
}
