//! What a token looks like to a reader: spelling markers told apart, special tokens known, nothing invisible or active.

use std::fmt::Write as _;

use inseq_core::Token;
use unicode_bidi::BidiClass;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use crate::view::ViewOptions;

/// A token's text, safe to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenText {
    /// The tokenizer's mark of a word's start (`▁`, `Ġ`), where the token has one.
    pub word_start: Option<char>,
    /// Whether the tokenizer marked the token as a word's start, even if the mark is not shown.
    pub starts_word: bool,
    /// The rest. Control characters, direction overrides and other invisible ones are escaped (`\n`, `\u{202e}`), and a
    /// combining mark with nothing to sit on sits on a dotted circle. Never empty unless [`word_start`](Self::word_start)
    /// is there.
    pub text: String,
    /// Whether the token stands for no text (`</s>`, `<pad>`, `>>fra<<`).
    pub special: bool,
    /// Whether the text has a character that is written from right to left.
    pub right_to_left: bool,
}

impl TokenText {
    /// What to show for a token.
    pub fn new(token: &Token) -> Self {
        let mut characters = token.text.chars();
        let word_start = characters.next().filter(|first| matches!(first, '▁' | 'Ġ'));
        let rest = if word_start.is_some() { characters.as_str() } else { token.text.as_str() };
        let mut text = String::with_capacity(rest.len());
        for grapheme in rest.graphemes(true) {
            push_visible(&mut text, grapheme);
        }
        if text.is_empty() && word_start.is_none() {
            text.push('∅');
        }
        let right_to_left = text.chars().any(|character| {
            matches!(unicode_bidi::bidi_class(character), BidiClass::R | BidiClass::AL | BidiClass::AN)
        });
        Self {
            word_start,
            starts_word: word_start.is_some(),
            special: word_start.is_none() && is_special(rest),
            text,
            right_to_left,
        }
    }

    /// What to show for a token once the replacements of `options` are made.
    pub(crate) fn replaced(token: &Token, options: &ViewOptions) -> Self {
        let original = Self::new(token);
        if options.replacements.is_empty() {
            return original;
        }
        let made = options.replacements.iter().filter(|(from, _)| !from.is_empty());
        let text = made.fold(token.text.clone(), |text, (from, to)| text.replace(from, to));
        // A mark that became a space is the space before the word, which is there already.
        let text = if original.starts_word { text.trim_start() } else { &text };
        let shown = Self::new(&Token::new(if text.is_empty() && original.starts_word { " " } else { text }, token.id));
        Self { starts_word: original.starts_word, special: original.special, ..shown }
    }

    /// Terminal cells taken by the marker and the text.
    pub fn width(&self) -> usize {
        usize::from(self.word_start.is_some()) + self.text.width()
    }

    /// This token, and what stands in its place in another text.
    pub(crate) fn beside(&self, other: &Self) -> Self {
        let text = format!("{}→{}", self.text, other.spelling());
        if self == other { self.clone() } else { Self { text, ..self.clone() } }
    }

    /// Whether this is what a reader would call the token.
    pub(crate) fn is_spelled(&self, text: &str) -> bool {
        self.text == text || self.spelling() == text
    }

    /// The marker and the text.
    pub fn spelling(&self) -> String {
        self.word_start.iter().copied().chain(self.text.chars()).collect()
    }
}

/// Whether each token of a text is written after a space. Where the spelling marks the starts of words, the marks tell;
/// where it has none (a cleaned result), a space goes before everything but punctuation and scripts without spaces.
pub fn spaces_before(tokens: &[TokenText]) -> Vec<bool> {
    let marked = tokens.iter().any(|token| token.starts_word);
    let mut spaces = Vec::with_capacity(tokens.len());
    let mut after_special = true;
    for token in tokens {
        let first = token.text.chars().next();
        spaces.push(if marked {
            token.starts_word || token.special || after_special
        } else {
            first.is_some_and(|first| token.special || first.is_alphanumeric() && first.to_string().width() < 2)
        });
        after_special = token.special;
    }
    if let Some(first) = spaces.first_mut() {
        *first = false;
    }
    spaces
}

/// The text that tokens spell, without special tokens.
pub fn reading(tokens: &[TokenText]) -> String {
    let mut text = String::new();
    for (token, space) in tokens.iter().zip(spaces_before(tokens)) {
        if token.special {
            continue;
        }
        if space && !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&token.text);
    }
    text
}

fn push_visible(text: &mut String, grapheme: &str) {
    if grapheme.chars().any(is_active) {
        for character in grapheme.chars() {
            match character {
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                '\t' => text.push_str("\\t"),
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

/// Whether a character does something to the page or terminal around it rather than being drawn.
pub(crate) fn is_active(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        )
}

fn is_special(text: &str) -> bool {
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
    if let Some(language) = text.strip_prefix(">>").and_then(|rest| rest.strip_suffix("<<")) {
        return !language.is_empty();
    }
    if let Some(name) = text.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')) {
        return NAMES.contains(&name)
            || (name.len() > 2 && name.starts_with('|') && name.ends_with('|'))
            || name.strip_prefix("extra_id_").is_some_and(|digits| digits.chars().all(|digit| digit.is_ascii_digit()));
    }
    matches!(text, "[CLS]" | "[SEP]" | "[PAD]" | "[MASK]" | "[UNK]")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> TokenText {
        TokenText::new(&Token::new(text, 0))
    }

    #[test]
    fn nothing_active_gets_through() {
        for (text, expected) in [
            ("a\u{1b}[31mb", "a\\u{1b}[31mb"),
            ("\n", "\\n"),
            ("\r\n", "\\r\\n"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("\u{202e}abc", "\\u{202e}abc"),
            ("\u{200b}", "\\u{200b}"),
            ("\u{301}", "◌\u{301}"),
            (" ", "␣"),
            ("", "∅"),
            ("e\u{301}", "e\u{301}"),
            ("👩\u{200d}👩\u{200d}👧", "👩\u{200d}👩\u{200d}👧"),
            ("<script>", "<script>"),
        ] {
            assert_eq!(shown(text).text, expected, "{text:?}");
        }
    }

    #[test]
    fn markers_and_special_tokens_are_told_apart() {
        assert_eq!(shown("▁hello").word_start, Some('▁'));
        assert_eq!(shown("▁hello").text, "hello");
        assert_eq!(shown("▁").width(), 1);
        assert!(
            ["</s>", "<pad>", ">>fra<<", "<|endoftext|>", "[CLS]", "<extra_id_3>"]
                .iter()
                .all(|text| shown(text).special)
        );
        assert!(["<script>", "s", ">>", "<", "▁<s>", "<>"].iter().all(|text| !shown(text).special));
        assert!(shown("▁مرحبا").right_to_left && shown("שלום").right_to_left && !shown("é").right_to_left);
    }

    #[test]
    fn tokens_spell_their_text() {
        let text = |tokens: &[&str]| reading(&tokens.iter().map(|token| shown(token)).collect::<Vec<_>>());
        assert_eq!(text(&["▁The", "▁nurse", "s", ".", "</s>"]), "The nurses.");
        assert_eq!(text(&["<pad>", "▁L", "'", "infirm", "ière", "</s>"]), "L'infirmière");
        assert_eq!(text(&["The", "nurse", ",", "tired"]), "The nurse, tired");
        assert_eq!(text(&["私", "は", "。"]), "私は。");
    }
}
