//! Paragraphs and sentences of a text.

use std::ops::Range;

use super::sentences;

/// Byte spans of the sentences of a text, without the white space around them.
///
/// The bounds are Unicode's (UAX #29), with two changes. The full stop of a common abbreviation (`Dr. Smith`, `e.g.`, `No. 5`), of
/// initials (`J. R. Tolkien`), or of a number at the start of a line ends no sentence. The end of a line ends a sentence only if the
/// lines are not wrapped: before an empty line, a heading or an item of a list, and where the next line begins with a capital letter
/// although its first word fits behind the line.
///
/// ```
/// use inseq_core::text::sentence_spans;
///
/// assert_eq!(sentence_spans("It is 3.5 m. Why?\n"), [0..12, 13..17]);
/// ```
pub fn sentence_spans(text: &str) -> Vec<Range<usize>> {
    between(text, sentences::starts(text))
}

/// Byte spans of the paragraphs of a text, without the white space around them. A line without text ends a paragraph.
///
/// ```
/// use inseq_core::text::paragraph_spans;
///
/// assert_eq!(paragraph_spans("one\ntwo\n \nthree\n"), [0..7, 10..15]);
/// ```
pub fn paragraph_spans(text: &str) -> Vec<Range<usize>> {
    let mut starts = vec![0];
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        start += line.len();
        if line.trim().is_empty() {
            starts.push(start);
        }
    }
    between(text, starts)
}

/// Spans from each start to the next one, without the white space around them.
fn between(text: &str, starts: Vec<usize>) -> Vec<Range<usize>> {
    let ends = starts.iter().copied().skip(1).chain(std::iter::once(text.len()));
    let spans = starts.iter().zip(ends).map(|(&start, end)| trimmed(text, start..end));
    spans.filter(|span| !span.is_empty()).collect()
}

/// A byte span of a text without the white space around it.
pub fn trimmed(text: &str, span: Range<usize>) -> Range<usize> {
    let part = &text[span.clone()];
    let start = span.start + part.len() - part.trim_start().len();
    start..(start + part.trim().len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_no_space_around_them() {
        assert_eq!(sentence_spans("  Mr. Fox ran.  Why? "), [2..14, 16..20]);
        assert_eq!(sentence_spans("今天很好。我喜欢猫。"), [0..15, 15..30]);
        assert_eq!(paragraph_spans("\n\n a\r\nb\r\n\r\nc"), [3..7, 11..12]);
        assert!(sentence_spans(" \n").is_empty() && paragraph_spans("").is_empty());
    }
}
