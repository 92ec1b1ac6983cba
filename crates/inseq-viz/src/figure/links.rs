//! Input tokens on the left, generated tokens on the right, and a curve for each strong score.

use super::drawing::{Anchor, Mark, Part};
use super::style::{MIDDLE, SMALL, Style, TEXT};
use crate::panel::Panel;
use crate::scale::FAINT;

/// Height of a token's line.
const LINE: f32 = 13.0;
/// Width of the space between the two columns.
const SPAN: f32 = 150.0;
/// Largest number of curves in a picture; more cannot be followed.
const MOST: usize = 600;

pub(super) fn draw(panel: &Panel, style: &Style) -> Part {
    let matrix = &panel.matrix;
    let mut part = Part::default();
    let mut left: Vec<(String, crate::scale::Rgb, f32)> = Vec::new();
    let mut y = 0.0;
    let width = |text: &str| style.fonts.width(text, TEXT);
    let both = !matrix.source_rows.is_empty() && !matrix.target_rows.is_empty();
    let mut headings = Vec::new();
    for (index, (token, _)) in matrix.rows().enumerate() {
        if both && index == matrix.source_rows.len() {
            headings.push((matrix.target_heading(), y + LINE));
            y += LINE + 2.0;
        }
        let (text, color) = style.label(token);
        left.push((text, color, y + LINE / 2.0));
        y += LINE;
    }
    let label_width = left.iter().map(|(text, ..)| width(text)).fold(0.0, f32::max);
    let (from, to) = (label_width + 4.0, label_width + 4.0 + SPAN);
    // The right column stands in the middle of the left one.
    let right_height = LINE * matrix.heads.len() as f32;
    let top = ((y - right_height) / 2.0).max(0.0);
    let right = |step: usize| top + LINE * (step as f32 + 0.5);

    let mut links: Vec<(f32, usize, usize)> = Vec::new();
    for (index, (_, row)) in matrix.rows().enumerate() {
        for (step, &score) in row.scores.iter().enumerate() {
            let strength = panel.scale.strength(score).unwrap_or(0.0);
            if strength >= FAINT {
                links.push((strength, index, step));
            }
        }
    }
    // The strongest lie on top.
    links.sort_by(|one, two| one.0.total_cmp(&two.0));
    links.drain(..links.len().saturating_sub(MOST));
    let palette = style.palette(&panel.scale);
    let rows: Vec<&[f32]> = matrix.rows().map(|(_, row)| row.scores.as_slice()).collect();
    for (strength, index, step) in links {
        let Some((color, _)) = style.colors(&panel.scale, &palette, rows[index][step]) else { continue };
        let ends = ((from, left[index].2), (to, right(step)));
        let (width, opacity) = (0.4 + 2.6 * strength, 0.35 + 0.6 * strength);
        part.marks.push(Mark::Link { from: ends.0, to: ends.1, width, opacity, color });
    }
    for (text, color, y) in left {
        let y = y + TEXT * MIDDLE;
        part.marks.push(Mark::Text { x: label_width, y, text, size: TEXT, anchor: Anchor::End, turn: 0.0, color });
    }
    for (heading, y) in headings {
        part.marks.push(style.small(label_width, y - SMALL * 0.3, heading, Anchor::End));
    }
    let mut right_width = 0.0_f32;
    for (step, token) in matrix.heads.iter().enumerate() {
        let (text, color) = style.label(token);
        right_width = right_width.max(width(&text));
        let y = right(step) + TEXT * MIDDLE;
        part.marks.push(Mark::Text { x: to + 4.0, y, text, size: TEXT, anchor: Anchor::Start, turn: 0.0, color });
    }
    part.width = to + 4.0 + right_width;
    part.height = y.max(top + right_height);
    part
}
