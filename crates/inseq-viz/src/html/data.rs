//! The data of one text in the page: tokens ready to show, and unchanged scores.

use std::borrow::Cow;

use base64::Engine as _;
use inseq_core::{AttributionKind, SequenceAttribution, Token};
use ndarray::ArrayD;
use serde::Serialize;

use crate::matrix::{Matrix, readable};
use crate::token_text::{TokenText, reading, spaces_before};
use crate::view::ViewOptions;
use crate::{Error, Result};

/// Number of characters of a text that lists show.
const BEGINNING: usize = 90;

/// Number of axes after token and step that fit into a page.
///
/// It is the same for all texts, so that they can be compared.
pub(super) fn affordable_axes(texts: &[Cow<SequenceAttribution>], budget: usize) -> usize {
    let arrays = || {
        let sides = texts.iter().flat_map(|text| [&text.source_attributions, &text.target_attributions]);
        sides.flatten()
    };
    let most = arrays().map(|array| array.ndim().saturating_sub(2)).max().unwrap_or(0);
    let numbers = |axes: usize| -> usize {
        arrays()
            .map(|array| array.shape().iter().take(2 + axes).fold(1_usize, |all, &length| all.saturating_mul(length)))
            .sum()
    };
    // A 32-bit number takes 16/3 characters of base64.
    (0..=most).rev().find(|&axes| numbers(axes).saturating_mul(16) / 3 <= budget).unwrap_or(0)
}

/// One text with its scores; names as in the file format of results.
#[derive(Serialize)]
pub(super) struct Text {
    source: Tokens,
    target: Tokens,
    attr_pos_start: usize,
    attr_pos_end: usize,
    /// Kind of the attribution; it says whether the last axis has features.
    kind: &'static str,
    axes: Vec<Axis>,
    source_attributions: Option<Scores>,
    target_attributions: Option<Scores>,
    step_scores: indexmap::IndexMap<String, Scores>,
    step_names: indexmap::IndexMap<String, Name>,
    passages: Vec<Passage>,
    #[serde(skip)]
    beginnings: Summary,
}

/// The tokens of a text: their spelling and their shown text.
#[derive(Serialize)]
struct Tokens {
    text: Vec<String>,
    id: Vec<i64>,
    /// For each token its mark of a word start, or a space.
    mark: String,
    /// Shown text by position, for tokens whose shown text differs from the spelling without the mark.
    shown: indexmap::IndexMap<usize, String>,
    /// Text in the running text by position, for tokens where it differs from the shown text.
    running: indexmap::IndexMap<usize, String>,
    special: Vec<usize>,
    /// `1` for each token with a space before it.
    space: String,
}

#[derive(Serialize)]
struct Axis {
    name: String,
    length: usize,
}

#[derive(Serialize)]
struct Name {
    name: String,
}

/// A part of the running text.
#[derive(Serialize)]
struct Passage {
    role: &'static str,
    side: &'static str,
    heading: &'static str,
    direction: &'static str,
    first: usize,
    last: usize,
}

/// The beginnings of a text.
#[derive(Clone, Default, Serialize)]
pub(super) struct Summary {
    given: String,
    written: String,
    #[serde(skip)]
    pub given_whole: String,
    #[serde(skip)]
    pub written_whole: String,
}

/// Scores as 32-bit floats, little-endian, in base64: JSON has no NaN, and its numbers take twice the space.
struct Scores(Vec<f32>);

impl Serialize for Scores {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let bytes: Vec<u8> = self.0.iter().flat_map(|score| score.to_le_bytes()).collect();
        serializer.serialize_str(&base64::engine::general_purpose::STANDARD.encode(bytes))
    }
}

