//! What a picture for a paper shows.

use inseq_core::{AttributionResult, CitationRule, Citations, ContextAttribution, SequenceAttribution};

use crate::{Texts, caption, context};

/// What a picture for a paper shows. The functions that draw take what each variant holds: a result, its texts, the influence of a
/// context, or citations.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "there is one for each picture")]
pub enum Shown<'a> {
    /// Texts with their attributions.
    Texts(Texts<'a>),
    /// The influence of a context.
    Context(&'a ContextAttribution),
    /// An answer with its sources, and the rule that decides which of them are cited.
    Citations(&'a Citations, CitationRule),
}

impl<'a> From<Texts<'a>> for Shown<'a> {
    fn from(texts: Texts<'a>) -> Self {
        Self::Texts(texts)
    }
}

impl<'a> From<&'a AttributionResult> for Shown<'a> {
    fn from(result: &'a AttributionResult) -> Self {
        Self::Texts(result.into())
    }
}

impl<'a> From<&'a SequenceAttribution> for Shown<'a> {
    fn from(sequence: &'a SequenceAttribution) -> Self {
        Self::Texts(sequence.into())
    }
}

impl<'a> From<&'a ContextAttribution> for Shown<'a> {
    fn from(attribution: &'a ContextAttribution) -> Self {
        Self::Context(attribution)
    }
}

impl<'a> From<&'a Citations> for Shown<'a> {
    fn from(citations: &'a Citations) -> Self {
        Self::Citations(citations, CitationRule::default())
    }
}

impl<'a> From<(&'a Citations, CitationRule)> for Shown<'a> {
    fn from((citations, rule): (&'a Citations, CitationRule)) -> Self {
        Self::Citations(citations, rule)
    }
}

impl Shown<'_> {
    /// Method and model in one line.
    pub(super) fn caption(&self) -> Option<String> {
        match self {
            Self::Texts(texts) => caption::line(&texts.info),
            Self::Context(attribution) => Some(context::line(attribution)),
            Self::Citations(citations, _) => {
                let facts = [&citations.method, &citations.model].map(|fact| caption::one_line(fact));
                Some(format!("citations by {}", facts.join(" · ")))
            }
        }
    }
}
