//! Divides a generated text into its context and the text to study.

use std::ops::Range;

use inseq_core::text::sentence_spans;

use super::template::Template;

/// Marks that end a context if no separator does.
const MARKS: [char; 9] = ['.', '?', '!', ',', ';', ':', ')', ']', '}'];

/// The context and the rest of a text, as spans of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Division {
    pub(super) context: Range<usize>,
    pub(super) current: Range<usize>,
}

/// The two texts that a text is the translation of: its context and the text to study.
#[derive(Clone, Copy, Debug)]
pub(super) struct Originals<'a> {
    pub(super) context: &'a str,
    pub(super) current: &'a str,
}

/// Divides a text: by the template's separator, if the text has it once; otherwise by runs of spaces and punctuation, if these
/// leave two parts; otherwise by sentences, if the text is the translation of two texts and has as many sentences as both. `None` if
/// nothing does.
pub(super) fn divide(text: &str, template: &Template, originals: Option<Originals>) -> Option<Division> {
    by_separator(text, template.separator())
        .or_else(|| by_marks(text))
        .or_else(|| originals.and_then(|originals| by_sentences(text, originals)))
}

fn by_separator(text: &str, separator: &str) -> Option<Division> {
    if separator.is_empty() {
        return None;
    }
    let mut found = text.match_indices(separator);
    let (start, _) = found.next()?;
    let division = Division { context: 0..start, current: start + separator.len()..text.len() };
    (found.next().is_none() && start > 0).then_some(division)
}

fn by_marks(text: &str) -> Option<Division> {
    let is_mark = |character: char| character.is_whitespace() || MARKS.contains(&character);
    let mut parts = text.split(is_mark).filter(|part| !part.is_empty());
    let (first, second) = (parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let start = text.find(first)?;
    let end = start + first.len();
    // What is before the context belongs to it.
    Some(Division { context: 0..end, current: end + text[end..].find(second)?..text.len() })
}

fn by_sentences(text: &str, originals: Originals) -> Option<Division> {
    let sentences = sentence_spans(text);
    let [before, behind] = [originals.context, originals.current].map(|original| sentence_spans(original).len());
    let (last, first) = (sentences.get(before.checked_sub(1)?)?, sentences.get(before)?);
    let division = Division { context: 0..last.end, current: first.start..text.len() };
    (sentences.len() == before + behind).then_some(division)
}

/// Divides a text behind a context that it begins with; `None` if it does not begin with it.
pub(super) fn behind(text: &str, context: &str, template: &Template) -> Option<Division> {
    let rest = text.strip_prefix(context)?;
    let rest = rest.strip_prefix(template.separator()).unwrap_or(rest);
    let start = text.len() - rest.len();
    // Marks that end the context are not part of the text.
    let marks = rest.len() - rest.trim_start_matches(|c: char| c.is_whitespace() || MARKS.contains(&c)).len();
    let proposed = divide(text, template, None).filter(|division| division.context.end == context.len());
    let current =
        proposed.map_or(start + if context.is_empty() { 0 } else { marks }..text.len(), |found| found.current);
    Some(Division { context: 0..context.len(), current })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn divided<'a>(text: &'a str, template: &str) -> Option<(&'a str, &'a str)> {
        let division = divide(text, &Template::read("output_template", template).unwrap(), None)?;
        Some((&text[division.context], &text[division.current]))
    }

    #[test]
    fn sentences_divide_a_translation() {
        let template = Template::read("output_template", "{context} {current}").unwrap();
        let divided = |text: &'static str, context, current| {
            let division = divide(text, &template, Some(Originals { context, current }))?;
            Some((&text[division.context], &text[division.current]))
        };
        let text = "Il fait froid. La nuit tombe. Où sont-elles ?";
        assert_eq!(
            divided(text, "It is cold. Night falls.", "Where are they?"),
            Some(("Il fait froid. La nuit tombe.", "Où sont-elles ?"))
        );
        assert_eq!(divided(text, "It is cold.", "Where are they?"), None, "three sentences of two");
        assert_eq!(divided(text, "", "It is cold. Night falls. Where are they?"), None);
    }

    #[test]
    fn a_separator_divides_if_it_is_there_once() {
        assert_eq!(divided("Hello. <brk> How are you?", "{context} <brk> {current}"), Some(("Hello.", "How are you?")));
        assert_eq!(divided("Hello there", "{context} {current}"), Some(("Hello", "there")));
        assert_eq!(divided("Hello there you", "{context} {current}"), None);
        assert_eq!(divided("Hello you", "{context}{current}"), Some(("Hello", "you")));
    }

    #[test]
    fn punctuation_divides_two_words() {
        assert_eq!(divided("Hello... World!", "{context}<brk>{current}"), Some(("Hello", "World!")));
        assert_eq!(divided("Hello, my World!", "{context}<brk>{current}"), None);
        assert_eq!(divided("Hello", "{context}<brk>{current}"), None);
        assert_eq!(divided("", "{context} {current}"), None);
    }

    #[test]
    fn a_given_context_divides() {
        let template = Template::read("output_template", "{context} {current}").unwrap();
        let behind = |text: &'static str, context| {
            let division = behind(text, context, &template)?;
            Some((&text[division.context], &text[division.current]))
        };
        assert_eq!(behind("She was late. Why?", "She was late."), Some(("She was late.", "Why?")));
        assert_eq!(behind("She was late. Why?", "She was late"), Some(("She was late", "Why?")));
        assert_eq!(behind("She was late.", "He"), None);
        assert_eq!(behind("She was late.", ""), Some(("", "She was late.")));
    }
}
