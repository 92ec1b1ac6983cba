//! Colours and styles as escape sequences, or plain text.

use anstyle::{Ansi256Color, Color, RgbColor, Style};

use super::ColorSupport;
use crate::scale::{FAINT, Palette, Rgb, Scale, Theme};

/// Paints cells and text with the colours that the terminal supports.
pub(super) struct Painter {
    scale: Scale,
    palette: Palette,
    colors: ColorSupport,
    ramps: &'static Ramps,
}

impl Painter {
    pub fn new(scale: Scale, theme: Theme, colors: ColorSupport) -> Self {
        Self { scale, palette: scale.palette(theme), colors, ramps: &INFLUENCE }
    }

    /// A painter of step scores, whose colours differ from those of attributions.
    pub fn of_step_scores(scale: Scale, theme: Theme, colors: ColorSupport) -> Self {
        Self { scale, palette: scale.step_score_palette(theme), colors, ramps: &STEP_SCORE }
    }

    /// Strength of a score, in 0..=1; 0 for NaN.
    pub fn strength(&self, score: f32) -> f32 {
        self.scale.strength(score).unwrap_or(0.0)
    }

    /// Whether glyphs show scores instead of colours.
    pub fn is_plain(&self) -> bool {
        self.colors == ColorSupport::None
    }

    /// The cell of a score: `content` on the colour of the score. NaN stays blank.
    pub fn cell(&self, score: f32, content: &str) -> String {
        match self.scale.position(score) {
            Some(position) => self.patch(position, content, self.scale.strength(score).unwrap_or(1.0) < FAINT),
            None => content.to_owned(),
        }
    }

    /// `content` on the colour at a position of the scale.
    fn patch(&self, position: f32, content: &str, is_faint: bool) -> String {
        let (ground, ink) = match self.colors {
            ColorSupport::None => return content.to_owned(),
            ColorSupport::TrueColor => {
                let ground = self.palette.at(position);
                (rgb(ground), rgb(if is_faint { ground.quiet_ink() } else { ground.ink() }))
            }
            ColorSupport::Ansi256 => {
                let index = self.indexed(position);
                let ink = if shown(index).ink() == Rgb(0, 0, 0) { Ansi256Color(16) } else { Ansi256Color(231) };
                (Color::Ansi256(index), Color::Ansi256(ink))
            }
        };
        self.styled(Style::new().bg_color(Some(ground)).fg_color(Some(ink)), content)
    }

    /// The indexed colour with the lightness of the scale at a position.
    fn indexed(&self, position: f32) -> Ansi256Color {
        let ramp = match (self.scale.is_diverging(), position < 0.5) {
            (false, _) => self.ramps.sequential,
            (true, true) => self.ramps.negative,
            (true, false) => self.ramps.positive,
        };
        let lightness = |color: Rgb| color.luminance().cbrt();
        let wanted = lightness(self.palette.at(position));
        let distance = |index: u8| (lightness(shown(Ansi256Color(index))) - wanted).abs();
        let closest = ramp.iter().copied().min_by(|&one, &two| distance(one).total_cmp(&distance(two)));
        Ansi256Color(closest.unwrap_or(ramp[0]))
    }

    /// A bar glyph whose height is the strength of a score; a space for NaN.
    pub fn glyph(&self, score: f32) -> char {
        const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        self.scale.strength(score).map_or(' ', |strength| BARS[(strength * 8.0).round() as usize])
    }

    /// A strip with the whole scale, `width` cells wide.
    pub fn strip(&self, width: usize) -> String {
        (0..width)
            .map(|cell| {
                let position = cell as f32 / (width.max(2) - 1) as f32;
                if self.is_plain() {
                    let score = self.scale.min() + position * (self.scale.max() - self.scale.min());
                    self.glyph(score).to_string()
                } else {
                    self.patch(position, " ", false)
                }
            })
            .collect()
    }

    pub fn dim(&self, text: &str) -> String {
        self.styled(Style::new().dimmed(), text)
    }

    pub fn bold(&self, text: &str) -> String {
        self.styled(Style::new().bold(), text)
    }

    fn styled(&self, style: Style, text: &str) -> String {
        if self.is_plain() || text.is_empty() { text.to_owned() } else { format!("{style}{text}{style:#}") }
    }
}

fn rgb(color: Rgb) -> Color {
    Color::Rgb(RgbColor(color.0, color.1, color.2))
}

/// Those of xterm's 256 colours that follow a scale without jumps between hues, from dark to light.
struct Ramps {
    sequential: &'static [u8],
    negative: &'static [u8],
    positive: &'static [u8],
}

const INFLUENCE: Ramps = Ramps {
    sequential: &[233, 234, 235, 53, 54, 90, 126, 162, 168, 204, 209, 215, 222, 229, 231],
    negative: &[234, 236, 24, 31, 74, 117, 153, 195, 231],
    positive: &[234, 236, 94, 130, 172, 208, 215, 223, 230, 231],
};

const STEP_SCORE: Ramps = Ramps {
    sequential: &[233, 234, 235, 22, 23, 29, 35, 71, 77, 113, 149, 185, 192, 230, 231],
    negative: &[234, 236, 52, 95, 131, 174, 181, 224, 231],
    positive: &[234, 236, 22, 29, 35, 77, 114, 157, 194, 231],
};

fn shown(index: Ansi256Color) -> Rgb {
    let RgbColor(red, green, blue) = anstyle_lossy::xterm_to_rgb(index, anstyle_lossy::palette::DEFAULT);
    Rgb(red, green, blue)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexed_colors_are_fixed_ones_readable_and_in_order() {
        for (theme, sign) in [(Theme::Dark, 1.0), (Theme::Light, -1.0)] {
            for (scale, first) in [(Scale::new(0.0, 1.0).unwrap(), 0), (Scale::new(-1.0, 1.0).unwrap(), 128)] {
                for painter in
                    [Painter::new, Painter::of_step_scores].map(|paint| paint(scale, theme, ColorSupport::Ansi256))
                {
                    let mut last = None;
                    for step in first..=255 {
                        let index = painter.indexed(step as f32 / 255.0);
                        // The first sixteen are the user's own and may be any colour.
                        assert!(index.0 >= 16, "{index:?}");
                        let color = shown(index);
                        assert!(color.contrast(color.ink()) >= 4.5);
                        assert!(
                            last.is_none_or(|last| sign * (color.luminance() - last) >= 0.0),
                            "{theme:?} {step} {index:?}"
                        );
                        last = Some(color.luminance());
                    }
                }
            }
        }
    }
}
