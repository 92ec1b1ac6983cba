//! The text of a token for a reader: special tokens are recognized, invisible and active characters are escaped.

use std::fmt::Write as _;

use inseq_core::{Piece, Token, text};
use unicode_bidi::BidiClass;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// The text of a token, safe to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenText {
    /// The tokenizer's mark of a space before the token (`▁`, `Ġ`), if the token has one.
    pub word_start: Option<char>,
    /// Whether there is a space before the token, with or without a shown mark.
    pub starts_word: bool,
    /// The characters of the token. A line end is `↵`, a tab is `⇥`, a byte of a character that other tokens share is `<0xC3>`.
    /// Control characters, direction overrides and other invisible characters are escaped (`\u{202e}`). A combining mark without
    /// a base character gets a dotted circle. Never empty, except with a [`word_start`](Self::word_start).
    pub text: String,
    /// Whether the token has no text (`</s>`, `<pad>`, `>>fra<<`).
    pub special: bool,
    /// Whether the text contains a right-to-left character.
    pub right_to_left: bool,
    /// Bytes that the token adds to the running text, in UTF-8.
    written: Vec<u8>,
    /// Text before the token that no token represents.
    skipped: String,
    /// Text of the token in a running text, if it differs from [`text`](Self::text).
    running: Option<String>,
}

impl TokenText {
    /// The shown text of a single token, without a token that it is compared with. All tokens of a text together
    /// ([`of_tokens`](Self::of_tokens)) tell more about their spelling.
    pub fn new(token: &Token) -> Self {
        let piece = text::pieces(std::slice::from_ref(token)).pop().unwrap_or(Piece::Special);
        Self::of_piece(token, piece)
    }

    /// The shown texts of the tokens of a text. A token that is compared with another one shows both.
    pub fn of_tokens(tokens: &[Token]) -> Vec<Self> {
        Self::replaced(tokens, &[])
    }

    /// The shown texts of the tokens of a text, with each string of `replacements` replaced by the other.
    pub(crate) fn replaced(tokens: &[Token], replacements: &[(String, String)]) -> Vec<Self> {
        let pieces = text::pieces(tokens).into_iter().zip(text::compared(tokens));
        let shown = tokens.iter().zip(pieces).map(|(token, (piece, compared))| {
            let own = Self::of_piece(token, piece).with_replacements(replacements);
            let (Some(other), Some(piece)) = (token.compared_with(), compared) else { return own };
            let other = Self::of_piece(&Token::new(other, token.id), piece).with_replacements(replacements);
            Self { text: format!("{} → {}", other.text, own.spelling()), word_start: other.word_start, ..own }
        });
        let mut shown: Vec<Self> = shown.collect();
        join_characters(&mut shown);
        shown
    }

    /// The text of the token in a running text. If several tokens share a character, the first one shows it and the others show
    /// dots. A token that is only a space shows its mark.
    pub fn running(&self) -> &str {
        match &self.running {
            Some(running) => running,
            None if self.text.is_empty() => "▁",
            None => &self.text,
        }
    }

    /// The text of the token by itself: a byte of a character is `<0xC3>`, and a token that is only a space shows its mark.
    pub(crate) fn alone(&self) -> &str {
        if self.text.is_empty() { "▁" } else { &self.text }
    }

    /// A text that is no token.
    #[cfg_attr(not(feature = "figure"), allow(dead_code, reason = "only figures use it"))]
    pub(crate) fn plain(text: &str) -> Self {
        Self::written(None, text.as_bytes().to_vec())
    }

    /// The words of a text, and its other characters that a line may end after. A text that begins with a space begins a word.
    #[cfg_attr(not(feature = "figure"), allow(dead_code, reason = "only figures use it"))]
    pub(crate) fn words(text: &str) -> Vec<Self> {
        let mut words = Vec::new();
        let mut after_space = false;
        for part in text.split_word_bounds() {
            let is_space = part.chars().all(char::is_whitespace);
            if !is_space {
                let space = if after_space { " " } else { "" };
                words.push(Self::plain(&format!("{space}{part}")));
            }
            after_space = is_space;
        }
        words
    }

    fn of_piece(token: &Token, piece: Piece) -> Self {
        let mut shown = Self::of_spoken(token, piece);
        if !token.skipped.is_empty() {
            shown.skipped.clone_from(&token.skipped);
        }
        shown
    }

    fn of_spoken(token: &Token, piece: Piece) -> Self {
        let spelling = token.written();
        let mark = spelling.chars().next().filter(|first| is_mark(*first));
        match piece {
            Piece::Text(bytes) => Self::written(mark, bytes),
            Piece::Unknown(text) => {
                let written = if text.is_empty() { spelling.to_owned() } else { text };
                Self {
                    written: written.clone().into(),
                    starts_word: written.starts_with(' '),
                    ..Self::special(spelling)
                }
                .with_special(false)
            }
            Piece::Special => Self::special(spelling),
        }
    }

