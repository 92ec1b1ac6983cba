//! The text of tokens, and the words and sentences of this text.
//!
//! The text of a token comes from its tokenizer ([`Token::piece`]). Without it (in a file of the
//! reference, or for tokens made by hand), [`pieces`] reads the spelling of the tokens.
//!
//! Words and sentences are those of the text by Unicode's rules, not the marks of the tokens. Each group is a run of whole
//! tokens: tokens that share a character stay together, and a special token is a group of its own.
//!
//! ```
//! use inseq_core::{Token, text};
//!
//! let tokens = ["▁The", "▁nur", "se", "▁left", ".", "▁She", "▁ran", ".", "</s>"].map(|token| Token::new(token, 1));
//! assert_eq!(text::words(&tokens), [0..1, 1..3, 3..5, 5..6, 6..8, 8..9]);
//! assert_eq!(text::sentences(&tokens), [0..5, 5..8, 8..9]);
//! ```

mod bounds;
mod characters;
mod parts;
mod search;
mod sentences;
mod spelling;

use std::ops::Range;

pub use characters::characters;
pub use parts::{paragraph_spans, sentence_spans, trimmed};
pub use search::find;
pub use spelling::{byte_of_character, byte_of_piece, compared, pieces, pieces_as_in};

use crate::{Piece, Token};

/// Stands for unknown text: a letter without a case, which begins no sentence and ends no word.
const UNKNOWN: &str = "ℵ";

/// Token spans of the words; every token is in one span.
///
/// A word is a run of characters without white space, with its punctuation (`late.`, `don't`, `[12]`). White space belongs to
/// the word after it; a line end is a word of its own. Chinese, Japanese, Thai, Lao, Khmer and Burmese are written without spaces.
/// There Unicode's word bounds (UAX #29) also end words. Without a dictionary these are the bounds of characters, so a token of
/// several characters is a word of its own. Punctuation belongs to the word before it; an opening bracket to the word after it.
///
/// Tokens without space marks, and without a piece from a tokenizer, are words of their own.
pub fn words(tokens: &[Token]) -> Vec<Range<usize>> {
    let spelled = spelling::spelled(tokens);
    if !spelled.has_spaces {
        return (0..tokens.len()).map(|token| token..token + 1).collect();
    }
    // A token of several words is one with the rest of its last word.
    groups(tokens, &spelled.pieces, bounds::words, |run, token| run.letter_before(token))
}

/// Token spans of the sentences, by the rules of [`sentence_spans`]; every token is in one span. Line ends belong to the sentence before
/// them. A token that crosses the end of a sentence belongs to the sentence that it begins in.
pub fn sentences(tokens: &[Token]) -> Vec<Range<usize>> {
    groups(tokens, &pieces(tokens), self::sentences::starts, |run, token| run.first_letter(token - 1))
}

/// Runs of tokens in the same part of the text; `bounds` are the starts of the parts. A token is in the same part as the tokens
/// before it if its first letter is in the same part as the letter `before` it.
fn groups(
    tokens: &[Token],
    pieces: &[Piece],
    bounds: fn(&str) -> Vec<usize>,
    before: fn(&Run, usize) -> usize,
) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    let mut next = 0;
    while next < pieces.len() {
        if pieces[next] == Piece::Special {
            groups.push(next..next + 1);
            next += 1;
            continue;
        }
        let special = pieces[next..].iter().position(|piece| *piece == Piece::Special);
        let end = special.map_or(pieces.len(), |length| next + length);
        let run = Run::new(&tokens[next..end], &pieces[next..end]);
        let starts = bounds(&run.text);
        let part = |place: usize| starts.partition_point(|&start| start <= place);
        for (token, place) in run.places.iter().enumerate() {
            let goes_on = || {
                let first = run.first_letter(token);
                // Spaces go with the letters after them, or before them at the end.
                let is_space = first < place.start || first == run.first_letter(token - 1);
                place.is_inside || is_space || part(first) == part(before(&run, token))
            };
            match groups.last_mut().filter(|_| token > 0 && goes_on()) {
                Some(group) => group.end = next + token + 1,
                None => groups.push(next + token..next + token + 1),
            }
        }
        next = end;
    }
    groups
}

/// The text of a run of tokens without special tokens.
struct Run {
    text: String,
    places: Vec<Place>,
}

/// Position at which a token starts in the text.
struct Place {
    /// Byte at the start of the character in which the token begins.
    start: usize,
    /// Whether the token begins inside this character.
    is_inside: bool,
}

impl Run {
    fn new(tokens: &[Token], pieces: &[Piece]) -> Self {
        let mut bytes: Vec<u8> = Vec::new();
        let starts: Vec<usize> = tokens
            .iter()
            .zip(pieces)
            .map(|(token, piece)| {
                bytes.extend(token.skipped.as_bytes());
                let start = bytes.len();
                match piece {
                    Piece::Text(text) => bytes.extend(text),
                    Piece::Unknown(text) if !text.is_empty() => bytes.extend(text.as_bytes()),
                    Piece::Unknown(_) | Piece::Special => bytes.extend(UNKNOWN.as_bytes()),
                }
                start
            })
            .collect();
        let mut text = String::with_capacity(bytes.len());
        // Where each byte's character begins in the text.
        let mut characters = Vec::with_capacity(bytes.len() + 1);
        for chunk in bytes.utf8_chunks() {
            for character in chunk.valid().chars() {
                characters.extend(std::iter::repeat_n(text.len(), character.len_utf8()));
                text.push(character);
            }
            for _ in chunk.invalid() {
                characters.push(text.len());
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        characters.push(text.len());
        let places = starts.into_iter().map(|start| Place {
            start: characters[start],
            is_inside: start > 0 && start < bytes.len() && characters[start - 1] == characters[start],
        });
        Self { places: places.collect(), text }
    }

    /// The bytes of the text that each token stands for; halves of a character both stand for all of it. `tokens` are those of
    /// the run.
    fn spans(&self, tokens: &[Token]) -> Vec<Range<usize>> {
        let end = |next: usize| match self.places.get(next) {
            None => self.text.len(),
            Some(Place { start, is_inside: true }) => {
                start + self.text[*start..].chars().next().map_or(0, char::len_utf8)
            }
            Some(Place { start, is_inside: false }) => start - tokens[next].skipped.len(),
        };
        self.places.iter().enumerate().map(|(token, place)| place.start..end(token + 1).max(place.start)).collect()
    }

    /// The place of a token's first letter: the first character in it or after it that is not a space. Spaces at the end of the
    /// text belong to the letter before them.
    fn first_letter(&self, token: usize) -> usize {
        let start = self.places[token].start;
        let rest = &self.text[start..];
        let first = start + rest.len() - rest.trim_start_matches(is_space).len();
        if first < self.text.len() { first } else { last_letter(&self.text) }
    }

    /// The place of the last letter before a token's first.
    fn letter_before(&self, token: usize) -> usize {
        last_letter(&self.text[..self.first_letter(token)])
    }
}

/// The place of a text's last letter.
fn last_letter(text: &str) -> usize {
    text.trim_end_matches(is_space).char_indices().next_back().map_or(0, |(place, _)| place)
}

/// Whether a token stands for text: a special token, or one without any, divides the text.
fn has_text(piece: &Piece) -> bool {
    match piece {
        Piece::Special => false,
        Piece::Unknown(text) => !text.is_empty(),
        Piece::Text(_) => true,
    }
}

/// Whether a character is white space within a line.
fn is_space(character: char) -> bool {
    character.is_whitespace() && !bounds::is_line_end(character)
}

#[cfg(test)]
mod tests;
