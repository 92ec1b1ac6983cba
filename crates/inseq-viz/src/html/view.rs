//! What the page's template shows of one text, every string ready to read and every score with its colour class.

use crate::matrix::{Matrix, Row};
use crate::number::NumberFormat;
use crate::scale::Scale;
use crate::token_text::{TokenText, reading, spaces_before};

/// Levels of a scale that have a colour class. Odd, so that a diverging scale has one for 0.
pub(super) const LEVELS: usize = 33;

/// Column labels up to this wide stay horizontal, if all of a table are.
const UPRIGHT: usize = 8;

/// One text.
pub(super) struct Text {
    pub summary: String,
    pub passages: Vec<Passage>,
    pub columns: Vec<Head>,
    pub has_upright_heads: bool,
    pub groups: Vec<Group>,
    pub ramp: Vec<String>,
    pub scale_min: String,
    pub scale_max: String,
}

/// A part of the text as it is read.
pub(super) struct Passage {
    pub role: &'static str,
    pub side: &'static str,
    pub heading: &'static str,
    pub direction: &'static str,
    pub is_selectable: bool,
    pub tokens: Vec<FlowToken>,
}

/// A token where it stands in a passage.
pub(super) struct FlowToken {
    pub text: String,
    pub space_before: bool,
    pub is_special: bool,
    pub position: usize,
    pub step: Option<usize>,
}

/// The head of a column.
pub(super) struct Head {
    pub mark: Option<char>,
    pub text: String,
    pub is_special: bool,
}

/// Rows that belong together.
pub(super) struct Group {
    pub class: &'static str,
    pub heading: &'static str,
    /// Which text the rows are tokens of; none for step scores.
    pub side: Option<&'static str>,
    pub rows: Vec<TableRow>,
}

/// One row of the matrix.
pub(super) struct TableRow {
    pub mark: Option<char>,
    pub label: String,
    pub is_special: bool,
    pub position: usize,
    pub cells: Vec<Cell>,
}

/// One score.
pub(super) struct Cell {
    pub class: String,
    pub text: String,
}

impl Text {
    pub fn new(matrix: &Matrix, scale: &Scale) -> Self {
        let number = matrix.number_format();
        let columns: Vec<&TokenText> = matrix.target[matrix.columns.clone()].iter().collect();
        let mut groups = Vec::new();
        if !matrix.source_rows.is_empty() {
            groups.push(group("Source", "source", &matrix.source, &matrix.source_rows, scale, number));
        }
        if !matrix.target_rows.is_empty() {
            groups.push(group(matrix.target_heading(), "target", &matrix.target, &matrix.target_rows, scale, number));
        }
        if !matrix.step_scores.is_empty() {
            groups.push(step_scores(matrix));
        }
        let ends = NumberFormat::fitting([scale.min(), scale.max()]);
        Self {
            summary: summary(matrix),
            passages: passages(matrix),
            has_upright_heads: columns.iter().all(|token| token.width() <= UPRIGHT),
            columns: columns
                .iter()
                .map(|token| Head { mark: token.word_start, text: token.text.clone(), is_special: token.special })
                .collect(),
            groups,
            ramp: (0..LEVELS).step_by(2).map(|level| class(scale, level)).collect(),
            scale_min: ends.write(scale.min()),
            scale_max: ends.write(scale.max()),
        }
    }
}

/// The start of what was generated, to tell texts apart in a list.
fn summary(matrix: &Matrix) -> String {
    let text = reading(&matrix.target[matrix.columns.clone()]);
    let mut summary: String = text.chars().take(70).collect();
    if summary.len() < text.len() {
        summary.push('…');
    }
    summary
}

fn passages(matrix: &Matrix) -> Vec<Passage> {
    let passage = |role, side, heading, tokens: &[TokenText], first: usize| {
        let spaces = spaces_before(tokens);
        let tokens: Vec<FlowToken> = tokens
            .iter()
            .zip(spaces)
            .enumerate()
            .map(|(index, (token, space_before))| FlowToken {
                // A marker that stands alone is the only thing to point at.
                text: if token.text.is_empty() { token.spelling() } else { token.text.clone() },
                space_before,
                is_special: token.special || token.text.is_empty(),
                position: first + index,
                step: (side == "target" && matrix.columns.contains(&(first + index)))
                    .then(|| first + index - matrix.columns.start),
            })
            .collect();
        Passage {
            role,
            side,
            heading,
            direction: "ltr",
            is_selectable: tokens.iter().any(|token| token.step.is_some()),
            tokens,
        }
    };
    let directed = |mut passage: Passage, tokens: &[TokenText]| {
        if tokens
            .iter()
            .find(|token| !token.special && token.text.chars().any(char::is_alphabetic))
            .is_some_and(|token| token.right_to_left)
        {
            passage.direction = "rtl";
        }
        passage
    };
    if matrix.has_source {
        let (source, target) = (&matrix.source, &matrix.target);
        vec![
            directed(passage("source", "source", "Source", source, 0), source),
            directed(passage("generated", "target", "Generated", target, 0), target),
        ]
    } else {
        let (prompt, generated) = matrix.target.split_at(matrix.columns.start);
        vec![
            directed(passage("prompt", "target", "Prompt", prompt, 0), prompt),
            directed(passage("generated", "target", "Generated", generated, matrix.columns.start), generated),
        ]
    }
}

fn group(
    heading: &'static str,
    side: &'static str,
    tokens: &[TokenText],
    rows: &[Row],
    scale: &Scale,
    number: NumberFormat,
) -> Group {
    let rows = rows
        .iter()
        .map(|row| {
            let token = &tokens[row.position];
            let cells = row
                .scores
                .iter()
                .map(|&score| Cell {
                    class: level(scale, score).map(|level| class(scale, level)).unwrap_or_default(),
                    text: number.write(score),
                })
                .collect();
            TableRow {
                mark: token.word_start,
                label: token.text.clone(),
                is_special: token.special,
                position: row.position,
                cells,
            }
        })
        .collect();
    Group { class: side, heading, side: Some(side), rows }
}

fn step_scores(matrix: &Matrix) -> Group {
    let rows = matrix
        .step_scores
        .iter()
        .enumerate()
        .map(|(position, row)| {
            let number = NumberFormat::fitting(row.scores.iter().copied());
            let cells =
                row.scores.iter().map(|&score| Cell { class: String::new(), text: number.write(score) }).collect();
            TableRow { mark: None, label: row.name.clone(), is_special: false, position, cells }
        })
        .collect();
    Group { class: "steps", heading: "Step scores", side: None, rows }
}

fn level(scale: &Scale, score: f32) -> Option<usize> {
    scale.position(score).map(|position| (position * (LEVELS - 1) as f32).round() as usize)
}

fn class(scale: &Scale, level: usize) -> String {
    format!("{}{level}", if scale.is_diverging() { 'd' } else { 's' })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_cover_the_scale() {
        let scale = Scale::new(0.0, 0.5).unwrap();
        assert_eq!(
            [0.0, 0.25, 0.5, 9.0, f32::NAN].map(|score| level(&scale, score)),
            [Some(0), Some(16), Some(32), Some(32), None]
        );
        let scale = Scale::new(-2.0, 2.0).unwrap();
        assert_eq!([-2.0, 0.0, 1.0].map(|score| level(&scale, score)), [Some(0), Some(16), Some(24)]);
        assert_eq!(class(&scale, 16), "d16");
    }
}
