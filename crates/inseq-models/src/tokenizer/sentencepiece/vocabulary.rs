//! The pieces of a SentencePiece model.

use std::collections::HashMap;

use inseq_core::text::byte_of_piece;

use super::proto::{self, PieceType};

/// Pieces by index and by text.
#[derive(Debug)]
pub(super) struct Vocabulary {
    pieces: Vec<Piece>,
    /// Pieces that occur in cuts of texts.
    cut: HashMap<String, usize>,
    /// Pieces that do not occur in cuts of texts; a name refers to these first.
    reserved: HashMap<String, usize>,
    unknown: usize,
}

#[derive(Debug)]
struct Piece {
    text: String,
    score: f32,
    kind: PieceType,
}

/// Public view of a piece.
pub(super) struct PieceRef<'a> {
    pub(super) text: &'a str,
    pub(super) score: f32,
    pub(super) kind: PieceType,
}

impl Vocabulary {
    pub(super) fn new(pieces: &[proto::Piece], byte_fallback: bool) -> Result<Self, String> {
        let (mut cut, mut reserved, mut unknown) = (HashMap::new(), HashMap::new(), None);
        let mut bytes = [false; 256];
        let mut kept = Vec::with_capacity(pieces.len());
        for (id, piece) in pieces.iter().enumerate() {
            let (text, kind) = (piece.piece().to_string(), piece.r#type());
            if text.is_empty() {
                return Err(format!("piece {id} is empty"));
            }
            let map = match kind {
                PieceType::Normal | PieceType::UserDefined | PieceType::Unused => &mut cut,
                PieceType::Unknown | PieceType::Control | PieceType::Byte => &mut reserved,
            };
            if map.insert(text.clone(), id).is_some() {
                return Err(format!("the piece {text:?} is there twice"));
            }
            if kind == PieceType::Unknown && unknown.replace(id).is_some() {
                return Err("it has two unknown pieces".into());
            }
            if kind == PieceType::Byte {
                let byte = byte_of_piece(&text).filter(|_| byte_fallback);
                let byte = byte.ok_or_else(|| format!("the piece {text:?} is no byte that the model falls back to"))?;
                bytes[usize::from(byte)] = true;
            }
            kept.push(Piece { text, score: piece.score(), kind });
        }
        if byte_fallback && bytes.contains(&false) {
            return Err("it falls back to bytes and lacks some of the 256".into());
        }
        let unknown = unknown.ok_or("it has no unknown piece")?;
        Ok(Self { pieces: kept, cut, reserved, unknown })
    }

    pub(super) fn pieces(&self) -> impl Iterator<Item = PieceRef<'_>> {
        self.pieces.iter().map(|p| PieceRef { text: &p.text, score: p.score, kind: p.kind })
    }

    /// The piece with an index.
    pub(super) fn get(&self, id: usize) -> Option<&str> {
        self.pieces.get(id).map(|p| p.text.as_str())
    }

    /// The kind of a piece; a text that is not a piece is unknown.
    pub(super) fn kind(&self, text: &str) -> PieceType {
        let id = self.reserved.get(text).or_else(|| self.cut.get(text)).unwrap_or(&self.unknown);
        self.pieces[*id].kind
    }

    /// Text of the unknown piece.
    pub(super) fn unknown(&self) -> &str {
        &self.pieces[self.unknown].text
    }
}