    /// A token that adds bytes to a text. The mark represents the space before it, if there is one.
    fn written(mark: Option<char>, bytes: Vec<u8>) -> Self {
        let spoken = bytes.strip_prefix(b" ");
        let word_start = mark.filter(|_| spoken.is_some());
        let mut text = visible_bytes(spoken.unwrap_or(&bytes));
        if text.is_empty() && word_start.is_none() {
            text.push(if spoken.is_some() { '␣' } else { '∅' });
        }
        let (starts_word, right_to_left) = (spoken.is_some(), is_right_to_left(&text));
        Self {
            word_start,
            starts_word,
            text,
            special: false,
            right_to_left,
            written: bytes,
            skipped: String::new(),
            running: None,
        }
    }

    fn special(text: &str) -> Self {
        let text = if text.is_empty() { "∅".to_owned() } else { visible(text) };
        let right_to_left = is_right_to_left(&text);
        Self {
            word_start: None,
            starts_word: false,
            text,
            special: true,
            right_to_left,
            written: Vec::new(),
            skipped: String::new(),
            running: None,
        }
    }

    fn with_special(self, special: bool) -> Self {
        Self { special, ..self }
    }

    /// The token after replacements.
    fn with_replacements(self, replacements: &[(String, String)]) -> Self {
        let Ok(written) = String::from_utf8(self.written.clone()) else { return self };
        let rest = written.strip_prefix(' ').filter(|_| self.starts_word).unwrap_or(&written);
        let spelling: String = match self.special {
            true => self.text.clone(),
            false => self.word_start.iter().copied().chain(rest.chars()).collect(),
        };
        let made = replacements.iter().fold(spelling.clone(), |text, (from, to)| text.replace(from, to));
        if made == spelling {
            return self;
        }
        if self.special {
            return Self { skipped: self.skipped, ..Self::special(&made) };
        }
        let mark = made.chars().next().filter(|first| self.starts_word && is_mark(*first));
        let rest = mark.map_or(made.as_str(), |mark| &made[mark.len_utf8()..]);
        // A mark that became a space is the space before the word, which is there already.
        let (space, rest) = if self.starts_word { (" ", rest.trim_start()) } else { ("", rest) };
        Self { skipped: self.skipped, ..Self::written(mark, format!("{space}{rest}").into()) }
    }

    /// Width of the marker and the text in terminal cells.
    pub fn width(&self) -> usize {
        usize::from(self.word_start.is_some()) + self.text.width()
    }

    /// This token together with the token at its position in another text.
    pub(crate) fn beside(&self, other: &Self) -> Self {
        let text = format!("{}→{}", self.text, other.spelling());
        if self == other { self.clone() } else { Self { text, ..self.clone() } }
    }

    /// Whether a reader would call the token by this text.
    pub(crate) fn is_spelled(&self, text: &str) -> bool {
        self.text == text
            || self.spelling() == text
            || [&self.written, self.written.trim_ascii()].contains(&text.as_bytes())
    }

    /// The marker and the text.
    pub fn spelling(&self) -> String {
        self.word_start.iter().copied().chain(self.text.chars()).collect()
    }
}

/// Sets the running text of tokens that share a character.
fn join_characters(tokens: &mut [TokenText]) {
    let starts: Vec<usize> = tokens
        .iter()
        .scan(0, |end, token| {
            let start = *end;
            *end += token.written.len();
            Some(start)
        })
        .collect();
    let bytes: Vec<u8> = tokens.iter().flat_map(|token| token.written.iter().copied()).collect();
    for (token, start) in tokens.iter_mut().zip(starts) {
        if std::str::from_utf8(&token.written).is_ok() {
            continue;
        }
        let is_inside = |at: usize| bytes.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
        let end = start + token.written.len();
        // Characters that begin in the token, as far as they reach.
        let first = (start..end).find(|&at| !is_inside(at)).unwrap_or(end);
        let last = (end..bytes.len()).find(|&at| !is_inside(at)).unwrap_or(bytes.len());
        let joined = if first < end { &bytes[first..last] } else { &[] };
        let running = visible_bytes(joined.strip_prefix(b" ").unwrap_or(joined));
        token.running = Some(if running.is_empty() { "·".to_owned() } else { running });
    }
}

/// For each token of a text, whether it is after a space or a line end.
pub fn spaces_before(tokens: &[TokenText]) -> Vec<bool> {
    let mut spaces = Vec::with_capacity(tokens.len());
    let mut after_space = false;
    for token in tokens {
        let is_parted = token.skipped.ends_with(char::is_whitespace);
        spaces.push(!spaces.is_empty() && (token.starts_word || token.special || after_space || is_parted));
        // A token that is a space has been given one before it.
        after_space = token.special || (token.written.len() > 1 || !token.starts_word) && ends_in_space(&token.written);
    }
    spaces
}

