//! The matrix: input tokens are rows, with step scores below. Tables are side by side if the width allows it.

use super::drawing::{Anchor, Mark, Part};
use super::style::{GAP, MIDDLE, NUMBER, SMALL, Style, TEXT};
use crate::matrix::Row;
use crate::number::NumberFormat;
use crate::panel::Panel;
use crate::scale::Rgb;
use crate::token_text::TokenText;

/// Space between a label and its cells.
const PAD: f32 = 4.0;

/// The tables of a text.
pub(super) fn draw(panels: &[Panel], style: &Style) -> Part {
    let mut all = Part::default();
    let mut line = Part::default();
    for panel in panels {
        let table = table(panel, style);
        if line.width > 0.0 && line.width + 2.0 * GAP + table.width > style.options.width {
            all.below(std::mem::take(&mut line), 1.5 * GAP);
        }
        let x = if line.width > 0.0 { line.width + 2.0 * GAP } else { 0.0 };
        line.place(table, x, 0.0);
    }
    all.below(line, 1.5 * GAP);
    all
}

fn table(panel: &Panel, style: &Style) -> Part {
    let matrix = &panel.matrix;
    let number = panel.number.without_leading_zero();
    let has_values = style.options.show_values;
    let width = |text: &str, size: f32| style.fonts.width(text, size);
    let widest = |texts: &mut dyn Iterator<Item = String>, size: f32| {
        texts.map(|text| width(&text, size)).fold(0.0_f32, f32::max)
    };
    let scores = matrix.step_scores.iter().map(|row| (row, NumberFormat::fitting(row.scores.iter().copied())));
    let scores: Vec<_> = scores.collect();
    let numbers = if has_values { widest(&mut matrix.scores().map(|score| number.write(score)), NUMBER) } else { 0.0 };
    let step_numbers = widest(
        &mut scores.iter().flat_map(|(row, number)| row.scores.iter().map(|&score| number.write(score))),
        NUMBER,
    );
    let cell_width = (numbers.max(step_numbers) + 5.0).max(if has_values { 18.0 } else { 11.0 });
    let cell_height = if has_values { 13.0 } else { 11.0 };
    let names = matrix.rows().map(|(token, _)| style.label(token).0);
    let label_width = widest(&mut names.chain(matrix.step_scores.iter().map(|row| row.name.clone())), TEXT);

    let mut part = Part::default();
    let left = label_width + PAD;
    if let Some(heading) = &panel.heading {
        let name = style.label(&heading.token).0;
        let after = width(&name, TEXT + 1.0) + PAD;
        part.marks.push(Mark::Text {
            x: 0.0,
            y: TEXT + 1.0,
            text: name,
            size: TEXT + 1.0,
            anchor: Anchor::Start,
            turn: 0.0,
            color: style.ink,
        });
        part.marks.push(style.small(after, TEXT + 1.0, heading.detail.clone(), Anchor::Start));
        part.width = after + width(&heading.detail, SMALL);
        part.height = TEXT + 1.0 + PAD;
    }
    part.height += heads(&mut part, matrix.heads.as_slice(), left, cell_width, style);

    let in_cell = |text: String, x: f32, y: f32, color: Rgb| Mark::Text {
        x: x + cell_width / 2.0,
        y: y + cell_height / 2.0 + NUMBER * MIDDLE,
        text,
        size: NUMBER,
        anchor: Anchor::Middle,
        turn: 0.0,
        color,
    };
    let palette = style.palette(&panel.scale);
    let groups =
        [("", &matrix.source, &matrix.source_rows), (matrix.target_heading(), &matrix.target, &matrix.target_rows)];
    let mut y = part.height;
    let mut is_first = true;
    for (name, tokens, rows) in groups {
        if rows.is_empty() {
            continue;
        }
        if !is_first {
            y = rule(&mut part, name, y, left + cell_width * matrix.heads.len() as f32, style);
        }
        is_first = false;
        for row in rows {
            label(&mut part, &tokens[row.position], label_width, y, cell_height, style);
            cells(&mut part, row, (left, y), (cell_width, cell_height), |part, score, x, y| {
                let Some((ground, ink)) = style.colors(&panel.scale, &palette, score) else { return };
                // A hair wider than its place, so that no seam of the page shows between cells.
                part.marks.push(Mark::Rect {
                    x,
                    y,
                    width: cell_width + 0.15,
                    height: cell_height + 0.15,
                    radius: 0.0,
                    color: ground,
                });
                if has_values {
                    part.marks.push(in_cell(number.write(score), x, y, ink));
                }
            });
            y += cell_height;
        }
    }
    if !scores.is_empty() {
        y = rule(&mut part, panel.step_scores, y, left + cell_width * matrix.heads.len() as f32, style);
        for (row, number) in scores {
            part.marks.push(style.small(
                label_width,
                y + cell_height / 2.0 + SMALL * MIDDLE,
                row.name.clone(),
                Anchor::End,
            ));
            let row = Row { position: 0, scores: row.scores.clone() };
            cells(&mut part, &row, (left, y), (cell_width, cell_height), |part, score, x, y| {
                part.marks.push(in_cell(number.write(score), x, y, style.ink));
            });
            y += cell_height;
        }
    }
    part.width = part.width.max(left + cell_width * matrix.heads.len() as f32);
    part.height = y;
    part
}

