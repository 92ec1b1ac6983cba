//! The token view: for each generated token, the text before it, coloured by its influence.

use std::collections::BTreeMap;
use std::ops::Range;

use unicode_bidi::{BidiInfo, Level};

use super::drawing::{Anchor, Mark, Part};
use super::style::{GAP, MIDDLE, Style, TEXT};
use crate::Result;
use crate::matrix::Matrix;
use crate::panel::{Panel, Plate};
use crate::scale::{FAINT, Palette, Rgb, Scale};
use crate::token_text::{TokenText, spaces_before};

/// Height of a line of text.
const LINE: f32 = 14.0;
/// Size of a note after a token.
const NOTE: f32 = 5.5;
/// Space between a token and its note.
const NOTE_GAP: f32 = 1.6;

/// One line for each chosen step: the token on the left, the text before it on the right.
pub(super) fn draw(plate: &Plate, panel: &Panel, style: &Style) -> Result<Part> {
    let matrix = &panel.matrix;
    let names: Vec<_> = plate.steps.iter().map(|&step| style.label(&matrix.heads[step])).collect();
    let names_width = names.iter().map(|(text, _)| style.fonts.width(text, TEXT)).fold(0.0, f32::max);
    let left = names_width + 2.0 * GAP;
    let room = (style.options.width - left).max(120.0);
    let colors = Coloring { scale: panel.scale, palette: style.palette(&panel.scale) };
    let mut part = Part::default();
    let highlight = highlight(matrix, style)?;
    if let Some((coloring, scores)) = &highlight {
        for passage in plate.passages.iter().filter(|passage| passage.is_written) {
            let given = passage.tokens.len().saturating_sub(scores.len());
            let scores: Vec<f32> = std::iter::repeat_n(f32::NAN, given).chain(scores.iter().copied()).collect();
            let text = Running { tokens: &passage.tokens, scores: &scores, notes: BTreeMap::new() };
            part.below(text.draw(coloring, style.options.width, style), 0.0);
        }
    }
    for (index, &step) in plate.steps.iter().enumerate() {
        let mut text = Part::default();
        let flows = [(&matrix.source_rows, &matrix.source), (&matrix.target_rows, &matrix.target)];
        for (rows, tokens) in flows {
            let scores: Vec<f32> =
                rows.iter().map(|row| row.scores[step]).take_while(|score| !score.is_nan()).collect();
            if !scores.is_empty() {
                let seen = Running { tokens: &tokens[..scores.len()], scores: &scores, notes: BTreeMap::new() };
                text.below(seen.draw(&colors, room, style), 2.0);
            }
        }
        let mut line = Part::default();
        let (name, color) = names[index].clone();
        let baseline = LINE / 2.0 + TEXT * MIDDLE;
        line.marks.push(Mark::Text {
            x: names_width,
            y: baseline,
            text: name,
            size: TEXT,
            anchor: Anchor::End,
            turn: 0.0,
            color,
        });
        line.marks.push(Mark::Line {
            from: (names_width + 0.8 * GAP, 1.0),
            to: (names_width + 0.8 * GAP, text.height.max(LINE) - 1.0),
            width: 0.5,
            color: style.line,
        });
        line.height = LINE;
        line.place(text, left, 0.0);
        part.below(line, 0.6 * GAP);
    }
    let mut legend = style.legend(panel);
    if let Some((coloring, _)) = &highlight {
        let name = style.options.view.highlight.as_deref().map(crate::matrix::readable).unwrap_or_default();
        let x = legend.width + 3.0 * GAP;
        legend.place(style.ramp(&coloring.scale, &coloring.palette, &name), x, 0.0);
    }
    part.below(legend, GAP);
    Ok(part)
}

/// The colours of scores.
pub(super) struct Coloring {
    pub scale: Scale,
    pub palette: Palette,
}

/// The step score that colours generated tokens, with its values.
fn highlight(matrix: &Matrix, style: &Style) -> Result<Option<(Coloring, Vec<f32>)>> {
    let Some(name) = &style.options.view.highlight else { return Ok(None) };
    let Some(row) = matrix.step_scores.iter().find(|row| row.key == *name) else { return Ok(None) };
    let scale = Scale::fitting(row.scores.iter().copied(), None, None)?;
    let palette = scale.step_score_palette(style.options.theme);
    Ok(Some((Coloring { scale, palette }, row.scores.clone())))
}

/// Tokens as running text.
pub(super) struct Running<'a> {
    pub tokens: &'a [TokenText],
    /// Score of each token; NaN for none.
    pub scores: &'a [f32],
    /// Small text after some tokens, by the index of the token.
    pub notes: BTreeMap<usize, String>,
}

