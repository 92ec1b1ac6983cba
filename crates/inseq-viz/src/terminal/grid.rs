//! The heat map's layout: widths, blocks of columns, rows.

use std::ops::Range;

use unicode_width::UnicodeWidthStr;

use super::labels::{self, Label};
use super::paint::Painter;
use super::{ColorSupport, TerminalOptions};
use crate::caption;
use crate::matrix::{Matrix, Row};
use crate::number::NumberFormat;
use crate::token_text::{TokenText, reading};
use crate::{Result, scale::Scale};

/// Cells that a column label takes at most before it goes on in another line.
const WIDEST_LABEL: usize = 10;

/// One text's heat map, measured.
pub(super) struct Grid<'a> {
    matrix: Matrix,
    /// How many input tokens there were before the strongest were chosen, if any were left out.
    chosen_from: Option<usize>,
    options: &'a TerminalOptions,
    painter: Painter,
    scale: Scale,
    number: NumberFormat,
    width: usize,
    label_width: usize,
    column_width: usize,
}

impl<'a> Grid<'a> {
    pub fn new(mut matrix: Matrix, options: &'a TerminalOptions) -> Result<Self> {
        let scale = matrix.scale(options.min_value, options.max_value)?;
        let number = matrix.number_format().without_leading_zero();
        let chosen_from = options
            .top_tokens
            .map(|count| (matrix.keep_strongest(count), count))
            .filter(|(total, count)| total > count)
            .map(|(total, _)| total);
        let width = options.width.max(TerminalOptions::MIN_WIDTH);
        let plain = options.colors == ColorSupport::None;

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
            .max(if plain && !options.show_values { 3 } else { 4 });
        let names = matrix.step_scores.iter().map(|row| row.name.width());
        let rows = matrix
            .source_rows
            .iter()
            .map(|row| &matrix.source[row.position])
            .chain(matrix.target_rows.iter().map(|row| &matrix.target[row.position]));
        let longest = rows.map(TokenText::width).chain(names).max().unwrap_or(0);
        let label_width = longest.min((width * 2 / 5).max(8)).min(width - least - WIDEST_LABEL);

        // Labels break into two lines where they must. Where that leaves cells over, columns grow to break fewer of them.
        let columns = matrix.columns.clone().map(|position| &matrix.target[position]);
        let room = width - label_width - 1;
        let fitting =
            |lines| labels::width_for_lines(columns.clone(), lines, least - 1..=(least - 1).max(WIDEST_LABEL)) + 1;
        let (narrow, wide) = (fitting(2), fitting(1));
        let blocks = |column_width: usize| matrix.columns.len().div_ceil((room / column_width).max(1));
        let column_width = (narrow..=wide.max(narrow))
            .rev()
            .find(|&column_width| blocks(column_width) == blocks(narrow))
            .unwrap_or(narrow);
        let painter = Painter::new(scale, options.theme, options.colors);
        Ok(Self { matrix, chosen_from, options, painter, scale, number, width, label_width, column_width })
    }

    /// The whole picture, with a line of dimmed text above where there is something to say.
    pub fn draw(&self, title: Option<&str>, ordinal: Option<&str>) -> String {
        let mut lines: Vec<String> = Vec::new();
        if let Some(title) = title {
            lines.extend(labels::wrap(&caption::one_line(title), self.width).iter().map(|line| self.painter.dim(line)));
        }
        if let Some(ordinal) = ordinal {
            lines.push(self.painter.dim(ordinal));
        }
        self.texts(&mut lines);
        let blocks = self.blocks();
        for block in &blocks {
            lines.push(String::new());
            self.header(block, &mut lines);
            self.rows(block, &mut lines);
            self.step_scores(block, &mut lines);
        }
        lines.push(String::new());
        self.legend(blocks.is_empty(), &mut lines);
        let mut picture = String::new();
        for line in lines {
            picture.push_str(line.trim_end());
            picture.push('\n');
        }
        picture
    }

    /// The source and the generated text as a person reads them.
    fn texts(&self, lines: &mut Vec<String>) {
        let target = &self.matrix.target;
        let given = if self.matrix.has_source {
            reading(&self.matrix.source)
        } else {
            reading(&target[..self.matrix.columns.start])
        };
        let generated =
            if self.matrix.has_source { reading(target) } else { reading(&target[self.matrix.columns.clone()]) };
        for (lead, text, is_bold) in [("  ", given, false), ("→ ", generated, true)] {
            let right_to_left = TokenText::new(&inseq_core::Token::new(text.clone(), -1)).right_to_left;
            for (index, line) in labels::wrap(&text, self.width - 2).iter().enumerate() {
                let lead = if index == 0 { lead } else { "  " };
                let line = if is_bold { self.painter.bold(line) } else { line.clone() };
                lines.push(if right_to_left {
                    format!("\u{200e}{lead}{}", labels::isolated(&line))
                } else {
                    format!("{lead}{line}")
                });
            }
        }
    }

