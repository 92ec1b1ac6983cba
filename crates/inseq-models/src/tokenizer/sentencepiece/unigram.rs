//! The most probable cut of a normalized text.

use super::Cut;
use super::proto::PieceType;
use super::vocabulary::Vocabulary;

/// Difference between the log probabilities of the least probable piece and an unknown character.
const UNKNOWN_PENALTY: f32 = 10.0;

/// Pieces with their log probabilities.
#[derive(Debug)]
pub(super) struct Unigram {
    /// Sorted by text.
    pieces: Vec<Candidate>,
    unknown_score: f32,
}

#[derive(Debug)]
struct Candidate {
    text: Box<str>,
    /// Score in double precision, as in the original for symbols that are never cut.
    score: f64,
}

#[derive(Clone, Copy)]
struct Best {
    score: f32,
    start: Option<usize>,
    is_unknown: bool,
}

impl Unigram {
    pub(super) fn new(vocabulary: &Vocabulary) -> Result<Self, String> {
        let normal = || vocabulary.pieces().filter(|p| p.kind == PieceType::Normal).map(|p| p.score);
        let least = normal().fold(f32::MAX, f32::min);
        let most = normal().fold(f32::MIN_POSITIVE, f32::max);
        let mut pieces = Vec::new();
        for piece in vocabulary.pieces() {
            let score = match piece.kind {
                PieceType::Normal => f64::from(piece.score),
                // More than any cut of it could have.
                PieceType::UserDefined => f64::from(piece.text.len() as f32 * most) - 0.1,
                _ => continue,
            };
            if !score.is_finite() {
                return Err(format!("the score of the piece {:?} is {score}", piece.text));
            }
            pieces.push(Candidate { text: piece.text.into(), score });
        }
        if pieces.is_empty() {
            return Err("it has no pieces".into());
        }
        pieces.sort_unstable_by(|a, b| a.text.cmp(&b.text));
        Ok(Self { pieces, unknown_score: least - UNKNOWN_PENALTY })
    }

    /// The best cut (Viterbi), the first one of equal ones. Sums are in single precision, as in the original.
    pub(super) fn cut(&self, text: &str) -> Vec<Cut> {
        let bytes = text.as_bytes();
        let mut best = vec![Best { score: 0.0, start: None, is_unknown: false }; bytes.len() + 1];
        for (start, first) in text.char_indices() {
            let here = best[start].score;
            let mut has_single = false;
            self.prefixes(&bytes[start..], |length, score| {
                let candidate = score + f64::from(here);
                let end = &mut best[start + length];
                if end.start.is_none() || candidate > f64::from(end.score) {
                    *end = Best { score: candidate as f32, start: Some(start), is_unknown: false };
                }
                has_single |= length == first.len_utf8();
            });
            if !has_single {
                let candidate = self.unknown_score + here;
                let end = &mut best[start + first.len_utf8()];
                if end.start.is_none() || candidate > end.score {
                    *end = Best { score: candidate, start: Some(start), is_unknown: true };
                }
            }
        }
        let mut cuts = Vec::new();
        let mut end = bytes.len();
        while let Some(start) = best[end].start {
            cuts.push(Cut { start, end, is_unknown: best[end].is_unknown });
            end = start;
        }
        cuts.reverse();
        cuts
    }

    /// Calls `found` with the length and score of each piece that `text` starts with, shortest first.
    fn prefixes(&self, text: &[u8], mut found: impl FnMut(usize, f64)) {
        let mut range = &self.pieces[..];
        for (depth, &byte) in text.iter().enumerate() {
            // All of `range` share the first `depth` bytes and are longer.
            let start = range.partition_point(|p| p.text.as_bytes()[depth] < byte);
            range = &range[start..];
            let end = range.partition_point(|p| p.text.as_bytes()[depth] == byte);
            range = &range[..end];
            if let Some((piece, longer)) = range.split_first()
                && piece.text.len() == depth + 1
            {
                found(depth + 1, piece.score);
                range = longer;
            }
            if range.is_empty() {
                break;
            }
        }
    }
}