impl Running<'_> {
    /// The text in lines of at most `room`, each line in its reading order.
    pub fn draw(&self, coloring: &Coloring, room: f32, style: &Style) -> Part {
        let tokens = self.tokens;
        let spaces = spaces_before(tokens);
        let own: Vec<f32> = tokens.iter().map(|token| style.fonts.width(token.running(), TEXT)).collect();
        let note = |index: usize| self.notes.get(&index).map_or(0.0, |note| style.fonts.width(note, NOTE) + NOTE_GAP);
        let widths: Vec<f32> = own.iter().enumerate().map(|(index, width)| width + note(index)).collect();
        let space = style.fonts.width(" ", TEXT) + 1.0;
        let is_rtl = tokens.iter().find(|token| !token.special && token.text.chars().any(char::is_alphabetic));
        let is_rtl = is_rtl.is_some_and(|token| token.right_to_left);
        let mut part = Part::default();
        for (number, line) in lines(tokens, &widths, &spaces, (space, room), style).into_iter().enumerate() {
            let y = number as f32 * LINE;
            let items = ordered(line, tokens, &spaces, is_rtl);
            let width = |item: &Item| item.map_or(space, |index| widths[index]);
            let whole: f32 = items.iter().map(width).sum();
            let mut x = if is_rtl { room - whole } else { 0.0 };
            part.width = part.width.max(if is_rtl { room } else { whole });
            for item in items {
                if let Some(index) = item {
                    self.token(&mut part, index, ((x, y), own[index]), coloring, style);
                }
                x += width(&item);
            }
            part.height = y + LINE;
        }
        part
    }

    /// A token at a place, with its own width, and its note.
    fn token(
        &self,
        part: &mut Part,
        index: usize,
        ((x, y), width): ((f32, f32), f32),
        coloring: &Coloring,
        style: &Style,
    ) {
        let (token, score) = (&self.tokens[index], self.scores[index]);
        let strength = coloring.scale.strength(score).unwrap_or(0.0);
        let colors = style.colors(&coloring.scale, &coloring.palette, score).filter(|_| strength >= FAINT);
        let color = ground(part, colors, (x, y), width);
        let mark = |x: f32, text: String, size: f32, color: Rgb| Mark::Text {
            x,
            y: y + LINE / 2.0 + TEXT * MIDDLE,
            text,
            size,
            anchor: Anchor::Start,
            turn: 0.0,
            color,
        };
        let own = color.unwrap_or(if token.special { style.muted } else { style.ink });
        part.marks.push(mark(x, token.running().to_owned(), TEXT, own));
        if let Some(note) = self.notes.get(&index) {
            part.marks.push(mark(x + width + NOTE_GAP, note.clone(), NOTE, style.muted));
        }
    }
}

/// The tokens of each line, in reading order. A word of several tokens stays on one line if it fits.
fn lines(
    tokens: &[TokenText],
    widths: &[f32],
    spaces: &[bool],
    (space, room): (f32, f32),
    style: &Style,
) -> Vec<Range<usize>> {
    let mut lines = Vec::new();
    let (mut start, mut x) = (0, 0.0);
    for (index, token) in tokens.iter().enumerate() {
        let word: f32 = widths[index]
            + (index + 1..tokens.len()).take_while(|&next| !spaces[next]).map(|next| widths[next]).sum::<f32>();
        let before = if spaces[index] && index > start { space } else { 0.0 };
        let needed = if spaces[index] && word <= room { word } else { widths[index] };
        let is_full = index > start && x + before + needed > room;
        if is_full {
            lines.push(start..index);
        }
        (start, x) = if is_full { (index, widths[index]) } else { (start, x + before + widths[index]) };
        if style.options.view.wrap.ends_line(index, token) && index + 1 < tokens.len() {
            lines.push(start..index + 1);
            (start, x) = (index + 1, 0.0);
        }
    }
    lines.push(start..tokens.len());
    lines
}

/// A token by its index, or a space.
type Item = Option<usize>;

/// The tokens of a line and the spaces between them from left to right, by Unicode's bidirectional algorithm. A token stays
/// whole and has the direction of its first letter.
fn ordered(line: Range<usize>, tokens: &[TokenText], spaces: &[bool], is_rtl: bool) -> Vec<Item> {
    let mut text = String::new();
    let mut items: Vec<(Item, usize)> = Vec::new();
    for index in line.clone() {
        if spaces[index] && index > line.start {
            items.push((None, text.len()));
            text.push(' ');
        }
        let shown = tokens[index].running();
        items.push((Some(index), text.len() + shown.find(char::is_alphabetic).unwrap_or(0)));
        text.push_str(shown);
    }
    let base = if is_rtl { Level::rtl() } else { Level::ltr() };
    let levels = BidiInfo::new(&text, Some(base)).levels;
    let levels: Vec<Level> = items.iter().map(|(_, at)| levels.get(*at).copied().unwrap_or(base)).collect();
    BidiInfo::reorder_visual(&levels).into_iter().map(|place| items[place].0).collect()
}

/// Draws the background of a token, if it has one. Returns the text colour on it.
fn ground(part: &mut Part, colors: Option<(Rgb, Rgb)>, (x, y): (f32, f32), width: f32) -> Option<Rgb> {
    let (ground, ink) = colors?;
    let (x, width) = (x - 0.8, width + 1.6);
    part.marks.push(Mark::Rect { x, y: y + 1.2, width, height: LINE - 2.4, radius: 2.0, color: ground });
    Some(ink)
}

#[cfg(test)]
mod tests {
    use inseq_core::Token;

    use super::*;

    fn seen(words: &[&str]) -> String {
        let tokens: Vec<Token> = words.iter().map(|word| Token::new(*word, 1)).collect();
        let tokens = TokenText::of_tokens(&tokens);
        let spaces = spaces_before(&tokens);
        let is_rtl = tokens[0].right_to_left;
        let items = ordered(0..tokens.len(), &tokens, &spaces, is_rtl);
        items.iter().map(|item| item.map_or(" ", |index| tokens[index].running())).collect()
    }

    #[test]
    fn words_stand_in_the_order_of_their_direction() {
        // By UAX #9: words from right to left are reversed, and numbers in them keep their own order.
        for (words, expected) in [
            (&["▁a", "▁b", "▁c"][..], "a b c"),
            (&["▁a", "▁ا", "ل", "▁ط", "▁b"], "a ط لا b"),
            (&["▁ا", "▁a", "▁b", "▁ط"], "ط a b ا"),
            (&["▁ا", "▁12", "3", "▁ط"], "ط 123 ا"),
        ] {
            assert_eq!(seen(words), expected, "{words:?}");
        }
    }
}
