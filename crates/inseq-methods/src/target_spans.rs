//! Spans of a target that are attributed together.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use inseq_core::{TextKind, TextName, Token, text};

use crate::steps::Steps;
use crate::{Error, Result};

/// Spans of generated tokens that are attributed together: a step is a span, and its score is the sum of the scores of its tokens.
///
/// A result has one column per span. The tokens of a span are merged to one, which is also one row: its score in the column of a
/// later span is the sum over its tokens, and its score in its own column the sum over its tokens before the last one. Methods that
/// attribute no function take the mean over the tokens of a span.
///
/// The default attributed function of spans is the log probability, so that the score of a span is the log probability of its text.
/// Spans lie within [`attr_pos_start`](crate::AttributionRequest::attr_pos_start) and
/// [`attr_pos_end`](crate::AttributionRequest::attr_pos_end); what lies between two given spans is a span, too.
///
/// ```
/// use inseq_methods::TargetSpans;
///
/// assert_eq!("sentences".parse::<TargetSpans>()?, TargetSpans::Sentences);
/// assert_eq!("chars 10..40, 52..60".parse::<TargetSpans>()?, TargetSpans::Characters(vec![vec![10..40, 52..60]]));
/// # Ok::<(), inseq_methods::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TargetSpans {
    /// Every token is a step.
    #[default]
    Tokens,
    /// Words ([`text::words`](inseq_core::text::words)).
    Words,
    /// Sentences ([`text::sentences`](inseq_core::text::sentences)).
    Sentences,
    /// All tokens are one span.
    Whole,
    /// Ranges of characters of the generated text, counted from its first character that is not white space; for a decoder-only
    /// model the generated text is what follows the prompt. A token of which a range has a part is in the span. One list per text,
    /// or one list for all texts.
    Characters(Vec<Vec<Range<usize>>>),
    /// Ranges of target positions, as [`attr_pos_start`](crate::AttributionRequest::attr_pos_start) counts them, but not from the
    /// end. One list per text, or one list for all texts.
    Positions(Vec<Vec<Range<usize>>>),
}

impl FromStr for TargetSpans {
    type Err = Error;

    /// Reads `tokens`, `words`, `sentences`, `whole`, or ranges with an exclusive end, the same for all texts: `chars 10..40`,
    /// `tokens 5..9, 9..14`.
    fn from_str(given: &str) -> Result<Self> {
        let (kind, ranges) = given.trim().split_once(char::is_whitespace).unwrap_or((given.trim(), ""));
        let range = |range: &str| {
            let (start, end) = range.split_once("..")?;
            Some(start.trim().parse().ok()?..end.trim().parse().ok()?)
        };
        let ranges: Option<Vec<Range<usize>>> = match ranges.is_empty() {
            true => None,
            false => ranges.split(',').map(range).collect(),
        };
        let spans = match (kind, ranges) {
            ("tokens", None) if given.trim() == kind => Some(Self::Tokens),
            ("words", None) if given.trim() == kind => Some(Self::Words),
            ("sentences", None) if given.trim() == kind => Some(Self::Sentences),
            ("whole", None) if given.trim() == kind => Some(Self::Whole),
            ("chars", Some(ranges)) => Some(Self::Characters(vec![ranges])),
            ("tokens", Some(ranges)) => Some(Self::Positions(vec![ranges])),
            _ => None,
        };
        spans.ok_or_else(|| {
            Error::argument(
                "target_spans",
                format!(
                    "target spans are `tokens`, `words`, `sentences`, `whole`, or ranges such as `chars 10..40` or \
                     `tokens 5..9, 9..14`; found {given:?}"
                ),
            )
        })
    }
}

impl fmt::Display for TargetSpans {
    /// The text that [`from_str`](Self::from_str) reads; lists of several texts are separated by semicolons.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, texts) = match self {
            Self::Tokens => return f.write_str("tokens"),
            Self::Words => return f.write_str("words"),
            Self::Sentences => return f.write_str("sentences"),
            Self::Whole => return f.write_str("whole"),
            Self::Characters(texts) => ("chars", texts),
            Self::Positions(texts) => ("tokens", texts),
        };
        let of_text = |ranges: &Vec<Range<usize>>| {
            let ranges: Vec<String> = ranges.iter().map(|range| format!("{}..{}", range.start, range.end)).collect();
            ranges.join(", ")
        };
        let texts: Vec<String> = texts.iter().map(of_text).collect();
        write!(f, "{kind} {}", texts.join("; "))
    }
}

