//! Aggregator that merges tokens between separators.

use std::ops::Range;
use std::str::FromStr;

use fancy_regex::Regex;

use super::{Aggregator, Merging, Spans};
use crate::{Error, Result, SequenceAttribution, Token};

/// Place of the tokens of a separator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SplitMode {
    /// They form a group of their own.
    #[default]
    Single,
    /// They belong to the following tokens.
    Start,
    /// They belong to the tokens before them.
    End,
}

impl SplitMode {
    /// Every name that can be parsed.
    pub const NAMES: [&'static str; 3] = ["single", "start", "end"];
}

impl FromStr for SplitMode {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Ok(match name {
            "single" => Self::Single,
            "start" => Self::Start,
            "end" => Self::End,
            _ => return Err(Error::unknown("split mode", name, Self::NAMES)),
        })
    }
}

/// Merges the tokens between matches of a regular expression, such as the tokens of a sentence. The reference's `split`
/// aggregator.
///
/// The expression is matched against the joined texts of the tokens, in the tokenizer's spelling (`▁` or `Ġ` before words).
/// A token that is matched in part counts as matched; empty matches are ignored. A text without a match does not change.
/// The syntax is that of Rust's `regex`, with look-around and back-references as in Python.
///
/// ```
/// use inseq_core::aggregators::{Aggregator, Split, SplitMode};
/// use inseq_core::{SequenceAttribution, Token};
///
/// let source = ["▁No", ".", "▁Go", "▁on", "."].map(|text| Token::new(text, 3)).to_vec();
/// let attribution = SequenceAttribution { source, ..SequenceAttribution::default() };
/// let sentences = Split::new(r"\.")?.mode(SplitMode::End).aggregate(&attribution)?;
/// let texts: Vec<&str> = sentences.source.iter().map(|token| token.text.as_str()).collect();
/// assert_eq!(texts, ["▁No.", "▁Go▁on."]);
/// # Ok::<(), inseq_core::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Split {
    /// Regular expression that matches separators.
    pub pattern: Regex,
    /// Place of the tokens of a separator.
    pub mode: SplitMode,
    /// Whether source tokens are merged.
    pub aggregate_source: bool,
    /// Whether target tokens are merged.
    pub aggregate_target: bool,
    /// Functions that merge the scores of a group; an [`AggregationFunction`](super::AggregationFunction) applies to attributions and
    /// step scores.
    pub merging: Merging,
}

crate::setters! {
    Split {
        pattern: Regex,
        mode: SplitMode,
        aggregate_source: bool,
        aggregate_target: bool,
        merging: impl Into<Merging>,
    }
}

impl Split {
    /// Splits at matches of `pattern`; each match forms a group of its own.
    ///
    /// # Errors
    /// The pattern is empty, or not a valid regular expression.
    pub fn new(pattern: &str) -> Result<Self> {
        if pattern.is_empty() {
            let problem = "`split_pattern` is empty; give a regular expression such as \"\\.\"";
            return Err(Error::argument("split_pattern", problem.into()));
        }
        let pattern = Regex::new(pattern).map_err(|error| {
            Error::argument("split_pattern", format!("split pattern {pattern:?} is no regular expression: {error}"))
        })?;
        Ok(Self {
            pattern,
            mode: SplitMode::default(),
            aggregate_source: true,
            aggregate_target: true,
            merging: Merging::default(),
        })
    }

    /// The spans of merged tokens, each token in one span; no spans if nothing matches.
    fn spans(&self, tokens: &[Token]) -> Result<Vec<Range<usize>>> {
        let separators = self.separators(tokens)?;
        if separators.is_empty() {
            return Ok(Vec::new());
        }
        let mut cuts = vec![0];
        if self.mode != SplitMode::End {
            cuts.extend(separators.iter().map(|span| span.start));
        }
        if self.mode != SplitMode::Start {
            cuts.extend(separators.iter().map(|span| span.end));
        }
        cuts.push(tokens.len());
        cuts.sort_unstable();
        cuts.dedup();
        Ok(cuts.windows(2).map(|cut| cut[0]..cut[1]).collect())
    }

    /// The tokens of each match. Tokens that two matches share become a separate separator.
    fn separators(&self, tokens: &[Token]) -> Result<Vec<Range<usize>>> {
        let mut ends = Vec::with_capacity(tokens.len());
        let mut text = String::new();
        for token in tokens {
            text.push_str(&token.text);
            ends.push(text.len());
        }
        let mut spans: Vec<Range<usize>> = Vec::new();
        for found in self.pattern.find_iter(&text) {
            let found = found.map_err(|error| {
                Error::argument("split_pattern", format!("splitting at {:?}: {error}", self.pattern.as_str()))
            })?;
            if found.range().is_empty() {
                continue;
            }
            let start = ends.partition_point(|&end| end <= found.start());
            let end = ends.partition_point(|&end| end < found.end()) + 1;
            match spans.pop_if(|last| last.end > start) {
                Some(last) => {
                    let pieces = [last.start..start, start..last.end, last.end..end];
                    spans.extend(pieces.into_iter().filter(|piece| !piece.is_empty()));
                }
                None => spans.push(start..end),
            }
        }
        Ok(spans)
    }
}

impl Aggregator for Split {
    fn name(&self) -> &str {
        "split"
    }

    fn aggregate(&self, attribution: &SequenceAttribution) -> Result<SequenceAttribution> {
        let spans = |merges: bool, tokens: &[Token]| if merges { self.spans(tokens) } else { Ok(Vec::new()) };
        Spans::new()
            .source(spans(self.aggregate_source, &attribution.source)?)
            .target(spans(self.aggregate_target, &attribution.target)?)
            .merging(self.merging.clone())
            .aggregate(attribution)
    }
}
