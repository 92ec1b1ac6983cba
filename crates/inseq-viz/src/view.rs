//! What is shown of a result, whatever draws it.

use std::borrow::Cow;
use std::ops::Range;

use inseq_core::{AttributionResult, SequenceAttribution};

use crate::token_text::TokenText;
use crate::{Error, Result};

/// Which side of a result is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
pub enum View {
    /// Input tokens down, generated tokens across.
    #[default]
    Matrix,
    /// The text as it is read, coloured by the influence of each of its tokens on a generated one.
    Tokens,
    /// Input tokens down and, for each generated token, the layers, heads or features of its scores across.
    Granular,
    /// Two texts of one shape, and the first one's scores less the second one's.
    Pair,
    /// Curved links from input tokens to generated tokens. Not for terminals.
    Links,
}

/// What is shown of a result.
///
/// ```
/// use inseq_viz::{View, ViewOptions};
///
/// let options = ViewOptions { view: View::Tokens, highlight: Some("probability".into()), ..ViewOptions::default() };
/// assert_eq!(options.min_value, None);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ViewOptions {
    /// Which view. Default the matrix.
    pub view: View,
    /// A heading instead of the one made from the result's `info`.
    pub title: Option<String>,
    /// Score at the low end of the colour scale, instead of 0 (or minus the largest magnitude where scores are negative).
    pub min_value: Option<f32>,
    /// Score at the high end of the colour scale, instead of the largest of the text.
    pub max_value: Option<f32>,
    /// Show only so many input tokens, those with the strongest scores. (Not in [`View::Tokens`], which is a text.)
    pub top_tokens: Option<usize>,
    /// Leave out tokens that stand for no text (start, end, padding, languages), as inputs and as generated tokens. What is
    /// left of shares is scaled to sum to 1 again ([`without_special`](inseq_core::SequenceAttribution::without_special)).
    pub hide_special: bool,
    /// Strings to replace in tokens, each with what takes its place.
    pub replacements: Vec<(String, String)>,
    /// Which generated tokens are explained, in [`View::Tokens`] and [`View::Granular`]; all where none are named.
    pub steps: Vec<Step>,
    /// The step score that colours generated tokens in [`View::Tokens`].
    pub highlight: Option<String>,
    /// Where [`View::Tokens`] starts a new line, besides where the width ends.
    pub wrap: Wrap,
    /// The axis that [`View::Granular`] spreads.
    pub granular: Granular,
}

impl ViewOptions {
    /// The texts of a result, as much of them as is shown.
    pub(crate) fn texts<'a>(&self, result: &'a AttributionResult) -> Result<Cow<'a, [SequenceAttribution]>> {
        if !self.hide_special {
            return Ok(Cow::Borrowed(&result.sequences));
        }
        let texts = result.sequences.iter().enumerate();
        let spoken = texts.map(|(text, sequence)| {
            sequence.without_special().map_err(|error| Error::Axis { text, problem: error.to_string() })
        });
        spoken.collect::<Result<_>>().map(Cow::Owned)
    }
}

/// A generated token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// By its position among the attributed ones; negative counts from the end.
    Position(i64),
    /// By its text, with or without the mark of a word's start; each that is so spelled.
    Text(String),
}

/// Where a line of tokens ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Wrap {
    /// Where the width does.
    #[default]
    Width,
    /// After so many tokens.
    Every(usize),
    /// After each of these tokens, with or without the mark of a word's start.
    After(Vec<String>),
}

impl Wrap {
    /// Whether a line ends after the token at an index.
    pub(crate) fn ends_line(&self, index: usize, token: &TokenText) -> bool {
        match self {
            Wrap::Width => false,
            Wrap::Every(count) => *count > 0 && (index + 1).is_multiple_of(*count),
            Wrap::After(texts) => texts.iter().any(|text| token.is_spelled(text)),
        }
    }
}

/// Which scores [`View::Granular`] spreads. Axes are named as the result names them (`layer`, `head`), or `feature` for the
/// last axis of a granular one; or counted as the axes of the array are, so that the first of them is `2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granular {
    /// The axis that runs across. Default the first that is short enough.
    pub dimension: Option<String>,
    /// Only these entries of an axis. An axis that does not run across is averaged over those entries.
    pub slices: Vec<(String, Range<usize>)>,
    /// The longest axis that is spread. Default 20.
    pub longest: usize,
}

impl Default for Granular {
    fn default() -> Self {
        Self { dimension: None, slices: Vec::new(), longest: 20 }
    }
}