/// A text whose steps are looked for.
pub(crate) struct Written<'t> {
    /// Index of the text in the call, and the number of texts.
    pub(crate) index: usize,
    pub(crate) texts: usize,
    /// Target tokens with their pieces.
    pub(crate) tokens: &'t [Token],
    /// First position that can be attributed; earlier tokens were given.
    pub(crate) first: usize,
}

impl TargetSpans {
    /// The lists of ranges, one per text or one for all texts.
    pub(crate) fn lists(&self) -> Option<&[Vec<Range<usize>>]> {
        match self {
            Self::Tokens | Self::Words | Self::Sentences | Self::Whole => None,
            Self::Characters(texts) | Self::Positions(texts) => Some(texts),
        }
    }

    /// The spans with these lists in place of their own.
    pub(crate) fn with_lists(&self, lists: Vec<Vec<Range<usize>>>) -> Self {
        match self {
            Self::Characters(_) => Self::Characters(lists),
            Self::Positions(_) => Self::Positions(lists),
            other => other.clone(),
        }
    }

    /// The steps of a text, whose tokens are `requested` one by one.
    ///
    /// # Errors
    /// A range is empty, out of order or not in the text, or no span is among the requested tokens.
    pub(crate) fn steps(&self, requested: Steps, of: &Written) -> Result<Steps> {
        let (Some(start), end) = (requested.first(), requested.end()) else { return Ok(requested) };
        let first = of.first.min(of.tokens.len());
        let own = &of.tokens[first..];
        let found = match self {
            Self::Tokens => return Ok(requested),
            Self::Whole => vec![Range { start, end }],
            Self::Words => text::words(own),
            Self::Sentences => text::sentences(own),
            Self::Characters(texts) => of.in_characters(of.ranges(texts)?, own)?,
            Self::Positions(texts) => of.in_positions(of.ranges(texts)?)?,
        };
        let shift = if matches!(self, Self::Words | Self::Sentences | Self::Characters(_)) { first } else { 0 };
        let within = |span: Range<usize>| (span.start + shift).max(start)..(span.end + shift).min(end);
        let steps = Steps::spans(found.into_iter().map(within).filter(|span| span.start < span.end));
        match steps.is_empty() {
            false => Ok(steps.with_gaps()),
            true => Err(of.refusal(format!(": none of its target spans ({self}) is among the attributed tokens"))),
        }
    }
}

