//! Tokens by their text.

use std::ops::Range;

use super::{Run, bounds, has_text, pieces};
use crate::{Piece, Token};

/// Token spans of the occurrences of a text, in order.
///
/// An occurrence is a place in the text of the tokens where `text` stands, letter for letter; case counts, white space around
/// `text` does not. It does not begin or end inside a word, that is between two letters or digits, unless their script is written
/// without spaces: `he` is not found in `she`, but `nurse` is in `nurse.` and `infirmière` in `L'infirmière`. Its span has every
/// token that stands for a part of it, so it can have more text than was searched for. Occurrences do not overlap.
///
/// A token is also found by its whole spelling in the tokenizer, such as `▁nurse`, `</s>`, or the piece of a word.
///
/// ```
/// use inseq_core::{Token, text};
///
/// let tokens = ["▁The", "▁nur", "se", "▁said", "▁that", "▁she", "▁left", ".", "</s>"].map(|token| Token::new(token, 1));
/// assert_eq!(text::find(&tokens, "nurse"), [1..3]);
/// assert_eq!(text::find(&tokens, "she left"), [5..7]);
/// assert!(text::find(&tokens, "he").is_empty());
/// assert_eq!(text::find(&tokens, "</s>"), [8..9]);
/// assert_eq!(text::find(&tokens, "se"), [2..3]);
/// ```
pub fn find(tokens: &[Token], text: &str) -> Vec<Range<usize>> {
    let text = text.trim();
    if text.is_empty() {
        return Vec::new();
    }
    let pieces = pieces(tokens);
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut next = 0;
    for part in pieces.chunk_by(|one, other| has_text(one) && has_text(other)) {
        let run = next..next + part.len();
        next = run.end;
        if has_text(&part[0]) {
            let of_run = occurrences(&tokens[run.clone()], part, text);
            found.extend(of_run.map(|span| run.start + span.start..run.start + span.end));
        }
    }
    let spelled = (0..tokens.len()).filter(|&token| tokens[token].written() == text);
    for token in spelled {
        if !found.iter().any(|span| span.contains(&token)) {
            found.push(token..token + 1);
        }
    }
    found.sort_by_key(|span| (span.start, span.end));
    found.dedup();
    found
}

/// Token spans of the occurrences in a run of tokens with text.
fn occurrences(tokens: &[Token], pieces: &[Piece], text: &str) -> impl Iterator<Item = Range<usize>> {
    let run = Run::new(tokens, pieces);
    let spans = run.spans(tokens);
    let mut places: Vec<Range<usize>> = Vec::new();
    let mut from = 0;
    while let Some(start) = run.text[from..].find(text).map(|start| from + start) {
        let place = start..start + text.len();
        let is_whole = [place.start, place.end].iter().all(|&edge| !bounds::is_inside_word(&run.text, edge));
        from = if is_whole { place.end } else { start + text.chars().next().map_or(1, char::len_utf8) };
        places.extend(is_whole.then_some(place));
    }
    places.into_iter().filter_map(move |place| {
        let touches = |span: &Range<usize>| span.start < place.end && place.start < span.end;
        let first = spans.iter().position(touches)?;
        let last = spans.iter().rposition(touches)?;
        Some(first..last + 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A token with its part of the text.
    fn token(bytes: &[u8]) -> Token {
        Token::new("?", 1).with_piece(Piece::Text(bytes.to_vec()))
    }

    /// The spans as pairs.
    fn spans(tokens: &[Token], text: &str) -> Vec<(usize, usize)> {
        find(tokens, text).into_iter().map(|span| (span.start, span.end)).collect()
    }

    const NONE: [(usize, usize); 0] = [];

    #[test]
    fn occurrences_are_whole_words_of_the_text() {
        let tokens = ["▁She", "▁said", ":", "▁the", "▁sh", "ed", ",", "▁she", "."].map(|text| Token::new(text, 1));
        assert_eq!(spans(&tokens, "she"), [(7, 8)]);
        assert_eq!(spans(&tokens, "the shed, she"), [(3, 8)]);
        assert_eq!(spans(&tokens, " shed "), [(4, 6)]);
        assert_eq!(spans(&tokens, ","), [(6, 7)]);
        assert_eq!(spans(&tokens, ""), NONE);
        assert_eq!(spans(&tokens, "sheds"), NONE);
        let french = ["▁L", "'", "infirmi", "ère"].map(|text| Token::new(text, 1));
        assert_eq!(spans(&french, "infirmière"), [(2, 4)]);
        assert_eq!(spans(&french, "L'infirmière"), [(0, 4)]);
    }

    #[test]
    fn every_occurrence_is_found_once() {
        let tokens = ["▁very", "▁very", "▁very", "▁old"].map(|text| Token::new(text, 1));
        assert_eq!(spans(&tokens, "very"), [(0, 1), (1, 2), (2, 3)]);
        assert_eq!(spans(&tokens, "very very"), [(0, 2)]);
        // The place at which `a a` stands first is inside of `ba`.
        let tokens = ["▁ba", "▁a", "▁a"].map(|text| Token::new(text, 1));
        assert_eq!(spans(&tokens, "a a"), [(1, 3)]);
    }

    #[test]
    fn halves_of_characters_scripts_without_spaces_and_marks() {
        let tokens = ["été".as_bytes()[..1].to_vec(), "été".as_bytes()[1..].to_vec()].map(|bytes| token(&bytes));
        assert_eq!(spans(&tokens, "été"), [(0, 2)]);
        let chinese = ["黒", "猫が", "走る"].map(|text| token(text.as_bytes()));
        assert_eq!(spans(&chinese, "猫"), [(1, 2)]);
        // An accent of its own belongs to the letter before it.
        assert_eq!(spans(&[token("e\u{301}".as_bytes())], "e"), NONE);
    }

    #[test]
    fn what_no_token_stands_for_is_not_found() {
        let skipping = Token { skipped: "☃".into(), ..token(" b".as_bytes()) };
        let tokens = [token("a".as_bytes()), skipping];
        assert_eq!(spans(&tokens, "☃"), NONE);
        assert_eq!(spans(&tokens, "a☃ b"), [(0, 2)]);
        let special = Token::new("</s>", 2).with_piece(Piece::Special);
        let divided = [token("a".as_bytes()), special, token("b".as_bytes())];
        assert_eq!(spans(&divided, "ab"), NONE);
        assert_eq!(spans(&divided, "</s>"), [(1, 2)]);
    }
}
