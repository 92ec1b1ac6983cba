//! Starts of sentences in a text.
//!
//! The bounds are Unicode's (UAX #29), with two changes, since these rules know no words and no wrapped lines: an abbreviation ends no
//! sentence, and neither does the end of a wrapped line.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation as _;

use super::bounds::is_without_spaces;

/// Abbreviations that stand before what they belong to, in languages with Latin letters. None of them ends a sentence.
const BEFORE_WORDS: [&str; 53] = [
    "Adm", "Capt", "Col", "Cf", "Dott", "Dr", "Dra", "Drs", "E.g", "Fr", "Gen", "Gov", "Hon", "Hr", "I.e", "Ing", "Lt",
    "Maj", "Messrs", "Mgr", "Mlle", "Mme", "Mr", "Mrs", "Ms", "Mt", "Prof", "Profs", "Rep", "Rev", "Sen", "Sgt", "Sig",
    "Sr", "Sra", "St", "Ste", "Vgl", "al", "bzw", "cf", "d", "d.h", "e.g", "i.e", "p.ex", "u", "u.a", "vgl", "viz",
    "vs", "z", "z.B",
];

/// Abbreviations that end no sentence if a number follows.
const BEFORE_NUMBERS: [&str; 33] = [
    "abs", "apr", "art", "aug", "bd", "ca", "cap", "ch", "dec", "eq", "eqs", "feb", "fig", "figs", "jan", "jul", "jun",
    "kap", "mar", "no", "nos", "nov", "nr", "num", "oct", "p", "pp", "s", "sec", "sect", "sep", "sept", "vol",
];

/// Bytes at which the sentences of a text start. White space belongs to the sentence before it.
pub(super) fn starts(text: &str) -> Vec<usize> {
    let unwrapped = unwrapped(text);
    let is_start = |(bound, sentence): &(usize, &str)| {
        let before = &unwrapped[..*bound];
        *bound == 0
            || !(before.trim().is_empty() || sentence.trim().is_empty() || goes_on(before, &unwrapped[*bound..]))
    };
    unwrapped.split_sentence_bound_indices().filter(is_start).map(|(bound, _)| bound).collect()
}

/// Whether a full stop that Unicode's rules take for the end of a sentence is that of an abbreviation or of a number of a list.
fn goes_on(before: &str, after: &str) -> bool {
    let before = before.trim_end();
    let Some(stopped) = before.strip_suffix('.') else { return false };
    let is_part = |c: char| c.is_alphanumeric() || c == '.';
    let start =
        stopped.char_indices().rev().take_while(|(_, c)| is_part(*c)).last().map_or(stopped.len(), |(at, _)| at);
    let word = &stopped[start..];
    let before = stopped[..start].trim_end_matches([' ', '\t']);
    let begins_sentence = before.is_empty() || before.ends_with(['\n', '.', '?', '!']);
    let is_number = !word.is_empty() && word.len() <= 3 && word.bytes().all(|byte| byte.is_ascii_digit());
    is_initials(word, before)
        || BEFORE_WORDS.contains(&word)
        || (BEFORE_NUMBERS.contains(&word.to_lowercase().as_str()) && after.starts_with(char::is_numeric))
        || (is_number && begins_sentence)
}

/// Whether a word before a full stop is the initials of names: single capital letters with a full stop between two of them. `I`
/// alone is a word after a small one.
fn is_initials(word: &str, before: &str) -> bool {
    let is_capital = |part: &str| {
        let mut letters = part.chars();
        letters.next().is_some_and(char::is_uppercase) && letters.next().is_none()
    };
    let follows_small = || {
        let last = before.split_whitespace().next_back();
        last.is_some_and(|last| last.starts_with(char::is_lowercase))
    };
    word.split('.').all(is_capital) && !(word == "I" && follows_small())
}

/// The text with spaces in place of the ends of wrapped lines; the bytes of all other characters are the same.
fn unwrapped(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for lines in paragraphs(text) {
        let is_wrapped = is_wrapped(text, &lines);
        for pair in lines.windows(2) {
            let [line, next] = [0, 1].map(|index| text[pair[index].clone()].trim());
            let joins = is_wrapped || next.starts_with(char::is_lowercase);
            if joins && !is_heading(line) && !is_heading(next) && !begins_item(next) {
                bytes[pair[0].end..pair[1].start].fill(b' ');
            }
        }
    }
    // A line end is replaced as a whole, so that the bytes are still characters.
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// The lines of each paragraph, as bytes without their line ends. A line without text is in none.
fn paragraphs(text: &str) -> Vec<Vec<Range<usize>>> {
    let mut paragraphs = vec![Vec::new()];
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.trim_end_matches(['\r', '\n']).len();
        match (text[start..end].trim().is_empty(), paragraphs.last_mut()) {
            (false, Some(lines)) => lines.push(start..end),
            _ => paragraphs.push(Vec::new()),
        }
        start += line.len();
    }
    paragraphs
}

