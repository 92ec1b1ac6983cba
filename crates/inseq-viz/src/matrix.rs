//! The attribution of one text as a table, which is checked once and used by every picture.

use std::ops::Range;

use inseq_core::{AttributionKind, SequenceAttribution, Token};

use crate::number::NumberFormat;
use crate::scale::Scale;
use crate::token_text::{TokenText, visible};
use crate::view::ViewOptions;
use crate::{Error, Result};

/// One input token and its score for every column.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// Position of the token in its text.
    pub position: usize,
    /// Scores, `[column]`; NaN if the column's step cannot see the token.
    pub scores: Vec<f32>,
}

/// Values of one step score.
#[derive(Clone, Debug)]
pub(crate) struct StepScoreRow {
    /// Name of the step function in the result.
    pub key: String,
    /// Name of the step function, safe to show.
    pub name: String,
    /// Values, `[step]`.
    pub scores: Vec<f32>,
}

/// The attribution of one text, ready to draw.
#[derive(Clone, Debug)]
pub(crate) struct Matrix {
    /// All source tokens.
    pub source: Vec<TokenText>,
    /// All target tokens.
    pub target: Vec<TokenText>,
    /// Positions in `target` of the attributed tokens: the steps.
    pub steps: Range<usize>,
    /// The heads of the columns. In most pictures a column is a step, and its head is the attributed token.
    pub heads: Vec<TokenText>,
    /// Whether the text has a source of its own (encoder-decoder).
    pub has_source: bool,
    /// A row for each source token, if the source was attributed.
    pub source_rows: Vec<Row>,
    /// A row for each target token that at least one step sees.
    pub target_rows: Vec<Row>,
    /// Step scores in the result's order.
    pub step_scores: Vec<StepScoreRow>,
}

impl Matrix {
    /// Checks a coarse attribution and makes its table; `text` is its position in the result, for errors.
    pub fn new(attribution: &SequenceAttribution, text: usize, options: &ViewOptions) -> Result<Self> {
        match &attribution.kind {
            AttributionKind::Coarse => {}
            AttributionKind::Granular => {
                return Err(Error::NotCoarse { text, found: "granular ([attributed, step, hidden])".into() });
            }
            AttributionKind::MultiDimensional { dimensions } => {
                return Err(Error::NotCoarse {
                    text,
                    found: format!("multi-dimensional (by {})", dimensions.join(", ")),
                });
            }
        }
        let mut matrix = Self::without_scores(attribution, text, options)?;
        let steps = matrix.steps.len();
        matrix.source_rows = rows(attribution, text, Side::Source, steps)?;
        matrix.target_rows = up_to_the_last_seen(rows(attribution, text, Side::Target, steps)?);
        Ok(matrix)
    }

    /// The tokens and step scores of an attribution of any kind.
    pub fn without_scores(attribution: &SequenceAttribution, text: usize, options: &ViewOptions) -> Result<Self> {
        let (start, end, target) = (attribution.attr_pos_start, attribution.attr_pos_end, attribution.target.len());
        if start > end || end > target {
            return Err(Error::Positions { text, start, end, target });
        }
        let steps = end - start;
        let mut step_scores = Vec::with_capacity(attribution.step_scores.len());
        for (key, scores) in &attribution.step_scores {
            if scores.len() != steps {
                return Err(Error::Shape {
                    text,
                    field: format!("step_scores.{key}"),
                    expected: format!("[{steps}], one for each attributed token"),
                    found: vec![scores.len()],
                });
            }
            step_scores.push(StepScoreRow { key: key.clone(), name: readable(key), scores: scores.to_vec() });
        }
        let shown = |tokens: &[Token]| TokenText::replaced(tokens, &options.replacements);
        let target: Vec<TokenText> = shown(&attribution.target);
        Ok(Self {
            source: shown(&attribution.source),
            heads: target[start..end].to_vec(),
            target,
            steps: start..end,
            has_source: attribution.source_attributions.is_some(),
            source_rows: Vec::new(),
            target_rows: Vec::new(),
            step_scores,
        })
    }

