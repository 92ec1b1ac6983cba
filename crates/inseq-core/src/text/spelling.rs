//! The text of tokens, read from their spelling if no tokenizer gave it.

use super::bounds;
use crate::{Piece, Token};

/// Spelling of the tokens of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spelling {
    /// Each character is a byte (GPT-2, Llama 3, BLOOM): `Ġ` is a space, `Ã©` is `é`.
    Bytes,
    /// A mark stands for a space; the rest of a token is text.
    Marks(char),
    /// Spaces are spaces.
    Spaces,
    /// Spaces are missing.
    Bare,
}

/// Tokens with the text that they stand for.
pub(super) struct Spelled {
    pub(super) pieces: Vec<Piece>,
    /// Whether the spaces of the text are known.
    pub(super) has_spaces: bool,
}

/// The piece of each token: from its tokenizer, or from its spelling.
///
/// Tokens without a piece from a tokenizer are read together. They are bytes if all of their characters are among those of
/// byte-level tokenizers *and* the bytes are valid UTF-8. Otherwise `▁`, or `Ġ` at the start of a token, is a
/// space. Without such a mark and without a space, a space is added before each token that begins with a letter or digit.
/// `<0xE2>` is a byte, unless characters are bytes. Tokens with the usual spelling of special tokens (`</s>`,
/// `<pad>`, `>>fra<<`, `[SEP]`, `<|im_end|>`) have no text.
pub fn pieces(tokens: &[Token]) -> Vec<Piece> {
    spelled(tokens).pieces
}

/// The pieces of the texts that tokens are compared with, if they are compared.
pub fn compared(tokens: &[Token]) -> Vec<Option<Piece>> {
    let others = tokens.iter().map(|token| Token::new(token.compared_with().unwrap_or(token.written()), token.id));
    let pieces = pieces(&others.collect::<Vec<_>>());
    tokens.iter().zip(pieces).map(|(token, piece)| token.compared_with().map(|_| piece)).collect()
}

/// As [`pieces`], for tokens that are too few to tell their spelling, such as one alone: it is that of a `text` of the same tokenizer.
///
/// ```
/// use inseq_core::{Piece, Token, text};
///
/// let [quote, other] = [["it", "âĢ", "Ļ", "s", "Ġlate"].as_slice(), &["Ļ"]]
///     .map(|tokens| tokens.iter().map(|token| Token::new(*token, 1)).collect::<Vec<_>>());
/// assert_eq!(text::pieces_as_in(&quote, &other), [Piece::Text(vec![0x99])]);
/// ```
pub fn pieces_as_in(text: &[Token], tokens: &[Token]) -> Vec<Piece> {
    read(tokens, Spelling::of(&unsaid(text))).pieces
}

pub(super) fn spelled(tokens: &[Token]) -> Spelled {
    read(tokens, Spelling::of(&unsaid(tokens)))
}

/// The spellings of tokens without a piece from a tokenizer.
fn unsaid(tokens: &[Token]) -> Vec<&str> {
    tokens.iter().filter(|token| token.piece.is_none()).map(Token::written).collect()
}

fn read(tokens: &[Token], spelling: Spelling) -> Spelled {
    let unsaid = unsaid(tokens);
    let has_letters = unsaid.iter().any(|text| text.chars().nth(1).is_some() && special(text, spelling).is_none());
    let mut is_first = true;
    let pieces = tokens.iter().map(|token| {
        let piece = match &token.piece {
            Some(piece) => piece.clone(),
            None => special(token.written(), spelling).unwrap_or_else(|| {
                let mut bytes = spelling.bytes(token.written());
                if spelling == Spelling::Bare && has_letters && !is_first && is_parted(token.written()) {
                    bytes.insert(0, b' ');
                }
                Piece::Text(bytes)
            }),
        };
        is_first &= piece == Piece::Special;
        piece
    });
    Spelled { pieces: pieces.collect(), has_spaces: spelling != Spelling::Bare || unsaid.len() < tokens.len() }
}

impl Spelling {
    fn of(texts: &[&str]) -> Self {
        let spoken: Vec<&str> = texts.iter().copied().filter(|text| !is_special_spelling(text)).collect();
        match () {
            () if spoken.iter().any(|text| text.contains('▁')) => Self::Marks('▁'),
            () if are_bytes(&spoken) => Self::Bytes,
            () if spoken.iter().any(|text| text.starts_with('Ġ')) => Self::Marks('Ġ'),
            () if spoken.iter().any(|text| text.starts_with(' ')) => Self::Spaces,
            () => Self::Bare,
        }
    }

    fn bytes(self, text: &str) -> Vec<u8> {
        match (self, byte_of_piece(text)) {
            // What is no character of a byte is text: a token that was added to the vocabulary.
            (Self::Bytes, _) => text.chars().map(byte_of_character).collect::<Option<_>>().unwrap_or(text.into()),
            (_, Some(byte)) => vec![byte],
            (Self::Marks('▁'), None) => text.replace('▁', " ").into(),
            (Self::Marks(mark), None) => match text.strip_prefix(mark) {
                Some(rest) => format!(" {rest}").into(),
                None => text.into(),
            },
            (Self::Spaces | Self::Bare, None) => text.into(),
        }
    }
}

