//! The texts that a picture shows.

use std::borrow::Cow;

use inseq_core::{AttributionResult, Info, SequenceAttribution};

use crate::view::ViewOptions;
use crate::{Error, Result};

/// The attributions that a picture shows, borrowed from one result or two. A picture takes a `&AttributionResult` as well.
///
/// ```
/// use inseq_core::AttributionResult;
/// use inseq_viz::Texts;
///
/// let (one, other) = (AttributionResult::default(), AttributionResult::default());
/// let options = inseq_viz::terminal::TerminalOptions::default();
/// let pairs = Texts::in_pairs(&one, &other)?;
/// assert_eq!(inseq_viz::terminal::render(pairs, &options)?, inseq_viz::terminal::render(&one, &options)?);
/// # Ok::<(), inseq_viz::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Texts<'a> {
    /// Facts about the call that made the result.
    pub info: Cow<'a, Info>,
    /// The attributions, in the order of the picture.
    pub sequences: Vec<&'a SequenceAttribution>,
}

impl<'a> From<&'a AttributionResult> for Texts<'a> {
    fn from(result: &'a AttributionResult) -> Self {
        Self { info: Cow::Borrowed(&result.info), sequences: result.sequences.iter().collect() }
    }
}

impl<'a> From<&'a SequenceAttribution> for Texts<'a> {
    fn from(sequence: &'a SequenceAttribution) -> Self {
        Self { info: Cow::Owned(Info::default()), sequences: vec![sequence] }
    }
}

impl<'a> Texts<'a> {
    /// Pairs each text of a result with the text of the other result at the same index, for
    /// [`View::Pair`](crate::View::Pair).
    ///
    /// # Errors
    /// [`Error::Pair`] if the numbers of texts differ.
    pub fn in_pairs(result: &'a AttributionResult, other: &'a AttributionResult) -> Result<Self> {
        let (here, there) = (result.sequences.len(), other.sequences.len());
        if here != there {
            return Err(Error::Pair(format!("{there} texts cannot be compared with {here}, one by one")));
        }
        let sequences = result.sequences.iter().zip(&other.sequences).flat_map(|(one, other)| [one, other]).collect();
        Ok(Self { info: Cow::Borrowed(&result.info), sequences })
    }

    /// The shown part of each text.
    pub(crate) fn shown(&self, options: &ViewOptions) -> Result<Vec<Cow<'a, SequenceAttribution>>> {
        options.check()?;
        let texts = self.sequences.iter().enumerate();
        let shown = texts.map(|(text, sequence)| match options.hide_special {
            false => Ok(Cow::Borrowed(*sequence)),
            true => sequence
                .without_special()
                .map(Cow::Owned)
                .map_err(|error| Error::Axis { text, problem: error.to_string() }),
        });
        shown.collect()
    }
}