impl Written<'_> {
    fn refusal(&self, problem: String) -> Error {
        Error::of_text("target_spans", TextName::new(TextKind::Attributed, self.index), problem)
    }

    /// The ranges that are given for the text.
    fn ranges<'r>(&self, texts: &'r [Vec<Range<usize>>]) -> Result<&'r [Range<usize>]> {
        match texts {
            [all] => Ok(all),
            each if each.len() == self.texts => Ok(&each[self.index]),
            _ => Err(Error::argument(
                "target_spans",
                format!(
                    "target spans are given for {} texts, but there are {}; give a list for each, or one for all",
                    texts.len(),
                    self.texts
                ),
            )),
        }
    }

    /// Checks that ranges are in order, not empty, do not overlap, and lie within `all`.
    fn check(&self, ranges: &[Range<usize>], all: &Range<usize>, unit: &str) -> Result<()> {
        let mut before = all.start;
        for Range { start, end } in ranges.iter().cloned() {
            if start >= end || start < before || end > all.end {
                return Err(self.refusal(format!(
                    ": the target span {start}..{end} must not be empty, must begin at {before} or later, and must end at {} or \
                     earlier: its {unit} are {}..{}, and spans are in order and do not overlap",
                    all.end, all.start, all.end
                )));
            }
            before = end;
        }
        Ok(())
    }

    fn in_positions(&self, ranges: &[Range<usize>]) -> Result<Vec<Range<usize>>> {
        self.check(ranges, &(self.first..self.tokens.len()), "positions")?;
        Ok(ranges.to_vec())
    }

    /// Spans of `tokens` that have a part of each range of characters.
    fn in_characters(&self, ranges: &[Range<usize>], tokens: &[Token]) -> Result<Vec<Range<usize>>> {
        let (text, characters) = text::characters(tokens);
        let spaces = text.chars().take_while(|character| character.is_whitespace()).count();
        self.check(ranges, &(0..text.trim_end().chars().count().saturating_sub(spaces)), "characters")?;
        let mut spans: Vec<Range<usize>> = Vec::new();
        for range in ranges {
            let (start, end) = (range.start + spaces, range.end + spaces);
            let has_part = |own: &Range<usize>| own.start < end && start < own.end;
            let (Some(first), Some(last)) =
                (characters.iter().position(has_part), characters.iter().rposition(has_part))
            else {
                return Err(self.refusal(format!(
                    ": no token stands for the characters {}..{} of its target spans",
                    range.start, range.end
                )));
            };
            if spans.last().is_some_and(|before| before.end > first) {
                return Err(self.refusal(format!(
                    ": the target span {}..{} begins inside the last token of the span before it, {:?}; leave it out of one of \
                     the two",
                    range.start,
                    range.end,
                    tokens[first].written()
                )));
            }
            spans.push(first..last + 1);
        }
        Ok(spans)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(spans: &str, requested: Range<usize>) -> Result<Vec<(usize, usize)>> {
        // A prompt of two tokens and what follows it.
        let tokens = ["<s>", "Why", "▁Be", "cause", ".", "▁It", "▁is", ".", "</s>"].map(|token| Token::new(token, 1));
        let of = Written { index: 0, texts: 1, tokens: &tokens, first: 2 };
        let steps = spans.parse::<TargetSpans>()?.steps(requested.into(), &of)?;
        Ok(steps.iter().map(|span| (span.start, span.end)).collect())
    }

    #[test]
    fn spans_of_every_kind() {
        for (spans, expected) in [
            ("whole", vec![(2, 9)]),
            ("sentences", vec![(2, 5), (5, 8), (8, 9)]),
            ("words", vec![(2, 5), (5, 6), (6, 8), (8, 9)]),
            ("chars 0..8", vec![(2, 5)]),
            ("chars 3..4", vec![(3, 4)]),
            // What lies between two spans is one.
            ("chars 0..2, 9..11", vec![(2, 3), (3, 5), (5, 6)]),
            ("tokens 3..5,6..8", vec![(3, 5), (5, 6), (6, 8)]),
        ] {
            assert_eq!(steps(spans, 2..9).unwrap(), expected, "{spans}");
        }
        assert_eq!(steps("sentences", 4..6).unwrap(), [(4, 5), (5, 6)]);
        assert_eq!(steps("tokens", 4..6).unwrap(), [(4, 5), (5, 6)]);
    }

    #[test]
    fn spans_that_make_no_sense_are_named() {
        for (spans, expected) in [
            ("paragraphs", "found \"paragraphs\""),
            ("words 1..2", "target spans are"),
            ("chars", "target spans are"),
            ("chars 4..x", "found \"chars 4..x\""),
            ("chars 3..3", "3..3 must not be empty"),
            ("chars 5..6, 2..3", "2..3 must not be empty, must begin at 6"),
            ("chars 0..90", "its characters are 0..15"),
            ("chars 0..1, 1..2", "begins inside the last token of the span before it, \"▁Be\""),
            ("tokens 1..4", "its positions are 2..9"),
            ("tokens 3..12", "end at 9 or earlier"),
        ] {
            let message = steps(spans, 2..9).unwrap_err().to_string();
            assert!(message.contains(expected), "{spans}: {message}");
        }
        let message = steps("tokens 2..3", 5..9).unwrap_err().to_string();
        assert!(message.contains("none of its target spans (tokens 2..3)"), "{message}");
    }

    #[test]
    fn spans_are_written_as_they_are_read() {
        for spans in ["tokens", "words", "sentences", "whole", "chars 1..2, 4..9", "tokens 3..4"] {
            assert_eq!(spans.parse::<TargetSpans>().unwrap().to_string(), spans);
        }
    }
}