/// Whether tokens are spelled in characters that stand for bytes. Plain ASCII is the same in both spellings, so the tokens need
/// another character; and the bytes must be valid text. Letters such as `é` and `ā` that stand for themselves give invalid bytes.
fn are_bytes(texts: &[&str]) -> bool {
    let characters = texts.iter().flat_map(|text| text.chars());
    let bytes: Option<Vec<u8>> = characters.clone().map(byte_of_character).collect();
    let Some(bytes) = bytes else { return false };
    // Spaces and line ends have characters of their own, which hardly any text has.
    let has_marks = characters.clone().any(|character| matches!(character, 'Ġ' | 'Ċ'));
    let is_other = { characters }.any(|character| !character.is_ascii());
    let mut rest = bytes.as_slice();
    if has_marks {
        // A part of a text may begin and end inside a character.
        let inside = rest.iter().take(3).take_while(|&&byte| byte & 0xc0 == 0x80).count();
        rest = &rest[inside..];
    }
    let text = match std::str::from_utf8(rest) {
        Ok(text) => text,
        Err(error) if has_marks && error.error_len().is_none() => {
            std::str::from_utf8(&rest[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    let is_text = |character: char| !character.is_control() || matches!(character, '\n' | '\r' | '\t');
    is_other && text.chars().all(is_text)
}

/// The byte that a character stands for in byte-level tokenizers; `None` for other characters.
///
/// Printable characters of Latin-1 stand for their own number; the other bytes have the characters from U+0100 on.
pub fn byte_of_character(character: char) -> Option<u8> {
    let number = u32::from(character);
    let byte = match number {
        0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff => number,
        0x100..=0x120 => number - 0x100,
        0x121..=0x142 => number - 0x121 + 0x7f,
        0x143 => 0xad,
        _ => return None,
    };
    u8::try_from(byte).ok()
}

/// The byte of a byte-fallback token of SentencePiece (`<0xE2>`); `None` for other tokens.
pub fn byte_of_piece(text: &str) -> Option<u8> {
    let digits = text.strip_prefix("<0x")?.strip_suffix('>')?;
    let is_plain = digits.len() == 2 && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'A'..=b'F'));
    is_plain.then(|| u8::from_str_radix(digits, 16).ok()).flatten()
}

/// The piece of a token without text, or with unknown text.
fn special(text: &str, spelling: Spelling) -> Option<Piece> {
    if matches!(text, "<unk>" | "[UNK]") {
        return Some(Piece::Unknown(String::new()));
    }
    let is_language = spelling == Spelling::Marks('▁') && is_language(text);
    (is_special_spelling(text) || is_language).then_some(Piece::Special)
}

/// Whether a token has the spelling of a special token of a known model. A tokenizer would know for certain.
fn is_special_spelling(text: &str) -> bool {
    const NAMES: [&str; 13] = [
        "s",
        "/s",
        "pad",
        "unk",
        "mask",
        "bos",
        "eos",
        "sep",
        "cls",
        "start_of_turn",
        "end_of_turn",
        "begin_of_text",
        "end_of_text",
    ];
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    if let Some(language) = text.strip_prefix(">>").and_then(|rest| rest.strip_suffix("<<")) {
        return !language.is_empty();
    }
    if let Some(name) = text.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')) {
        return NAMES.contains(&name)
            || (name.len() > 2 && name.starts_with('|') && name.ends_with('|'))
            || ["extra_id_", "mask_", "unk_"].iter().any(|prefix| name.strip_prefix(prefix).is_some_and(is_number));
    }
    matches!(text, "[CLS]" | "[SEP]" | "[PAD]" | "[MASK]" | "[UNK]")
}

/// Whether a token is a language code of M2M-100 (`__fr__`), mBART (`fr_XX`) or NLLB (`fra_Latn`).
fn is_language(text: &str) -> bool {
    let is = |text: &str, lengths: &[usize], kind: fn(&u8) -> bool| {
        lengths.contains(&text.len()) && text.bytes().all(|byte| kind(&byte))
    };
    let lower = |text: &str, lengths: &[usize]| is(text, lengths, u8::is_ascii_lowercase);
    if let Some(code) = text.strip_prefix("__").and_then(|rest| rest.strip_suffix("__")) {
        return lower(code, &[2, 3]);
    }
    let Some((language, place)) = text.split_once('_') else { return false };
    let is_script = place.as_bytes().first().is_some_and(u8::is_ascii_uppercase) && lower(&place[1..], &[3]);
    (lower(language, &[2]) && is(place, &[2], u8::is_ascii_uppercase)) || (lower(language, &[3]) && is_script)
}

/// Whether a space precedes the token, for a text whose tokens have no marks. Punctuation and scripts without spaces have none.
fn is_parted(text: &str) -> bool {
    text.chars().next().is_some_and(|first| first.is_alphanumeric() && !bounds::is_without_spaces(first))
}