fn ends_in_space(written: &[u8]) -> bool {
    matches!(written.last(), Some(b' ' | b'\n' | b'\r' | b'\t'))
}

/// The running text of tokens, on one line, without special tokens.
pub fn reading(tokens: &[TokenText]) -> String {
    let mut bytes: Vec<u8> = Vec::new();
    let mut after_special = false;
    for token in tokens {
        if token.special {
            after_special = true;
            continue;
        }
        // What a special token parts is not one word.
        if after_special && !bytes.is_empty() && !ends_in_space(&bytes) && !token.starts_word {
            bytes.push(b' ');
        }
        after_special = false;
        bytes.extend(token.skipped.as_bytes());
        bytes.extend(&token.written);
    }
    let mut line = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        let mut last = String::new();
        for grapheme in chunk.valid().graphemes(true) {
            match grapheme {
                " " => line.push(' '),
                "\n" | "\r\n" | "\r" => line.push_str(if last == " " { "↵ " } else { " ↵ " }),
                _ => push_visible(&mut line, grapheme),
            }
            grapheme.clone_into(&mut last);
        }
        push_bytes(&mut line, chunk.invalid());
    }
    line.trim().to_owned()
}

/// The text on one line, with invisible characters escaped.
pub(crate) fn visible(text: &str) -> String {
    let graphemes: Vec<&str> = text.graphemes(true).collect();
    let is_space = |grapheme: Option<&&str>| grapheme.is_none_or(|grapheme| grapheme.chars().all(char::is_whitespace));
    let mut shown = String::with_capacity(text.len());
    for (index, grapheme) in graphemes.iter().enumerate() {
        // A space between letters is seen by itself.
        let is_between = || {
            !is_space(index.checked_sub(1).and_then(|before| graphemes.get(before)))
                && !is_space(graphemes.get(index + 1))
        };
        if *grapheme == " " && is_between() {
            shown.push(' ');
        } else {
            push_visible(&mut shown, grapheme);
        }
    }
    shown
}

/// As [`visible`], for bytes that may contain incomplete characters.
fn visible_bytes(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        shown.push_str(&visible(chunk.valid()));
        push_bytes(&mut shown, chunk.invalid());
    }
    shown
}

fn push_bytes(text: &mut String, bytes: &[u8]) {
    text.push_str(&Piece::Text(bytes.to_vec()).to_string());
}

/// Whether a text contains a right-to-left character.
pub(crate) fn is_right_to_left(text: &str) -> bool {
    text.chars()
        .any(|character| matches!(unicode_bidi::bidi_class(character), BidiClass::R | BidiClass::AL | BidiClass::AN))
}

fn is_mark(character: char) -> bool {
    matches!(character, '▁' | 'Ġ')
}

fn push_visible(text: &mut String, grapheme: &str) {
    if grapheme.chars().any(is_active) {
        for character in grapheme.chars() {
            match character {
                '\r' if grapheme.len() > 1 => {}
                '\n' | '\r' => text.push('↵'),
                '\t' => text.push('⇥'),
                character if is_active(character) => {
                    let _ = write!(text, "\\u{{{:x}}}", u32::from(character));
                }
                character => text.push(character),
            }
        }
    } else if grapheme == " " {
        text.push('␣');
    } else if grapheme.width() == 0 || grapheme.chars().all(char::is_whitespace) {
        let combining = grapheme.chars().all(|character| unicode_bidi::bidi_class(character) == BidiClass::NSM);
        if combining && format!("◌{grapheme}").width() == 1 {
            text.push('◌');
            text.push_str(grapheme);
        } else {
            for character in grapheme.chars() {
                let _ = write!(text, "\\u{{{:x}}}", u32::from(character));
            }
        }
    } else {
        text.push_str(grapheme);
    }
}

/// A text with a replacement character in the place of each character that acts on the text around it. Line ends stay.
///
/// ```
/// assert_eq!(inseq_viz::token_text::passive("a\u{1b}[31m\u{202e}\r\nb"), "a\u{fffd}[31m\u{fffd}\nb");
/// ```
pub fn passive(text: &str) -> String {
    let shown = |character: char| {
        if character != '\n' && is_active(character) { char::REPLACEMENT_CHARACTER } else { character }
    };
    text.replace("\r\n", "\n").chars().map(shown).collect()
}

/// A text, or `(no text)` in the place of one without any.
pub fn some_text(text: &str) -> &str {
    if text.trim().is_empty() { "(no text)" } else { text }
}

/// Whether a character controls the page or terminal instead of being drawn.
pub(crate) fn is_active(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        )
}

#[cfg(test)]
mod tests;
