//! A heat map for the terminal: rows are input tokens, columns are generated tokens.
//!
//! Rows are the source tokens, then the target tokens before the steps, then the step scores. A map that is wider than
//! the terminal is cut into blocks of columns, one below the other; no line wraps.
//!
//! ```
//! use inseq_core::{AttributionKind, SequenceAttribution, Token};
//! use inseq_viz::terminal::{self, TerminalOptions};
//! # use ndarray::array;
//!
//! let attribution = SequenceAttribution {
//!     source: vec![Token::new("▁Hello", 5), Token::new("</s>", 0)],
//!     target: vec![Token::new("<pad>", 1), Token::new("▁Bonjour", 7), Token::new("</s>", 0)],
//!     source_attributions: Some(array![[0.9, 0.2], [0.1, 0.3]].into_dyn()),
//!     attr_pos_start: 1,
//!     attr_pos_end: 3,
//!     kind: AttributionKind::Coarse,
//!     ..SequenceAttribution::default()
//! };
//! let picture = terminal::render_sequence(&attribution, &TerminalOptions::default())?;
//! assert!(picture.contains("Bonjour"));
//! # Ok::<(), inseq_viz::Error>(())
//! ```

mod context;
mod grid;
mod labels;
mod options;
mod paint;
mod tokens;

use inseq_core::SequenceAttribution;

pub use context::render_context;
pub use options::{ColorSupport, TerminalOptions};

use crate::number::NumberFormat;
use crate::panel::{Passage, Plate, plates};
use crate::token_text::{is_right_to_left, reading};
use crate::{Error, Result, Texts, View, caption};
use grid::Grid;
use labels::Label;
use paint::Painter;

/// Draws every text of a result, below a line with method, attributed function and model.
///
/// # Errors
///
/// [`Error::NotCoarse`] for a result that must be aggregated first, [`Error::Shape`] and [`Error::Positions`] for one whose
/// arrays and tokens do not fit together, [`Error::Range`] for an empty range of values; [`Error::Step`], [`Error::StepScore`],
/// [`Error::Axis`] and [`Error::Pair`] if the requested content does not exist, [`Error::View`] for
/// [`View::Links`].
pub fn render<'a>(result: impl Into<Texts<'a>>, options: &TerminalOptions) -> Result<String> {
    let result = result.into();
    let title = options.view.title.clone().or_else(|| caption::line(&result.info));
    draw(&result, title.as_deref(), options)
}

/// Draws one text.
///
/// # Errors
///
/// Those of [`render`].
pub fn render_sequence(attribution: &SequenceAttribution, options: &TerminalOptions) -> Result<String> {
    draw(&attribution.into(), options.view.title.as_deref(), options)
}

fn draw(result: &Texts, title: Option<&str>, options: &TerminalOptions) -> Result<String> {
    if options.view.view == View::Links {
        return Err(Error::View {
            picture: "a terminal",
            view: "links",
            instead: "draw it into a page, .svg, .png or .tex file (`figure`)",
        });
    }
    let mut picture = String::new();
    for (index, plate) in plates(result, &options.view)?.iter().enumerate() {
        let mut lines: Vec<String> = Vec::new();
        if index > 0 {
            lines.push(String::new());
        }
        let painter = plate_painter(plate, options)?;
        if let Some(title) = title.filter(|_| index == 0) {
            lines.extend(dimmed(&painter, &caption::one_line(title), options));
        }
        lines.extend(plate.ordinal.iter().map(|ordinal| painter.dim(ordinal)));
        match (options.view.view, plate.panels.first()) {
            (View::Tokens, Some(panel)) => tokens::draw(plate, panel, &painter, options, &mut lines)?,
            _ => tables(plate, &painter, options, &mut lines),
        }
        for line in lines {
            picture.push_str(line.trim_end());
            picture.push('\n');
        }
    }
    Ok(picture)
}

fn plate_painter(plate: &Plate, options: &TerminalOptions) -> Result<Painter> {
    let scale = match plate.panels.first() {
        Some(panel) => panel.scale,
        None => crate::scale::Scale::new(0.0, 1.0)?,
    };
    Ok(Painter::new(scale, options.theme, options.colors))
}

/// Writes the texts, then the tables below each other.
fn tables(plate: &Plate, painter: &Painter, options: &TerminalOptions, lines: &mut Vec<String>) {
    for passage in &plate.passages {
        read(passage, painter, options, lines);
    }
    for panel in &plate.panels {
        if let Some(heading) = &panel.heading {
            lines.push(String::new());
            let token = Label::line(&heading.token, options.layout_width() / 2);
            let detail = labels::wrap(&heading.detail, options.layout_width() - token.width() - 2).swap_remove(0);
            lines.push(format!("{}  {}", painter.bold(&token.paint(painter)), painter.dim(&detail)));
        }
        Grid::new(panel, painter, options).draw(lines);
    }
    lines.push(String::new());
    legend(plate, painter, options, lines);
}

/// Writes a running text.
fn read(passage: &Passage, painter: &Painter, options: &TerminalOptions, lines: &mut Vec<String>) {
    let text = reading(&passage.tokens);
    let first = match passage.of_pair {
        Some(name) => format!("{name} "),
        None if passage.is_written => "→ ".to_owned(),
        None => "  ".to_owned(),
    };
    let right_to_left = is_right_to_left(&text);
    for (index, line) in labels::wrap(&text, options.layout_width() - 2).iter().enumerate() {
        let lead = if index == 0 { first.as_str() } else { "  " };
        let line = if passage.is_written { painter.bold(line) } else { line.clone() };
        lines.push(if right_to_left {
            format!("\u{200e}{lead}{}", labels::isolated(&line))
        } else {
            format!("{lead}{line}")
        });
    }
}

/// Writes the legend of the colours.
fn legend(plate: &Plate, painter: &Painter, options: &TerminalOptions, lines: &mut Vec<String>) {
    let is_read = options.view.view == View::Tokens && plate.steps.is_empty();
    let Some(panel) = plate.panels.last().filter(|_| !is_read) else {
        lines.push(painter.dim(plate.empty));
        return;
    };
    let ends = NumberFormat::fitting([panel.scale.min(), panel.scale.max()]);
    let (min, max) = (ends.write(panel.scale.min()), ends.write(panel.scale.max()));
    let words = if options.view.view == View::Pair { "  A less B" } else { "" };
    let room = options.layout_width().saturating_sub(min.len() + max.len() + words.len() + 2);
    let strip = painter.strip(room.min(24));
    lines.push(format!("{} {strip} {}{}", painter.dim(&min), painter.dim(&max), painter.dim(words)));
    if let Some(total) = panel.chosen_from {
        let shown = panel.matrix.source_rows.len() + panel.matrix.target_rows.len();
        lines.extend(dimmed(painter, &format!("the {shown} strongest of {total} input tokens"), options));
    }
}

/// A dimmed paragraph, in lines that fit the width.
fn dimmed(painter: &Painter, text: &str, options: &TerminalOptions) -> Vec<String> {
    labels::wrap(text, options.layout_width()).iter().map(|line| painter.dim(line)).collect()
}
