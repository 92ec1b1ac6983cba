//! Sizes and colours of pictures for a paper, and the small parts that all of them share.

use super::FigureOptions;
use super::drawing::{Anchor, Mark, Part};
use super::fonts::Fonts;
use crate::View;
use crate::number::NumberFormat;
use crate::panel::Panel;
use crate::scale::{FAINT, Palette, Rgb, Scale, Theme};
use crate::token_text::TokenText;

/// Size of tokens, in points.
pub(super) const TEXT: f32 = 8.0;
/// Size of numbers in cells.
pub(super) const NUMBER: f32 = 6.5;
/// Size of captions and legends.
pub(super) const SMALL: f32 = 6.5;
/// Distance between parts.
pub(super) const GAP: f32 = 10.0;
/// Height of the middle of small letters above the baseline, as a share of the text size.
pub(super) const MIDDLE: f32 = 0.36;

/// Options, colours and fonts that every part of a picture needs.
pub(super) struct Style<'a> {
    pub options: &'a FigureOptions,
    pub fonts: &'a Fonts,
    pub page: Rgb,
    pub ink: Rgb,
    pub muted: Rgb,
    pub line: Rgb,
}

impl<'a> Style<'a> {
    pub fn new(options: &'a FigureOptions, fonts: &'a Fonts) -> Self {
        let [page, ink, muted, line] = match options.theme {
            Theme::Light => [Rgb(255, 255, 255), Rgb(26, 22, 30), Rgb(105, 98, 111), Rgb(214, 209, 200)],
            Theme::Dark => [Rgb(19, 16, 24), Rgb(236, 232, 240), Rgb(162, 155, 171), Rgb(60, 53, 70)],
        };
        Self { options, fonts, page, ink, muted, line }
    }

    pub fn palette(&self, scale: &Scale) -> Palette {
        scale.palette(self.options.theme)
    }

    /// Text and colour of a token in labels.
    pub fn label(&self, token: &TokenText) -> (String, Rgb) {
        (token.spelling(), if token.special { self.muted } else { self.ink })
    }

    pub fn small(&self, x: f32, y: f32, text: impl Into<String>, anchor: Anchor) -> Mark {
        Mark::Text { x, y, text: text.into(), size: SMALL, anchor, turn: 0.0, color: self.muted }
    }

    /// The colours of a score: background and number. `None` for NaN.
    pub fn colors(&self, scale: &Scale, palette: &Palette, score: f32) -> Option<(Rgb, Rgb)> {
        let ground = palette.at(scale.position(score)?);
        let is_faint = scale.strength(score).unwrap_or(1.0) < FAINT;
        Some((ground, if is_faint { ground.quiet_ink() } else { ground.ink() }))
    }

    /// A paragraph in small text, in lines of at most `width`.
    pub fn paragraph(&self, text: &str, width: f32) -> Part {
        let mut part = Part::default();
        let mut line = String::new();
        let mut end = |line: &mut String| {
            let y = part.height + SMALL;
            part.width = part.width.max(self.fonts.width(line, SMALL));
            part.height = y + 2.0;
            part.marks.push(self.small(0.0, y, std::mem::take(line), Anchor::Start));
        };
        for word in text.split(' ') {
            let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
            if !line.is_empty() && self.fonts.width(&longer, SMALL) > width {
                end(&mut line);
                line = word.to_owned();
            } else {
                line = longer;
            }
        }
        end(&mut line);
        part
    }

    /// The legend of the colours.
    pub fn legend(&self, panel: &Panel) -> Part {
        let mut words = match self.options.view.view {
            View::Pair => "A less B".to_owned(),
            _ => String::new(),
        };
        if let Some(total) = panel.chosen_from {
            let shown = panel.matrix.source_rows.len() + panel.matrix.target_rows.len();
            words.push_str(&format!("the {shown} strongest of {total} input tokens"));
        }
        self.ramp(&panel.scale, &self.palette(&panel.scale), &words)
    }

    /// A strip of a scale's colours between its ends.
    pub fn ramp(&self, scale: &Scale, palette: &Palette, words: &str) -> Part {
        const PIECES: usize = 32;
        const WIDTH: f32 = 90.0;
        const HEIGHT: f32 = 6.0;
        let ends = NumberFormat::fitting([scale.min(), scale.max()]);
        let [min, max] = [scale.min(), scale.max()].map(|end| ends.write(end));
        let baseline = HEIGHT / 2.0 + SMALL * MIDDLE;
        let mut part = Part { height: HEIGHT, ..Part::default() };
        let x = self.fonts.width(&min, SMALL) + 4.0;
        part.marks.push(self.small(0.0, baseline, min, Anchor::Start));
        for piece in 0..PIECES {
            let color = palette.at(piece as f32 / (PIECES - 1) as f32);
            // Pieces overlap, so that no seam shows between them.
            let width = WIDTH / PIECES as f32 + if piece + 1 < PIECES { 0.4 } else { 0.0 };
            let left = x + WIDTH * piece as f32 / PIECES as f32;
            part.marks.push(Mark::Rect { x: left, y: 0.0, width, height: HEIGHT, radius: 0.0, color });
        }
        let mut x = x + WIDTH + 4.0;
        for text in [max.as_str(), words].into_iter().filter(|text| !text.is_empty()) {
            part.marks.push(self.small(x, baseline, text, Anchor::Start));
            x += self.fonts.width(text, SMALL) + 2.0 * TEXT;
        }
        part.width = x - 2.0 * TEXT;
        part
    }
}
