//! Starts of words in a text, by Unicode's rules.

use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory as _};
use unicode_script::{Script, UnicodeScript as _};
use unicode_segmentation::UnicodeSegmentation as _;

/// Scripts that are written without spaces between words.
const WITHOUT_SPACES: [Script; 8] = [
    Script::Han,
    Script::Hiragana,
    Script::Katakana,
    Script::Bopomofo,
    Script::Thai,
    Script::Lao,
    Script::Khmer,
    Script::Myanmar,
];

/// The starts of words, of the white space between them, and of line ends.
pub(super) fn words(text: &str) -> Vec<usize> {
    text.split_word_bound_indices().map(|(bound, _)| bound).filter(|&bound| divides(text, bound)).collect()
}

/// Whether a character ends a line (UAX #14's mandatory breaks).
pub(super) fn is_line_end(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Whether one of Unicode's word bounds ends a word here: it is at white space, or in a script that is written without spaces.
fn divides(text: &str, bound: usize) -> bool {
    let (Some(before), Some(after)) = (text[..bound].chars().next_back(), text[bound..].chars().next()) else {
        return true;
    };
    if before.is_whitespace() || after.is_whitespace() {
        return true;
    }
    if opens(before) {
        return false;
    }
    match opens(after) {
        true => is_without_spaces(before),
        false => is_letter(after) && (is_without_spaces(before) || is_without_spaces(after)),
    }
}

/// Whether a place lies inside a word: between two letters or digits of a script that is written with spaces, or before a mark that
/// belongs to the letter before it.
pub(super) fn is_inside_word(text: &str, place: usize) -> bool {
    let (Some(before), Some(after)) = (text[..place].chars().next_back(), text[place..].chars().next()) else {
        return false;
    };
    let is_mark = after.general_category_group() == GeneralCategoryGroup::Mark;
    let is_spaced = !is_without_spaces(before) && !is_without_spaces(after);
    is_letter(before) && is_letter(after) && (is_mark || is_spaced)
}

/// Whether a character is punctuation that belongs to the following word: an opening bracket or quotation mark.
fn opens(character: char) -> bool {
    matches!(character.general_category(), GeneralCategory::OpenPunctuation | GeneralCategory::InitialPunctuation)
}

fn is_letter(character: char) -> bool {
    character.is_alphanumeric() || character.general_category_group() == GeneralCategoryGroup::Mark
}

/// Whether a character is a letter of a script that is written without spaces between words.
pub(super) fn is_without_spaces(character: char) -> bool {
    let scripts = character.script_extension();
    let is_of_any = scripts.is_common() || scripts.is_inherited();
    is_letter(character) && !is_of_any && WITHOUT_SPACES.iter().any(|&script| scripts.contains_script(script))
}
