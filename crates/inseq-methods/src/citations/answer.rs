//! The answer, divided into sentences.

use std::ops::Range;

use inseq_core::{Piece, Token, text};

/// An answer with its sentences.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Answer {
    /// Text without the white space around it.
    pub(super) text: String,
    /// Sentences, in order.
    pub(super) sentences: Vec<Sentence>,
}

/// A sentence of an answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sentence {
    pub(super) text: String,
    /// Characters of the answer's text.
    pub(super) span: (usize, usize),
    /// Tokens of the answer.
    pub(super) tokens: Range<usize>,
}

impl Answer {
    /// The sentences of the tokens of an answer. Tokens without text, such as the end of the text, are in none.
    pub(super) fn of(tokens: &[Token]) -> Self {
        let pieces = text::pieces(tokens);
        let mut bytes = Vec::new();
        let mut groups = Vec::new();
        for group in text::sentences(tokens) {
            let start = bytes.len();
            for (token, piece) in tokens[group.clone()].iter().zip(&pieces[group.clone()]) {
                bytes.extend(token.skipped.as_bytes());
                match piece {
                    Piece::Text(text) => bytes.extend(text),
                    Piece::Unknown(_) => bytes.extend(token.bytes(piece)),
                    Piece::Special => {}
                }
            }
            // Tokens that share a character are in one group.
            let text = String::from_utf8_lossy(&bytes[start..]).into_owned();
            bytes.truncate(start);
            bytes.extend(text.as_bytes());
            groups.push((start..bytes.len(), group));
        }
        let whole = String::from_utf8_lossy(&bytes).into_owned();
        let answer = text::trimmed(&whole, 0..whole.len());
        let characters = |bytes: usize| whole[answer.start..bytes].chars().count();
        let sentences = groups.into_iter().filter_map(|(bytes, tokens)| {
            let span = text::trimmed(&whole, bytes);
            let has_text = !span.is_empty();
            has_text.then(|| Sentence {
                text: whole[span.clone()].to_owned(),
                span: (characters(span.start), characters(span.end)),
                tokens,
            })
        });
        let sentences = sentences.collect();
        Self { text: whole[answer.clone()].to_owned(), sentences }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_have_spans_of_the_answer_and_its_tokens() {
        let pieces = [" É", "té", ".", "\n", " Why", "?", " "];
        let mut tokens: Vec<Token> = pieces.map(|text| Token::new(text, 1).with_piece(Piece::Text(text.into()))).into();
        tokens.push(Token::new("</s>", 2).with_piece(Piece::Special));
        let answer = Answer::of(&tokens);
        assert_eq!(answer.text, "Été.\n Why?");
        let found: Vec<_> =
            answer.sentences.iter().map(|one| (one.text.as_str(), one.span, one.tokens.clone())).collect();
        assert_eq!(found, [("Été.", (0, 4), 0..4), ("Why?", (6, 10), 4..7)]);
    }

    #[test]
    fn an_answer_of_special_tokens_has_no_sentence() {
        let answer = Answer::of(&[Token::new("</s>", 2).with_piece(Piece::Special)]);
        assert_eq!(answer, Answer::default());
    }
}
