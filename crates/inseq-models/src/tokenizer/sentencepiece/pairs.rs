//! Merging of byte pairs (Sennrich et al., 2016, <https://arxiv.org/abs/1508.07909>) in a normalized text.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashMap};

use super::Cut;
use super::proto::PieceType;
use super::vocabulary::Vocabulary;

/// Pieces with their scores, which define the order of merges.
#[derive(Debug)]
pub(super) struct Pairs {
    scores: HashMap<Box<str>, f32>,
    /// Pieces that are not cut, longest first.
    user_defined: Vec<Box<str>>,
}

/// A part of the text, in a list of parts.
#[derive(Clone, Copy)]
struct Symbol {
    start: usize,
    end: usize,
    previous: Option<usize>,
    next: Option<usize>,
    is_whole: bool,
}

/// Two adjacent parts that could be merged.
struct Candidate {
    score: f32,
    left: usize,
    right: usize,
    /// Length of both parts in bytes; it identifies outdated candidates.
    length: usize,
}

impl Ord for Candidate {
    /// The best score first, then the leftmost.
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then_with(|| other.left.cmp(&self.left))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Candidate {}

impl Pairs {
    pub(super) fn new(vocabulary: &Vocabulary) -> Result<Self, String> {
        let mut scores = HashMap::new();
        let mut user_defined: Vec<Box<str>> = Vec::new();
        for piece in vocabulary.pieces() {
            if !piece.score.is_finite() {
                return Err(format!("the score of the piece {:?} is {}", piece.text, piece.score));
            }
            match piece.kind {
                PieceType::Normal | PieceType::Unused => {}
                PieceType::UserDefined => user_defined.push(piece.text.into()),
                PieceType::Unknown | PieceType::Control | PieceType::Byte => continue,
            }
            // A positive zero, so that zeros of either sign are equal.
            scores.insert(piece.text.into(), piece.score + 0.0);
        }
        if scores.is_empty() {
            return Err("it has no pieces".into());
        }
        user_defined.sort_unstable_by_key(|piece| Reverse(piece.len()));
        Ok(Self { scores, user_defined })
    }

    /// The parts that remain when no two of them can be merged.
    pub(super) fn cut(&self, text: &str, vocabulary: &Vocabulary) -> Vec<Cut> {
        let mut symbols = self.symbols(text);
        let mut candidates = BinaryHeap::new();
        // Pieces that are used for nothing but larger ones fall apart again, into what they were made of.
        let mut made_of: HashMap<&str, usize> = HashMap::new();
        let mut propose = |symbols: &[Symbol], candidates: &mut BinaryHeap<Candidate>, left: usize, right: usize| {
            let (a, b) = (symbols[left], symbols[right]);
            let whole = &text[a.start..b.end];
            if a.is_whole || b.is_whole {
                return;
            }
            if let Some(&score) = self.scores.get(whole) {
                candidates.push(Candidate { score, left, right, length: whole.len() });
                if vocabulary.kind(whole) == PieceType::Unused {
                    made_of.insert(whole, a.end - a.start);
                }
            }
        };
        for right in 1..symbols.len() {
            propose(&symbols, &mut candidates, right - 1, right);
        }
        while let Some(Candidate { left, right, length, .. }) = candidates.pop() {
            let (a, b) = (symbols[left], symbols[right]);
            let is_outdated = a.start == a.end || b.start == b.end || a.end - a.start + b.end - b.start != length;
            if is_outdated {
                continue;
            }
            symbols[left].end = b.end;
            symbols[left].next = b.next;
            symbols[right].end = b.start;
            if let Some(next) = b.next {
                symbols[next].previous = Some(left);
                propose(&symbols, &mut candidates, left, next);
            }
            if let Some(previous) = a.previous {
                propose(&symbols, &mut candidates, previous, left);
            }
        }
        let mut cuts = Vec::new();
        for symbol in symbols.iter().filter(|symbol| symbol.start < symbol.end) {
            // Parts still to be looked at, the leftmost on top.
            let mut parts = vec![(symbol.start, symbol.end)];
            while let Some((start, end)) = parts.pop() {
                let piece = &text[start..end];
                let kind = vocabulary.kind(piece);
                match made_of.get(piece).filter(|_| kind == PieceType::Unused) {
                    Some(&length) => parts.extend([(start + length, end), (start, start + length)]),
                    None => cuts.push(Cut { start, end, is_unknown: kind == PieceType::Unknown }),
                }
            }
        }
        cuts
    }

    /// The characters of a text, with user-defined pieces whole.
    fn symbols(&self, text: &str) -> Vec<Symbol> {
        let mut symbols: Vec<Symbol> = Vec::new();
        let mut start = 0;
        while let Some(first) = text[start..].chars().next() {
            let whole = self.user_defined.iter().find(|piece| text[start..].starts_with(&***piece));
            let end = start + whole.map_or(first.len_utf8(), |piece| piece.len());
            let index = symbols.len();
            if let Some(last) = symbols.last_mut() {
                last.next = Some(index);
            }
            symbols.push(Symbol { start, end, previous: index.checked_sub(1), next: None, is_whole: whole.is_some() });
            start = end;
        }
        symbols
    }
}