/// Whether lines are those of wrapped text: each has words, and the first word of the next line does not fit into the widest line
/// behind them.
fn is_wrapped(text: &str, lines: &[Range<usize>]) -> bool {
    let width = |part: &str| part.chars().count();
    let widest = lines.iter().map(|line| width(&text[line.clone()])).max().unwrap_or(0);
    lines.windows(2).all(|pair| {
        let [line, next] = [0, 1].map(|index| text[pair[index].clone()].trim_end());
        let next = next.trim_start();
        match next.chars().next().is_some_and(is_without_spaces) {
            true => width(line) + 2 > widest,
            false => {
                let word = next.split_whitespace().next().unwrap_or_default();
                line.trim().contains(char::is_whitespace) && width(line) + 1 + width(word) > widest
            }
        }
    })
}

/// Whether a line stands alone: a heading, a fence or a row of a table in Markdown.
fn is_heading(line: &str) -> bool {
    let title = line.trim_start_matches('#');
    line.starts_with("```") || line.starts_with('|') || (title.len() < line.len() && title.starts_with(' '))
}

/// Whether a line begins an item of a list: after a mark, or after a number or a letter with a full stop or a bracket.
fn begins_item(line: &str) -> bool {
    let Some((mark, _)) = line.split_once(char::is_whitespace) else { return false };
    let number = mark.trim_start_matches('(').strip_suffix(['.', ')']);
    let is_number = number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()) || number.len() == 1);
    matches!(mark, "-" | "*" | "+" | ">" | "\u{2022}" | "\u{2013}" | "\u{2014}") || is_number
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentences(text: &str) -> Vec<&str> {
        let starts = starts(text);
        let ends = starts.iter().copied().skip(1).chain([text.len()]);
        starts.iter().zip(ends).map(|(&start, end)| &text[start..end]).collect()
    }

    #[test]
    fn abbreviations_end_no_sentence() {
        for text in [
            "Dr. Smith saw Mrs. O'Neil.",
            "Cities (e.g. Paris, i.e. Z.) grow.",
            "See Fig. 3 and pp. 12, vol. 2, No. 5.",
            "J. R. R. Tolkien met C. S. Lewis.",
            "The U.S. Army left.",
            "Er kam, z.B. Montag, z. B. mit Prof. Klein.",
            "Mme. Curie et al. Were cited.",
        ] {
            assert_eq!(sentences(text), [text]);
        }
    }

    #[test]
    fn other_full_stops_end_sentences() {
        for (text, expected) in [
            ("He said no. She left.", &["He said no. ", "She left."][..]),
            ("It was in 1999. The end.", &["It was in 1999. ", "The end."]),
            ("He was 12. She was 13.", &["He was 12. ", "She was 13."]),
            ("So do I. The rest left.", &["So do I. ", "The rest left."]),
            ("It costs 3.5 m. Why?", &["It costs 3.5 m. ", "Why?"]),
            ("1. The first. 2. The second.", &["1. The first. ", "2. The second."]),
            ("Pens, etc. The end.", &["Pens, etc. ", "The end."]),
        ] {
            assert_eq!(sentences(text), expected);
        }
    }

    #[test]
    fn wrapped_lines_are_one_text() {
        for text in [
            "The tired nurse said\nthat she was late.",
            "The tired nurse said\r\n  that she was late.",
            "A nurse from\nParis was late.",
            "The old man of the sea met Mr.\nFox and the late nurse\nfrom Paris, who had slept.",
            "\u{4eca}\u{5929}\u{5929}\u{6c14}\n\u{5f88}\u{597d}\u{3002}",
        ] {
            assert_eq!(sentences(text), [text]);
        }
        assert_eq!(sentences("Go.\n Why?"), ["Go.\n", " Why?"]);
        assert_eq!(sentences("I came in late.\nShe left."), ["I came in late.\n", "She left."]);
    }

    #[test]
    fn lines_that_are_not_wrapped_are_sentences() {
        for (text, expected) in [
            ("Title\nThe text is longer.", &["Title\n", "The text is longer."][..]),
            ("A title\n\nThe text", &["A title\n\n", "The text"]),
            ("one\r\n\r\ntwo\n \n", &["one\r\n\r\n", "two\n \n"]),
            ("You need a few of these\n- pens\n- ink", &["You need a few of these\n", "- pens\n", "- ink"]),
            ("You need these now\n1. red pens\n2) ink", &["You need these now\n", "1. red pens\n", "2) ink"]),
            ("# A long heading of it\nsmall text", &["# A long heading of it\n", "small text"]),
            ("1+1=2\n2+3=5\n3+4=7", &["1+1=2\n", "2+3=5\n", "3+4=7"]),
            ("Roses are red\nViolets are very blue\nAnd so", &["Roses are red\n", "Violets are very blue\n", "And so"]),
        ] {
            assert_eq!(sentences(text), expected, "{text:?}");
        }
    }

    #[test]
    fn every_text_has_its_sentences_in_order() {
        for text in ["", " ", "\n", ".", "I.", "...", "\u{85}a\u{2028}b", "a.b. C", "\u{feff}A. B"] {
            assert_eq!(sentences(text).concat(), text);
        }
    }
}
