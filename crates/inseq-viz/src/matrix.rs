//! One text's attribution as a table: checked once, then drawn by every picture.

use inseq_core::{AttributionKind, SequenceAttribution};

use crate::number::NumberFormat;
use crate::scale::Scale;
use crate::token_text::TokenText;
use crate::{Error, Result};

/// One input token and its score for every attributed step.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// Position of the token in its text.
    pub position: usize,
    /// `[step]`; NaN where the step cannot see the token.
    pub scores: Vec<f32>,
}

/// One step score's value for every attributed step.
#[derive(Clone, Debug)]
pub(crate) struct StepScoreRow {
    /// The step function's name, safe to show.
    pub name: String,
    /// `[step]`.
    pub scores: Vec<f32>,
}

/// The attribution of one text, ready to draw.
#[derive(Clone, Debug)]
pub(crate) struct Matrix {
    /// All source tokens.
    pub source: Vec<TokenText>,
    /// All target tokens.
    pub target: Vec<TokenText>,
    /// Position in `target` of each attributed token, in order: the columns.
    pub columns: std::ops::Range<usize>,
    /// Whether target rows are text that was given to the model before the first attributed token (decoder-only).
    pub has_source: bool,
    /// A row for each source token, if the source was attributed.
    pub source_rows: Vec<Row>,
    /// A row for each target token that at least one step sees.
    pub target_rows: Vec<Row>,
    /// Step scores in the result's order.
    pub step_scores: Vec<StepScoreRow>,
}

impl Matrix {
    /// Checks a coarse attribution and lays it out; `text` is its position in the result, for errors.
    pub fn new(attribution: &SequenceAttribution, text: usize) -> Result<Self> {
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
        let (start, end, target) = (attribution.attr_pos_start, attribution.attr_pos_end, attribution.target.len());
        if start > end || end > target {
            return Err(Error::Positions { text, start, end, target });
        }
        let steps = end - start;
        let source_rows = rows(attribution, text, Side::Source, steps)?;
        let mut target_rows = rows(attribution, text, Side::Target, steps)?;
        // Tokens at and after the last step are seen by none: their rows would be blank.
        let seen = target_rows
            .iter()
            .rposition(|row| row.scores.iter().any(|score| !score.is_nan()))
            .map_or(0, |last| last + 1);
        target_rows.truncate(seen);
        let mut step_scores = Vec::with_capacity(attribution.step_scores.len());
        for (name, scores) in &attribution.step_scores {
            if scores.len() != steps {
                return Err(Error::Shape {
                    text,
                    field: format!("step_scores.{name}"),
                    expected: format!("[{steps}], one for each attributed token"),
                    found: vec![scores.len()],
                });
            }
            let name = TokenText::new(&inseq_core::Token::new(name.replace('_', " "), -1)).text.replace('␣', " ");
            step_scores.push(StepScoreRow { name, scores: scores.to_vec() });
        }
        Ok(Self {
            source: attribution.source.iter().map(TokenText::new).collect(),
            target: attribution.target.iter().map(TokenText::new).collect(),
            columns: start..end,
            has_source: attribution.source_attributions.is_some(),
            source_rows,
            target_rows,
            step_scores,
        })
    }

    /// Every attribution score, source first.
    pub fn scores(&self) -> impl Iterator<Item = f32> {
        self.source_rows.iter().chain(&self.target_rows).flat_map(|row| row.scores.iter().copied())
    }

    /// The colour scale for this text alone.
    pub fn scale(&self, min: Option<f32>, max: Option<f32>) -> Result<Scale> {
        Scale::fitting(self.scores(), min, max)
    }

    /// How this text's attribution scores are written.
    pub fn number_format(&self) -> NumberFormat {
        NumberFormat::fitting(self.scores())
    }

    /// Name of the block of target rows.
    pub fn target_heading(&self) -> &'static str {
        if self.has_source { "Generated so far" } else { "Text so far" }
    }

    /// Keeps the `count` input tokens with the strongest score of all, in their order. Returns how many there were.
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