impl Text {
    /// The data of a text with at most `axes` axes after token and step.
    pub fn new(sequence: &SequenceAttribution, index: usize, axes: usize, options: &ViewOptions) -> Result<Self> {
        let invalid = |error: inseq_core::Error| Error::Axis { text: index, problem: error.to_string() };
        let matrix = Matrix::without_scores(sequence, index, options)?;
        if sequence.kind == AttributionKind::Coarse {
            // Says what does not fit together in the words of pictures.
            Matrix::new(sequence, index, options)?;
        }
        let mut reduced = None;
        loop {
            let shown = reduced.as_ref().unwrap_or(sequence);
            if axes_of(&shown.kind).len() <= axes {
                break;
            }
            let scores = inseq_core::aggregators::Scores::by_kind();
            reduced = Some(shown.aggregate_with(&scores).map_err(invalid)?);
        }
        let sequence = reduced.as_ref().unwrap_or(sequence);
        if sequence.kind != AttributionKind::Coarse {
            sequence.validate().map_err(invalid)?;
        }
        let lengths = [&sequence.source_attributions, &sequence.target_attributions].into_iter().flatten().next();
        let lengths = lengths.map_or(&[][..], |array| &array.shape()[2..]);
        let names = axes_of(&sequence.kind);
        let scores = |array: &Option<ArrayD<f32>>| array.as_ref().map(|array| Scores(array.iter().copied().collect()));
        Ok(Self {
            source: Tokens::new(&sequence.source, &matrix.source),
            target: Tokens::new(&sequence.target, &matrix.target),
            attr_pos_start: sequence.attr_pos_start,
            attr_pos_end: sequence.attr_pos_end,
            kind: match sequence.kind {
                AttributionKind::Granular => "granular",
                AttributionKind::Coarse => "coarse",
                AttributionKind::MultiDimensional { .. } => "multi-dimensional",
            },
            axes: names.iter().zip(lengths).map(|(name, &length)| Axis { name: readable(name), length }).collect(),
            source_attributions: scores(&sequence.source_attributions),
            target_attributions: scores(&sequence.target_attributions),
            step_scores: matrix.step_scores.iter().map(|row| (row.key.clone(), Scores(row.scores.clone()))).collect(),
            step_names: matrix
                .step_scores
                .iter()
                .map(|row| (row.key.clone(), Name { name: row.name.clone() }))
                .collect(),
            passages: passages(&matrix),
            beginnings: Summary {
                given: beginning(matrix.given()),
                written: beginning(matrix.generated()),
                given_whole: reading(matrix.given()),
                written_whole: reading(matrix.generated()),
            },
        })
    }

    pub fn summary(&self) -> Summary {
        self.beginnings.clone()
    }
}

/// The names of the axes after token and step.
fn axes_of(kind: &AttributionKind) -> Vec<String> {
    match kind {
        AttributionKind::Granular => vec!["feature".to_owned()],
        AttributionKind::Coarse => Vec::new(),
        AttributionKind::MultiDimensional { dimensions } => dimensions.clone(),
    }
}

impl Tokens {
    fn new(tokens: &[Token], texts: &[TokenText]) -> Self {
        let is_plain = |token: &Token, text: &TokenText| text.spelling() == token.text;
        Self {
            text: tokens.iter().map(|token| token.text.clone()).collect(),
            id: tokens.iter().map(|token| token.id.map_or(-1, i64::from)).collect(),
            mark: texts.iter().map(|text| text.word_start.unwrap_or(' ')).collect(),
            shown: tokens
                .iter()
                .zip(texts)
                .enumerate()
                .filter(|(_, (token, text))| !is_plain(token, text))
                .map(|(position, (_, text))| (position, text.text.clone()))
                .collect(),
            running: texts
                .iter()
                .enumerate()
                .filter(|(_, text)| text.running() != text.text && !text.text.is_empty())
                .map(|(position, text)| (position, text.running().to_owned()))
                .collect(),
            special: (0..texts.len()).filter(|&position| texts[position].special).collect(),
            space: spaces_before(texts).into_iter().map(|space| if space { '1' } else { '0' }).collect(),
        }
    }
}

fn beginning(tokens: &[TokenText]) -> String {
    let text = reading(tokens);
    let mut beginning: String = text.chars().take(BEGINNING).collect();
    if beginning.len() < text.len() {
        beginning.push('…');
    }
    beginning
}

fn passages(matrix: &Matrix) -> Vec<Passage> {
    let passage = |role, side, heading, tokens: &[TokenText], first: usize| Passage {
        role,
        side,
        heading,
        direction: direction(tokens),
        first,
        last: first + tokens.len(),
    };
    if matrix.has_source {
        let (source, target) = (&matrix.source, &matrix.target);
        vec![passage("source", "source", "Source", source, 0), passage("generated", "target", "Generated", target, 0)]
    } else {
        let start = matrix.steps.start;
        let (prompt, generated) = matrix.target.split_at(start);
        vec![
            passage("prompt", "target", "Prompt", prompt, 0),
            passage("generated", "target", "Generated", generated, start),
        ]
    }
}

/// The direction of the first word.
fn direction(tokens: &[TokenText]) -> &'static str {
    let word = tokens.iter().find(|token| !token.special && token.text.chars().any(char::is_alphabetic));
    if word.is_some_and(|token| token.right_to_left) { "rtl" } else { "ltr" }
}
