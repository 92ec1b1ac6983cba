//! The token view: a running text, with each token on the colour of its influence on a generated token.

use unicode_width::UnicodeWidthStr;

use super::labels::{self, Label};
use super::paint::Painter;
use super::{TerminalOptions, legend, read};
use crate::matrix::{Matrix, Row};
use crate::number::NumberFormat;
use crate::panel::{Panel, Plate};
use crate::scale::Scale;
use crate::token_text::{TokenText, spaces_before};
use crate::{Result, ViewOptions};

/// Smallest strength of a score that is written beside its token in a terminal without colours.
const WRITTEN: f32 = 0.25;

/// Draws the text, then each chosen step with the tokens before it.
pub(super) fn draw(
    plate: &Plate,
    panel: &Panel,
    painter: &Painter,
    options: &TerminalOptions,
    lines: &mut Vec<String>,
) -> Result<()> {
    let matrix = &panel.matrix;
    let highlight = Highlight::of(matrix, options)?;
    for passage in &plate.passages {
        match &highlight {
            Some(highlight) if passage.is_written => {
                let scores = highlight.of_tokens(passage.tokens.len());
                let flow = Flow { tokens: &passage.tokens, scores: &scores, lead: "→ ", number: highlight.number };
                flow.draw(&highlight.painter, options, lines);
                lines.push(highlight.legend(painter));
            }
            _ => read(passage, painter, options, lines),
        }
    }
    for &step in &plate.steps {
        lines.push(String::new());
        lines.push(heading(matrix, step, painter, options));
        for (rows, tokens, lead) in
            [(&matrix.source_rows, &matrix.source, "  "), (&matrix.target_rows, &matrix.target, "… ")]
        {
            let lead = if matrix.has_source { lead } else { "  " };
            let seen = |row: &&Row| !row.scores[step].is_nan();
            let scores: Vec<f32> = rows.iter().filter(seen).map(|row| row.scores[step]).collect();
            if !scores.is_empty() {
                Flow {
                    tokens: &tokens[..scores.len()],
                    scores: &scores,
                    lead,
                    number: panel.number.without_leading_zero(),
                }
                .draw(painter, options, lines);
            }
        }
    }
    lines.push(String::new());
    legend(plate, painter, options, lines);
    Ok(())
}

/// The token that is explained, and its step scores.
fn heading(matrix: &Matrix, step: usize, painter: &Painter, options: &TerminalOptions) -> String {
    let label = Label::line(&matrix.heads[step], options.layout_width() / 2);
    let scores: Vec<String> = matrix
        .step_scores
        .iter()
        .map(|row| {
            format!("{} {}", row.name, NumberFormat::fitting(row.scores.iter().copied()).write(row.scores[step]))
        })
        .collect();
    let scores = labels::wrap(&scores.join(" · "), options.layout_width() - label.width() - 2).swap_remove(0);
    format!("{}  {}", painter.bold(&label.paint(painter)), painter.dim(&scores))
}

/// The step score that colours generated tokens.
struct Highlight {
    name: String,
    scores: Vec<f32>,
    scale: Scale,
    painter: Painter,
    number: NumberFormat,
}

impl Highlight {
    fn of(matrix: &Matrix, options: &TerminalOptions) -> Result<Option<Self>> {
        let ViewOptions { highlight: Some(name), .. } = &options.view else { return Ok(None) };
        let Some(row) = matrix.step_scores.iter().find(|row| row.key == *name) else { return Ok(None) };
        let scale = Scale::fitting(row.scores.iter().copied(), None, None)?;
        Ok(Some(Self {
            name: row.name.clone(),
            scores: row.scores.clone(),
            scale,
            painter: Painter::of_step_scores(scale, options.theme, options.colors),
            number: NumberFormat::fitting(row.scores.iter().copied()).without_leading_zero(),
        }))
    }

    /// A score for each token of the written text; NaN for tokens that were not attributed.
    fn of_tokens(&self, count: usize) -> Vec<f32> {
        let given = count.saturating_sub(self.scores.len());
        std::iter::repeat_n(f32::NAN, given).chain(self.scores.iter().copied()).collect()
    }

    fn legend(&self, painter: &Painter) -> String {
        let ends = NumberFormat::fitting([self.scale.min(), self.scale.max()]);
        let [min, max] = [self.scale.min(), self.scale.max()].map(|end| painter.dim(&ends.write(end)));
        format!("  {} {min} {} {max}", painter.dim(&self.name), self.painter.strip(12))
    }
}

/// Tokens as running text.
pub(super) struct Flow<'a> {
    pub(super) tokens: &'a [TokenText],
    /// Scores, `[token]`; NaN for a token without a score.
    pub(super) scores: &'a [f32],
    pub(super) lead: &'static str,
    pub(super) number: NumberFormat,
}

impl Flow<'_> {
    pub(super) fn draw(&self, painter: &Painter, options: &TerminalOptions, lines: &mut Vec<String>) {
        let room = options.layout_width() - 2;
        let spaces = spaces_before(self.tokens);
        let mut line = String::new();
        let mut width = 0;
        let mut is_first = true;
        let mut end = |line: &mut String, width: &mut usize| {
            let lead = if std::mem::take(&mut is_first) { self.lead } else { "  " };
            lines.push(self.directed(lead, line));
            (*line, *width) = (String::new(), 0);
        };
        for (index, token) in self.tokens.iter().enumerate() {
            let (text, cells) = self.piece(token, self.scores[index], painter, room);
            let space = usize::from(spaces[index] && width > 0);
            // A word of several pieces stays in one line where it can.
            let word: usize = (index + 1..self.tokens.len())
                .take_while(|&next| !spaces[next])
                .map(|next| self.piece(&self.tokens[next], self.scores[next], painter, room).1)
                .sum();
            let whole = if spaces[index] && cells + word <= room { cells + word } else { cells };
            if width > 0 && width + space + whole > room {
                end(&mut line, &mut width);
            }
            if spaces[index] && width > 0 {
                line.push(' ');
                width += 1;
            }
            line.push_str(&text);
            width += cells;
            if options.view.wrap.ends_line(index, token) {
                end(&mut line, &mut width);
            }
        }
        if width > 0 {
            end(&mut line, &mut width);
        }
    }

    /// The painted token, and its width in cells.
    fn piece(&self, token: &TokenText, score: f32, painter: &Painter, room: usize) -> (String, usize) {
        let text = token.running();
        let strength = painter.strength(score);
        if painter.is_plain() {
            let note = if strength >= WRITTEN { format!("({})", self.number.write(score)) } else { String::new() };
            let text = labels::wrap(text, room - note.width()).swap_remove(0) + &note;
            let width = text.width();
            return (text, width);
        }
        let text = labels::wrap(text, room).swap_remove(0);
        let width = text.width();
        let painted = if strength >= crate::scale::FAINT {
            painter.cell(score, &text)
        } else if token.special {
            painter.dim(&text)
        } else {
            text
        };
        (painted, width)
    }

    fn directed(&self, lead: &str, line: &str) -> String {
        if self.tokens.iter().any(|token| token.right_to_left) {
            format!("\u{200e}{lead}{}", labels::isolated(line))
        } else {
            format!("{lead}{line}")
        }
    }
}
