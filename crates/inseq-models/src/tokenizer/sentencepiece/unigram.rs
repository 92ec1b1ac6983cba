//! The most probable cut of a normalized text.

use std::collections::HashMap;

use super::proto::{Piece, PieceType};

/// How much less probable than the least probable piece an unknown character is.
const UNKNOWN_PENALTY: f32 = 10.0;

/// Pieces with their log probabilities.
#[derive(Debug)]
pub(super) struct Unigram {
    scores: HashMap<Vec<u8>, f32>,
    longest: usize,
    unknown_score: f32,
    /// Whether unknown characters are cut into pieces of bytes.
    byte_fallback: bool,
}

#[derive(Clone, Copy)]
struct Best {
    score: f32,
    start: Option<usize>,
    unknown: bool,
}

impl Unigram {
    pub(super) fn new(pieces: &[Piece]) -> Result<Self, String> {
        let normal = |p: &&Piece| p.piece_type() == PieceType::Normal;
        let least = pieces.iter().filter(normal).map(Piece::score).fold(f32::MAX, f32::min);
        let most = pieces.iter().filter(normal).map(Piece::score).fold(f32::MIN_POSITIVE, f32::max);
        let mut scores = HashMap::new();
        for piece in pieces {
            let text = piece.piece();
            let score = match piece.piece_type() {
                PieceType::Normal => piece.score(),
                PieceType::UserDefined => (text.chars().count() as f32).mul_add(most, -0.1),
                _ => continue,
            };
            if text.is_empty() {
                return Err("a piece is empty".into());
            }
            if !score.is_finite() {
                return Err(format!("the score of the piece {text:?} is {score}"));
            }
            scores.insert(text.as_bytes().to_vec(), score);
        }
        if scores.is_empty() {
            return Err("it has no pieces".into());
        }
        let longest = scores.keys().map(Vec::len).max().unwrap_or(0);
        let byte_fallback = pieces.iter().any(|p| p.piece_type() == PieceType::Byte);
        Ok(Self { scores, longest, unknown_score: least - UNKNOWN_PENALTY, byte_fallback })
    }

    /// The pieces of the best cut (Viterbi); a run of unknown characters is one piece.
    pub(super) fn encode(&self, text: &str) -> Vec<String> {
        let bytes = text.as_bytes();
        let mut best = vec![Best { score: 0.0, start: None, unknown: false }; bytes.len() + 1];
        let mut start = 0;
        while start < bytes.len() {
            let here = best[start].score;
            let first = text[start..].chars().next().map_or(1, char::len_utf8);
            let mut has_single = false;
            for end in start + 1..=(start + self.longest).min(bytes.len()) {
                if !text.is_char_boundary(end) {
                    continue;
                }
                let Some(score) = self.scores.get(&bytes[start..end]) else { continue };
                let candidate = here + score;
                if best[end].start.is_none() || candidate > best[end].score {
                    best[end] = Best { score: candidate, start: Some(start), unknown: false };
                }
                has_single |= end - start == first;
            }
            if !has_single {
                let end = start + first;
                let candidate = here + self.unknown_score;
                if best[end].start.is_none() || candidate > best[end].score {
                    best[end] = Best { score: candidate, start: Some(start), unknown: true };
                }
            }
            start += first;
        }
        let mut cuts = Vec::new();
        let mut end = bytes.len();
        while let Some(start) = best[end].start {
            cuts.push((start, end, best[end].unknown));
            end = start;
        }
        let mut pieces: Vec<String> = Vec::with_capacity(cuts.len());
        let mut after_unknown = false;
        for (start, end, unknown) in cuts.into_iter().rev() {
            let piece = &text[start..end];
            if unknown && self.byte_fallback {
                pieces.extend(piece.bytes().map(|b| format!("<0x{b:02X}>")));
            } else if let Some(last) = pieces.last_mut().filter(|_| unknown && after_unknown) {
                last.push_str(piece);
            } else {
                pieces.push(piece.to_string());
            }
            after_unknown = unknown;
        }
        pieces
    }
}
