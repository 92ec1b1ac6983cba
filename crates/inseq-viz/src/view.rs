//! Options that all pictures share: the view and its content.

use std::ops::Range;

use crate::scale::Scale;
use crate::token_text::TokenText;
use crate::{Error, Result};

/// View of a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[non_exhaustive]
pub enum View {
    /// A matrix: rows are input tokens, columns are generated tokens.
    #[default]
    Matrix,
    /// The running text, coloured by the influence of each token on a generated token.
    Tokens,
    /// One table per generated token: rows are input tokens, columns are layers, heads or features.
    Granular,
    /// Two texts with the same shape: the scores of the first minus those of the second.
    Pair,
    /// Curved links from input tokens to generated tokens. Not for terminals.
    Links,
}

/// Content of a picture.
///
/// ```
/// use inseq_viz::{View, ViewOptions};
///
/// let options = ViewOptions::default().view(View::Tokens).highlight("probability").top_tokens(5);
/// assert_eq!(options.min_value, None);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ViewOptions {
    /// The view. Default the matrix.
    pub view: View,
    /// A heading that replaces the one made from the result's `info`.
    pub title: Option<String>,
    /// Score at the low end of the colour scale. Default 0, or minus the largest magnitude if some scores are negative.
    pub min_value: Option<f32>,
    /// Score at the high end of the colour scale. Default the largest score of the text.
    pub max_value: Option<f32>,
    /// Number of input tokens to show, those with the strongest scores. No effect in [`View::Tokens`].
    pub top_tokens: Option<usize>,
    /// Whether tokens without text (start, end, padding, languages) are hidden, as inputs and as generated tokens. Scores that
    /// summed to 1 are scaled to sum to 1 again ([`without_special`](inseq_core::SequenceAttribution::without_special)).
    pub hide_special: bool,
    /// Strings to replace in tokens, each with its replacement.
    pub replacements: Vec<(String, String)>,
    /// Generated tokens to explain in [`View::Tokens`] and [`View::Granular`]; empty means all.
    pub steps: Vec<Step>,
    /// The step score that colours generated tokens in [`View::Tokens`].
    pub highlight: Option<String>,
    /// Line breaks of [`View::Tokens`], in addition to those at the width.
    pub wrap: Wrap,
    /// Axis that [`View::Granular`] shows.
    pub granular: Granular,
}

inseq_core::setters! {
    ViewOptions {
        view: View,
        min_value: impl Into<Option<f32>>,
        max_value: impl Into<Option<f32>>,
        top_tokens: impl Into<Option<usize>>,
        hide_special: bool,
        replacements: Vec<(String, String)>,
        steps: Vec<Step>,
        wrap: Wrap,
        granular: Granular,
    }
    some { title: impl Into<String>, highlight: impl Into<String> }
}

impl ViewOptions {
    /// Checks the options that need no result. Every picture does this first.
    ///
    /// ```
    /// use inseq_viz::ViewOptions;
    ///
    /// let nothing = ViewOptions::default().top_tokens(0);
    /// assert_eq!(nothing.check().unwrap_err().to_string(), "`top_tokens` is 0; expected 1 or more");
    /// ```
    ///
    /// # Errors
    /// [`Error::Option`] for a number of tokens, of tokens per line, or of columns that is 0, for an end of the colour scale that is not
    /// finite, and for an empty string to replace. [`Error::Range`] if the low end of the colour scale is not below the high end.
    pub fn check(&self) -> Result<()> {
        const NONE: &str = "is 0; expected 1 or more";
        const NOT_FINITE: &str = "is NaN or infinite; expected a finite score";
        let is_endless = |score: Option<f32>| score.is_some_and(|score| !score.is_finite());
        let wrong = [
            ("top_tokens", self.top_tokens == Some(0), NONE),
            ("wrap", self.wrap == Wrap::Every(0), NONE),
            ("longest", self.granular.longest == 0, NONE),
            ("min_value", is_endless(self.min_value), NOT_FINITE),
            ("max_value", is_endless(self.max_value), NOT_FINITE),
            (
                "replacements",
                self.replacements.iter().any(|(from, _)| from.is_empty()),
                "has an empty string to replace; expected at least one character",
            ),
        ];
        if let Some((option, _, problem)) = wrong.into_iter().find(|(_, is_wrong, _)| *is_wrong) {
            return Err(Error::Option { option, problem });
        }
        if let (Some(min), Some(max)) = (self.min_value, self.max_value) {
            Scale::new(min, max)?;
        }
        Ok(())
    }
}

/// A generated token.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// By its position among the attributed tokens; a negative position counts from the end.
    Position(i64),
    /// By its text, with or without the mark of a word start; matches every token with this text.
    Text(String),
}

/// Line breaks in a running text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wrap {
    /// At the width only.
    #[default]
    Width,
    /// After this number of tokens.
    Every(usize),
    /// After each of these tokens, given with or without the mark of a word start.
    After(Vec<String>),
}

impl Wrap {
    /// Whether a line ends after the token at an index.
    pub(crate) fn ends_line(&self, index: usize, token: &TokenText) -> bool {
        match self {
            Wrap::Width => false,
            Wrap::Every(count) => (index + 1).is_multiple_of(*count),
            Wrap::After(texts) => texts.iter().any(|text| token.is_spelled(text)),
        }
    }
}

/// Scores that [`View::Granular`] shows. An axis has its name in the result (`layer`, `head`), or `feature` for the
/// last axis of a granular result, or its index in the array, so the first such axis is `2`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Granular {
    /// Axis of the columns. Default the first axis that is short enough.
    pub dimension: Option<String>,
    /// Selected entries of an axis. Every axis except that of the columns is averaged over its selected entries.
    pub slices: Vec<(String, Range<usize>)>,
    /// Largest length of the axis of the columns. Default 20.
    pub longest: usize,
}

inseq_core::setters! {
    Granular { slices: Vec<(String, Range<usize>)>, longest: usize }
    some { dimension: impl Into<String> }
}

impl Default for Granular {
    fn default() -> Self {
        Self { dimension: None, slices: Vec::new(), longest: 20 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_the_scale_are_checked_without_a_result() {
        let said = |options: ViewOptions| options.check().unwrap_err().to_string();
        assert_eq!(
            said(ViewOptions::default().min_value(f32::NAN)),
            "`min_value` is NaN or infinite; expected a finite score"
        );
        assert!(said(ViewOptions::default().max_value(f32::INFINITY)).starts_with("`max_value` is NaN"));
        assert!(said(ViewOptions::default().min_value(2.0).max_value(1.0)).contains("found 2..1"));
        ViewOptions::default().min_value(-1.0).max_value(1.0).check().unwrap();
    }
}
