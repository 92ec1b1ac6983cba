//! The characters that tokens stand for.

use std::ops::Range;

use super::{Run, has_text, pieces};
use crate::Token;

/// The text of tokens, and the characters of this text that each token stands for: ranges of numbers of characters, not of bytes.
///
/// Special tokens stand for none. Halves of a character both stand for all of it.
///
/// ```
/// use inseq_core::{Token, text};
///
/// let tokens = ["▁L", "'", "été", "▁est", "</s>"].map(|token| Token::new(token, 1));
/// let (text, spans) = text::characters(&tokens);
/// assert_eq!(text, " L'été est");
/// assert_eq!(spans, [0..2, 2..3, 3..6, 6..10, 10..10]);
/// ```
pub fn characters(tokens: &[Token]) -> (String, Vec<Range<usize>>) {
    let pieces = pieces(tokens);
    let (mut text, mut before) = (String::new(), 0);
    let mut spans = Vec::with_capacity(tokens.len());
    for part in pieces.chunk_by(|one, other| has_text(one) && has_text(other)) {
        let run = &tokens[spans.len()..spans.len() + part.len()];
        if !has_text(&part[0]) {
            spans.push(before..before);
            continue;
        }
        let of_run = Run::new(run, part);
        // Number of characters before each byte.
        let mut count = before;
        let mut at = vec![before; of_run.text.len() + 1];
        for (byte, character) in of_run.text.char_indices() {
            at[byte] = count;
            count += 1;
            at[byte + character.len_utf8()] = count;
        }
        spans.extend(of_run.spans(run).into_iter().map(|span| at[span.start]..at[span.end]));
        before = count;
        text.push_str(&of_run.text);
    }
    (text, spans)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Piece;

    #[test]
    fn halves_of_a_character_and_skipped_text() {
        let half = |bytes: &[u8]| Token::new("?", 1).with_piece(Piece::Text(bytes.to_vec()));
        let skipping = Token { skipped: "☃".into(), ..half(b" b") };
        let tokens = [half(&"é".as_bytes()[..1]), half(&"é".as_bytes()[1..]), skipping];
        let (text, spans) = characters(&tokens);
        assert_eq!(text, "é☃ b");
        assert_eq!(spans, [0..1, 0..1, 2..4]);
    }

    #[test]
    fn special_tokens_divide_the_text() {
        let special = Token::new("<x>", 2).with_piece(Piece::Special);
        let word = |text: &str| Token::new(text, 1).with_piece(Piece::Text(text.as_bytes().to_vec()));
        let (text, spans) = characters(&[special.clone(), word("ab"), special, word("cd")]);
        assert_eq!(text, "abcd");
        assert_eq!(spans, [0..0, 0..2, 2..2, 2..4]);
        assert_eq!(characters(&[]), (String::new(), vec![]));
    }
}
