//! The JSON header of a file: everything except scores.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::saved::conventions::{self, StatedAxes, StatedMerging};
use crate::saved::pieces::SavedPieces;
use crate::{AttributionKind, Info, SequenceAttribution, StepAttribution, Token};

/// The result without its scores.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Header<'a> {
    pub version: u32,
    pub info: Cow<'a, Info>,
    pub sequences: Vec<SequenceHeader<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<Vec<StepHeader<'a>>>,
}

/// A token as `[text, id]`.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct TokenHeader<'a>(Cow<'a, str>, #[serde(with = "crate::token::saved_id")] Option<u32>);

/// A sequence without its scores.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct SequenceHeader<'a> {
    pub source: Vec<TokenHeader<'a>>,
    pub target: Vec<TokenHeader<'a>>,
    /// Pieces of the source tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source_pieces: Option<SavedPieces>,
    /// Pieces of the target tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target_pieces: Option<SavedPieces>,
    pub attr_pos_start: usize,
    pub attr_pos_end: usize,
    pub kind: Kind,
    /// Names of the step scores, in order.
    pub step_scores: Vec<Cow<'a, str>>,
    /// Names of the sequence scores, in order.
    pub sequence_scores: Vec<Cow<'a, str>>,
    /// Functions that merge step scores, by name, if other than the reference's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub step_score_merging: StatedMerging,
    /// Axes of the sequence scores, by name, if other than the reference's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sequence_score_axes: StatedAxes,
}

/// A step without its scores.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct StepHeader<'a> {
    pub source: Vec<Vec<TokenHeader<'a>>>,
    pub target: Vec<Vec<TokenHeader<'a>>>,
    pub prefix: Vec<Vec<TokenHeader<'a>>>,
    pub kind: Kind,
    pub step_scores: Vec<Cow<'a, str>>,
    pub sequence_scores: Vec<Cow<'a, str>>,
    /// Axes of the sequence scores, by name, if other than the reference's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sequence_score_axes: StatedAxes,
}

/// Meaning of the axes after the first two.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Granular,
    Coarse,
    MultiDimensional(Vec<String>),
}

impl From<&AttributionKind> for Kind {
    fn from(kind: &AttributionKind) -> Self {
        match kind {
            AttributionKind::Granular => Self::Granular,
            AttributionKind::Coarse => Self::Coarse,
            AttributionKind::MultiDimensional { dimensions } => Self::MultiDimensional(dimensions.clone()),
        }
    }
}

impl From<&Kind> for AttributionKind {
    fn from(kind: &Kind) -> Self {
        match kind {
            Kind::Granular => Self::Granular,
            Kind::Coarse => Self::Coarse,
            Kind::MultiDimensional(dimensions) => Self::MultiDimensional { dimensions: dimensions.clone() },
        }
    }
}

fn text(tokens: &[Token]) -> Vec<TokenHeader<'_>> {
    tokens.iter().map(|token| TokenHeader(Cow::Borrowed(&token.text), token.id)).collect()
}

fn texts(texts: &[Vec<Token>]) -> Vec<Vec<TokenHeader<'_>>> {
    texts.iter().map(|tokens| text(tokens)).collect()
}

/// The tokens of a text.
pub(super) fn tokens(text: &[TokenHeader]) -> Vec<Token> {
    text.iter().map(|TokenHeader(text, id)| Token::new(text.clone(), *id)).collect()
}

impl SequenceHeader<'_> {
    /// The tokens of both sides, with their pieces.
    pub fn tokens(&self) -> [Vec<Token>; 2] {
        [(&self.source, &self.source_pieces), (&self.target, &self.target_pieces)].map(|(side, pieces)| {
            let mut tokens = tokens(side);
            pieces.iter().for_each(|pieces| pieces.restore(&mut tokens));
            tokens
        })
    }
}

fn names<T>(scores: &indexmap::IndexMap<String, T>) -> Vec<Cow<'_, str>> {
    scores.keys().map(|name| Cow::Borrowed(name.as_str())).collect()
}

impl<'a> From<&'a SequenceAttribution> for SequenceHeader<'a> {
    fn from(sequence: &'a SequenceAttribution) -> Self {
        Self {
            source: text(&sequence.source),
            target: text(&sequence.target),
            source_pieces: SavedPieces::of(&sequence.source),
            target_pieces: SavedPieces::of(&sequence.target),
            attr_pos_start: sequence.attr_pos_start,
            attr_pos_end: sequence.attr_pos_end,
            kind: (&sequence.kind).into(),
            step_scores: names(&sequence.step_scores),
            sequence_scores: names(&sequence.sequence_scores),
            step_score_merging: conventions::stated_merging(&sequence.step_scores, &sequence.step_score_merging),
            sequence_score_axes: conventions::stated_axes(&sequence.sequence_scores),
        }
    }
}

impl<'a> From<&'a StepAttribution> for StepHeader<'a> {
    fn from(step: &'a StepAttribution) -> Self {
        Self {
            source: texts(&step.source),
            target: texts(&step.target),
            prefix: texts(&step.prefix),
            kind: (&step.kind).into(),
            step_scores: names(&step.step_scores),
            sequence_scores: names(&step.sequence_scores),
            sequence_score_axes: conventions::stated_axes(&step.sequence_scores),
        }
    }
}
