//! The texts that a picture shows.

use std::borrow::Cow;

use inseq_core::{AttributionResult, Info, SequenceAttribution};

use crate::view::ViewOptions;
use crate::{Error, Result};

/// The attributions that a picture shows, borrowed from one result or two. A picture takes a `&AttributionResult` as well.
///
/// ```
/// use inseq_core::{AttributionResult, SequenceAttribution, Token};
/// use inseq_viz::{Texts, View, ViewOptions, terminal};
///
/// let result = |score: f32| AttributionResult {
///     sequences: vec![SequenceAttribution {
///         source: vec![Token::new("▁a", 1)],
///         target: vec![Token::new("▁b", 2)],
///         attr_pos_end: 1,
///         source_attributions: Some(ndarray::arr2(&[[score]]).into_dyn()),
///         ..SequenceAttribution::default()
///     }],
///     ..AttributionResult::default()
/// };
/// let (one, other) = (result(0.75), result(0.5));
/// let options = terminal::TerminalOptions::default().view(ViewOptions::default().view(View::Pair));
/// assert!(terminal::render(Texts::in_pairs(&one, &other)?, &options)?.contains("A less B"));
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
            return Err(Error::Pair(format!(
                "{here} texts cannot be compared one by one with {there}; give results of as many texts"
            )));
        }
        let sequences = result.sequences.iter().zip(&other.sequences).flat_map(|(one, other)| [one, other]).collect();
        Ok(Self { info: Cow::Borrowed(&result.info), sequences })
    }

    /// The shown part of each text, of which there is at least one.
    pub(crate) fn shown(&self, options: &ViewOptions) -> Result<Vec<Cow<'a, SequenceAttribution>>> {
        options.check()?;
        if self.sequences.is_empty() {
            return Err(Error::NoTexts);
        }
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