    /// Every attribution score, source first.
    pub fn scores(&self) -> impl Iterator<Item = f32> {
        self.rows().flat_map(|(_, row)| row.scores.iter().copied())
    }

    /// Every row with its token, source first.
    pub fn rows(&self) -> impl Iterator<Item = (&TokenText, &Row)> {
        let source = self.source_rows.iter().map(|row| (&self.source[row.position], row));
        source.chain(self.target_rows.iter().map(|row| (&self.target[row.position], row)))
    }

    /// The attributed tokens.
    pub fn generated(&self) -> &[TokenText] {
        &self.target[self.steps.clone()]
    }

    /// The input text of the model.
    pub fn given(&self) -> &[TokenText] {
        if self.has_source { &self.source } else { &self.target[..self.steps.start] }
    }

    /// The text that the model wrote, including a given beginning.
    pub fn written(&self) -> &[TokenText] {
        if self.has_source { &self.target } else { self.generated() }
    }

    /// The colour scale of this text.
    pub fn scale(&self, options: &ViewOptions) -> Result<Scale> {
        Scale::fitting(self.scores(), options.min_value, options.max_value)
    }

    /// The number format of this text's attribution scores.
    pub fn number_format(&self) -> NumberFormat {
        NumberFormat::fitting(self.scores())
    }

    /// Name of the block of target rows.
    pub fn target_heading(&self) -> &'static str {
        if self.has_source { "Generated so far" } else { "Text so far" }
    }

    /// Keeps the `count` input tokens with the strongest scores, in their order. Returns the number of tokens before.
    pub fn keep_strongest(&mut self, count: usize) -> usize {
        let strength = |row: &Row| {
            row.scores.iter().filter(|score| !score.is_nan()).fold(0.0_f32, |best, score| best.max(score.abs()))
        };
        let strengths: Vec<f32> = self.source_rows.iter().chain(&self.target_rows).map(strength).collect();
        let mut ranking: Vec<usize> = (0..strengths.len()).collect();
        ranking.sort_by(|&one, &two| strengths[two].total_cmp(&strengths[one]));
        let mut kept = vec![false; strengths.len()];
        for &row in ranking.iter().take(count) {
            kept[row] = true;
        }
        let mut kept = kept.into_iter();
        self.source_rows.retain(|_| kept.next().unwrap_or(true));
        self.target_rows.retain(|_| kept.next().unwrap_or(true));
        strengths.len()
    }
}

/// The rows up to the last one that some column sees; the others would be blank.
pub(crate) fn up_to_the_last_seen(mut rows: Vec<Row>) -> Vec<Row> {
    let seen = rows.iter().rposition(|row| row.scores.iter().any(|score| !score.is_nan()));
    rows.truncate(seen.map_or(0, |last| last + 1));
    rows
}

/// The name of a step function or axis in words, safe to show.
pub(crate) fn readable(name: &str) -> String {
    visible(&name.replace('_', " ")).replace('␣', " ")
}

#[derive(Clone, Copy)]
enum Side {
    Source,
    Target,
}

fn rows(attribution: &SequenceAttribution, text: usize, side: Side, steps: usize) -> Result<Vec<Row>> {
    let (field, scores, tokens) = match side {
        Side::Source => ("source_attributions", &attribution.source_attributions, attribution.source.len()),
        Side::Target => ("target_attributions", &attribution.target_attributions, attribution.target.len()),
    };
    let Some(scores) = scores else { return Ok(Vec::new()) };
    let shape = scores.shape();
    // A result read from a file may leave out the last target rows, which no step sees.
    let fits = |rows: usize| match side {
        Side::Source => rows == tokens,
        Side::Target => rows <= tokens,
    };
    if shape.len() != 2 || !fits(shape[0]) || shape[1] != steps {
        return Err(Error::Shape {
            text,
            field: field.into(),
            expected: format!("[{tokens}, {steps}] (tokens, attributed tokens)"),
            found: shape.to_vec(),
        });
    }
    Ok(scores
        .outer_iter()
        .enumerate()
        .map(|(position, row)| Row { position, scores: row.iter().copied().collect() })
        .collect())
}
