//! Layout of the heat map: widths, blocks of columns, rows.

use std::ops::Range;

use unicode_width::UnicodeWidthStr;

use super::labels::{self, Label, centered};
use super::options::TerminalOptions;
use super::paint::Painter;
use crate::matrix::Row;
use crate::number::NumberFormat;
use crate::panel::Panel;
use crate::token_text::TokenText;

/// Largest width of a column label in cells; longer labels continue on another line.
const WIDEST_LABEL: usize = 10;

/// One heat map with its measures.
pub(super) struct Grid<'a> {
    panel: &'a Panel,
    options: &'a TerminalOptions,
    painter: &'a Painter,
    number: NumberFormat,
    width: usize,
    label_width: usize,
    column_width: usize,
}

impl<'a> Grid<'a> {
    pub fn new(panel: &'a Panel, painter: &'a Painter, options: &'a TerminalOptions) -> Self {
        let matrix = &panel.matrix;
        let number = panel.number.without_leading_zero();
        let width = options.layout_width();

        // A number needs a space on both sides where its ground is coloured, and a bar glyph beside it where it is not.
        let number_width = if options.show_values {
            matrix.scores().map(|score| number.write(score).width()).max().unwrap_or(0) + 1
        } else {
            0
        };
        let score_width = |name: &NumberFormat, scores: &[f32]| {
            scores.iter().map(|&score| name.write(score).width()).max().unwrap_or(0) + 1
        };
        let score_width = matrix
            .step_scores
            .iter()
            .map(|row| score_width(&NumberFormat::fitting(row.scores.iter().copied()), &row.scores))
            .max()
            .unwrap_or(0);
        let least = (number_width + usize::from(options.show_values))
            .max(score_width)
            .max(if painter.is_plain() && !options.show_values { 3 } else { 4 });
        let names = matrix.step_scores.iter().map(|row| row.name.width());
        let longest = matrix.rows().map(|(token, _)| token.width()).chain(names).max().unwrap_or(0);
        let label_width = longest.min((width * 2 / 5).max(8)).min(width - least - WIDEST_LABEL);

        // Labels break into two lines where they must. Where that leaves cells over, columns grow to break fewer of them.
        let room = width - label_width - 1;
        let fitting =
            |lines| labels::width_for_lines(matrix.heads.iter(), lines, least - 1..=(least - 1).max(WIDEST_LABEL)) + 1;
        let (narrow, wide) = (fitting(2), fitting(1));
        let blocks = |column_width: usize| matrix.heads.len().div_ceil((room / column_width).max(1));
        let column_width = (narrow..=wide.max(narrow))
            .rev()
            .find(|&column_width| blocks(column_width) == blocks(narrow))
            .unwrap_or(narrow);
        Self { panel, options, painter, number, width, label_width, column_width }
    }

    /// Draws the table in blocks that fit the width, each below an empty line.
    pub fn draw(&self, lines: &mut Vec<String>) {
        for block in &self.blocks() {
            lines.push(String::new());
            self.header(block, lines);
            self.rows(block, lines);
            self.step_scores(block, lines);
        }
    }

    /// The columns, divided evenly into blocks that fit the width.
    fn blocks(&self) -> Vec<Range<usize>> {
        let count = self.panel.matrix.heads.len();
        let fitting = ((self.width - self.label_width - 1) / self.column_width).max(1);
        let size = count.div_ceil(count.div_ceil(fitting).max(1)).max(1);
        (0..count).step_by(size).map(|start| start..(start + size).min(count)).collect()
    }

    fn header(&self, block: &Range<usize>, lines: &mut Vec<String>) {
        let labels: Vec<Vec<Label>> = block
            .clone()
            .map(|column| Label::balanced(&self.panel.matrix.heads[column], self.column_width - 1))
            .collect();
        let height = labels.iter().map(Vec::len).max().unwrap_or(0);
        for line in 0..height {
            // Short labels stand on the grid, so the last line is the one they use.
            let pieces: Vec<Option<&Label>> = labels
                .iter()
                .map(|label| (line + label.len()).checked_sub(height).and_then(|index| label.get(index)))
                .collect();
            let cells = pieces.iter().map(|piece| match piece {
                Some(label) => centered(&label.paint(self.painter), label.width(), self.column_width),
                None => " ".repeat(self.column_width),
            });
            let text = format!("{}{}", " ".repeat(self.label_width + 1), cells.collect::<String>());
            lines.push(left_to_right(text, pieces.iter().flatten().any(|label| label.is_right_to_left())));
        }
    }

    fn rows(&self, block: &Range<usize>, lines: &mut Vec<String>) {
        for row in &self.panel.matrix.source_rows {
            lines.push(self.row(&self.panel.matrix.source[row.position], row, block));
        }
        // Tokens written after this block's columns are blank in it.
        let seen = |row: &Row| row.scores[block.clone()].iter().any(|score| !score.is_nan());
        let rows = self
            .panel
            .matrix
            .target_rows
            .iter()
            .rposition(seen)
            .map_or(&[][..], |last| &self.panel.matrix.target_rows[..=last]);
        if !rows.is_empty() && !self.panel.matrix.source_rows.is_empty() {
            lines.push(self.rule(self.panel.matrix.target_heading(), block));
        }
        for row in rows {
            lines.push(self.row(&self.panel.matrix.target[row.position], row, block));
        }
    }

    fn row(&self, token: &TokenText, row: &Row, block: &Range<usize>) -> String {
        let label = Label::line(token, self.label_width);
        let cells: String = row.scores[block.clone()].iter().map(|&score| self.cell(score)).collect();
        let text = format!("{}{} {cells}", " ".repeat(self.label_width - label.width()), label.paint(self.painter));
        left_to_right(text, label.is_right_to_left())
    }

    fn cell(&self, score: f32) -> String {
        let number = if self.options.show_values { self.number.write(score) } else { String::new() };
        let content = if self.painter.is_plain() && !score.is_nan() {
            format!("{}{number}", self.painter.glyph(score))
        } else {
            number
        };
        self.painter.cell(score, &centered(&content, content.width(), self.column_width))
    }

    fn step_scores(&self, block: &Range<usize>, lines: &mut Vec<String>) {
        if self.panel.matrix.step_scores.is_empty() {
            return;
        }
        lines.push(self.rule("Step scores", block));
        for row in &self.panel.matrix.step_scores {
            let number = NumberFormat::fitting(row.scores.iter().copied());
            let label = labels::wrap(&row.name, self.label_width).swap_remove(0);
            let cells: String = row.scores[block.clone()]
                .iter()
                .map(|&score| {
                    let number = number.write(score);
                    centered(&number, number.width(), self.column_width)
                })
                .collect();
            lines.push(format!("{}{} {cells}", " ".repeat(self.label_width - label.width()), self.painter.dim(&label)));
        }
    }

    /// A line between two groups of rows, with the name of the lower group.
    fn rule(&self, name: &str, block: &Range<usize>) -> String {
        let width = self.label_width + 1 + block.len() * self.column_width;
        let name = labels::wrap(name, width.saturating_sub(4)).swap_remove(0);
        let text = format!("── {name} {}", "─".repeat(width.saturating_sub(name.width() + 4)));
        self.painter.dim(&text)
    }
}

/// Makes a terminal with bidirectional text lay out the line from left to right.
fn left_to_right(line: String, has_right_to_left: bool) -> String {
    if has_right_to_left { format!("\u{200e}{line}") } else { line }
}