/// Draws the heads of the columns, slanted if they do not fit horizontally. Returns their height.
fn heads(part: &mut Part, heads: &[TokenText], left: f32, cell_width: f32, style: &Style) -> f32 {
    let labels: Vec<_> = heads.iter().map(|token| style.label(token)).collect();
    let widths: Vec<f32> = labels.iter().map(|(text, _)| style.fonts.width(text, TEXT)).collect();
    let widest = widths.iter().copied().fold(0.0, f32::max);
    let top = part.height;
    let is_upright = widest <= cell_width - 2.0;
    let turn: f32 = if is_upright { 0.0 } else { 60.0 };
    let height = if is_upright { TEXT } else { widest * turn.to_radians().sin() + TEXT * 0.5 };
    for (column, (text, color)) in labels.into_iter().enumerate() {
        let middle = left + cell_width * (column as f32 + 0.5);
        let (anchor, shift) = if is_upright { (Anchor::Middle, 0.0) } else { (Anchor::Start, TEXT * 0.3) };
        part.marks.push(Mark::Text { x: middle + shift, y: top + height, text, size: TEXT, anchor, turn, color });
        if !is_upright {
            part.width = part.width.max(middle + shift + widths[column] * turn.to_radians().cos() + 1.0);
        }
    }
    height + 3.0
}

fn label(part: &mut Part, token: &TokenText, right: f32, y: f32, height: f32, style: &Style) {
    let (text, color) = style.label(token);
    let y = y + height / 2.0 + TEXT * MIDDLE;
    part.marks.push(Mark::Text { x: right, y, text, size: TEXT, anchor: Anchor::End, turn: 0.0, color });
}

fn cells(
    part: &mut Part,
    row: &Row,
    (left, y): (f32, f32),
    (width, _): (f32, f32),
    mut draw: impl FnMut(&mut Part, f32, f32, f32),
) {
    for (column, &score) in row.scores.iter().enumerate() {
        draw(part, score, left + width * column as f32, y);
    }
}

/// Draws the name of the rows below it. Returns the start of these rows.
fn rule(part: &mut Part, name: &str, y: f32, right: f32, style: &Style) -> f32 {
    let baseline = y + 5.0 + SMALL;
    part.marks.push(style.small(0.0, baseline, name, Anchor::Start));
    let from = (style.fonts.width(name, SMALL) + PAD, baseline - SMALL * MIDDLE);
    if from.0 < right {
        part.marks.push(Mark::Line { from, to: (right, from.1), width: 0.5, color: style.line });
    }
    baseline + PAD
}