    /// The columns, cut evenly into blocks that fit the width.
    fn blocks(&self) -> Vec<Range<usize>> {
        let count = self.matrix.columns.len();
        let fitting = ((self.width - self.label_width - 1) / self.column_width).max(1);
        let size = count.div_ceil(count.div_ceil(fitting).max(1)).max(1);
        (0..count).step_by(size).map(|start| start..(start + size).min(count)).collect()
    }

    fn header(&self, block: &Range<usize>, lines: &mut Vec<String>) {
        let labels: Vec<Vec<Label>> = block
            .clone()
            .map(|column| {
                Label::balanced(&self.matrix.target[self.matrix.columns.start + column], self.column_width - 1)
            })
            .collect();
        let height = labels.iter().map(Vec::len).max().unwrap_or(0);
        for line in 0..height {
            // Short labels stand on the grid, so the last line is the one they use.
            let pieces: Vec<Option<&Label>> = labels
                .iter()
                .map(|label| (line + label.len()).checked_sub(height).and_then(|index| label.get(index)))
                .collect();
            let cells = pieces.iter().map(|piece| match piece {
                Some(label) => centered(&label.paint(&self.painter), label.width(), self.column_width),
                None => " ".repeat(self.column_width),
            });
            let text = format!("{}{}", " ".repeat(self.label_width + 1), cells.collect::<String>());
            lines.push(left_to_right(text, pieces.iter().flatten().any(|label| label.is_right_to_left())));
        }
    }

    fn rows(&self, block: &Range<usize>, lines: &mut Vec<String>) {
        for row in &self.matrix.source_rows {
            lines.push(self.row(&self.matrix.source[row.position], row, block));
        }
        // Tokens written after this block's columns are blank in it.
        let seen = |row: &Row| row.scores[block.clone()].iter().any(|score| !score.is_nan());
        let rows =
            self.matrix.target_rows.iter().rposition(seen).map_or(&[][..], |last| &self.matrix.target_rows[..=last]);
        if !rows.is_empty() && !self.matrix.source_rows.is_empty() {
            lines.push(self.rule(self.matrix.target_heading(), block));
        }
        for row in rows {
            lines.push(self.row(&self.matrix.target[row.position], row, block));
        }
    }

    fn row(&self, token: &TokenText, row: &Row, block: &Range<usize>) -> String {
        let label = Label::line(token, self.label_width);
        let cells: String = row.scores[block.clone()].iter().map(|&score| self.cell(score)).collect();
        let text = format!("{}{} {cells}", " ".repeat(self.label_width - label.width()), label.paint(&self.painter));
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
        if self.matrix.step_scores.is_empty() {
            return;
        }
        lines.push(self.rule("Step scores", block));
        for row in &self.matrix.step_scores {
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

    /// A line between two groups of rows, with the name of the one below.
    fn rule(&self, name: &str, block: &Range<usize>) -> String {
        let width = self.label_width + 1 + block.len() * self.column_width;
        let name = labels::wrap(name, width.saturating_sub(4)).swap_remove(0);
        let text = format!("── {name} {}", "─".repeat(width.saturating_sub(name.width() + 4)));
        self.painter.dim(&text)
    }

    fn legend(&self, empty: bool, lines: &mut Vec<String>) {
        if empty {
            lines.push(self.painter.dim("no attributed tokens"));
            return;
        }
        let ends = NumberFormat::fitting([self.scale.min(), self.scale.max()]);
        let (min, max) = (ends.write(self.scale.min()), ends.write(self.scale.max()));
        let room = self.width.saturating_sub(min.width() + max.width() + 2);
        lines.push(format!(
            "{} {} {}",
            self.painter.dim(&min),
            self.painter.strip(room.min(24)),
            self.painter.dim(&max)
        ));
        if let Some(total) = self.chosen_from {
            let shown = self.matrix.source_rows.len() + self.matrix.target_rows.len();
            let text = format!("the {shown} strongest of {total} input tokens");
            lines.extend(labels::wrap(&text, self.width).iter().map(|line| self.painter.dim(line)));
        }
    }
}

/// `text`, which takes `width` cells, in the middle of `room` cells.
fn centered(text: &str, width: usize, room: usize) -> String {
    let space = room.saturating_sub(width);
    let before = space / 2;
    format!("{}{text}{}", " ".repeat(before), " ".repeat(space - before))
}

/// A line that a terminal with bidirectional text still lays out from left to right.
fn left_to_right(line: String, has_right_to_left: bool) -> String {
    if has_right_to_left { format!("\u{200e}{line}") } else { line }
}
