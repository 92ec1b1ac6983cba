//! The colour scale that every picture shares.
//!
//! Scores without negative values use *magma* (from matplotlib: perceptually uniform, readable with every
//! common colour-vision deficiency, and in grey). It starts dark on a dark page and near white on a light
//! page, so a score of 0 has the colour of the page. Scores of both signs go from
//! blue (negative) through the page's own tone to orange (positive), mixed in Oklab. Step scores have separate colours
//! (*viridis*, and brown to green).

use colorgrad::{BlendMode, Color, Gradient, GradientBuilder, LinearGradient};

use crate::{Error, Result};

/// Strength (see [`Scale::strength`]) below which the number of a score is drawn faintly, so that strong scores stand out.
pub const FAINT: f32 = 0.1;

/// A colour as 8-bit sRGB red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rgb(pub u8, pub u8, pub u8);

impl Rgb {
    /// Relative luminance by WCAG 2, in 0..=1.
    pub fn luminance(self) -> f32 {
        let linear = |channel: u8| {
            let value = f32::from(channel) / 255.0;
            if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.0) + 0.7152 * linear(self.1) + 0.0722 * linear(self.2)
    }

    /// Contrast ratio to another colour by WCAG 2, in 1..=21.
    pub fn contrast(self, other: Rgb) -> f32 {
        let (one, two) = (self.luminance() + 0.05, other.luminance() + 0.05);
        one.max(two) / one.min(two)
    }

    /// Black or white, whichever has more contrast on this colour. One of them always reaches 4.5 to 1.
    #[must_use]
    pub fn ink(self) -> Rgb {
        let (black, white) = (Rgb(0, 0, 0), Rgb(255, 255, 255));
        if self.contrast(black) >= self.contrast(white) { black } else { white }
    }

    /// A text colour with the lowest readable contrast, for numbers close to 0.
    #[must_use]
    pub fn quiet_ink(self) -> Rgb {
        let ink = self.ink();
        let mixed = |share: f32| {
            let mix =
                |ground: u8, ink: u8| (f32::from(ground) + share * (f32::from(ink) - f32::from(ground))).round() as u8;
            Rgb(mix(self.0, ink.0), mix(self.1, ink.1), mix(self.2, ink.2))
        };
        (10..20)
            .map(|twentieths| mixed(twentieths as f32 / 20.0))
            .find(|&color| self.contrast(color) >= 5.0)
            .unwrap_or(ink)
    }
}

/// Dark or light page; there is no third.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
pub enum Theme {
    /// Light text on a dark page: low scores are dark.
    #[default]
    Dark,
    /// Dark text on a light page: low scores are light.
    Light,
}

/// Mapping of scores to colours: a range of values with one or two sides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    min: f32,
    max: f32,
}

impl Scale {
    /// A scale from `min` to `max`; a negative `min` makes it a diverging one whose middle is at 0.
    ///
    /// # Errors
    ///
    /// [`Error::Range`] if `min` is not below `max` or one is not finite.
    pub fn new(min: f32, max: f32) -> Result<Self> {
        if min.is_finite() && max.is_finite() && min < max {
            Ok(Self { min, max })
        } else {
            Err(Error::Range { min, max })
        }
    }

    /// The scale that fits `scores`: from 0 to the largest score or, if some are negative, the same distance on both
    /// sides of 0. `min` and `max`, if given, replace the ends. NaN and infinite scores do not count.
    ///
    /// # Errors
    ///
    /// [`Error::Range`] if a given bound leaves an empty range.
    pub fn fitting(scores: impl IntoIterator<Item = f32>, min: Option<f32>, max: Option<f32>) -> Result<Self> {
        let (mut low, mut high) = (0.0_f32, 0.0_f32);
        for score in scores.into_iter().filter(|score| score.is_finite()) {
            low = low.min(score);
            high = high.max(score);
        }
        if low < 0.0 {
            high = high.max(-low);
            low = -high;
        } else if high == 0.0 {
            // Nothing but zeros (or nothing at all): any range shows them as no influence, if it is above a given minimum.
            high = min.map_or(1.0, |min| min.max(0.0) + 1.0);
        }
        Self::new(min.unwrap_or(low), max.unwrap_or(high))
    }

    /// The scale with two sides; they have the same length unless the scale had two sides before.
    #[must_use]
    pub fn two_sided(self) -> Self {
        if self.is_diverging() { self } else { Self { min: -self.max.max(f32::MIN_POSITIVE), ..self } }
    }

    /// Low end of the scale; smaller values have the same colour.
    pub fn min(&self) -> f32 {
        self.min
    }

    /// High end of the scale; larger values have the same colour.
    pub fn max(&self) -> f32 {
        self.max
    }

    /// Whether the scale has two sides.
    pub fn is_diverging(&self) -> bool {
        self.min < 0.0
    }

    /// Position of a score on the scale, in 0..=1 (0.5 is the score 0 of a diverging scale); `None` for NaN.
    pub fn position(&self, score: f32) -> Option<f32> {
        if score.is_nan() {
            return None;
        }
        let position = if !self.is_diverging() {
            (score - self.min) / (self.max - self.min)
        } else {
            // Each side has its own length, so that 0 stays in the middle of a range given unevenly.
            let side = if score < 0.0 { -self.min } else { self.max.max(f32::MIN_POSITIVE) };
            0.5 + 0.5 * score / side
        };
        Some(position.clamp(0.0, 1.0))
    }

    /// Strength of a score without its sign, in 0..=1; `None` for NaN.
    pub fn strength(&self, score: f32) -> Option<f32> {
        let position = self.position(score)?;
        Some(if self.is_diverging() { (2.0 * position - 1.0).abs() } else { position })
    }

    /// The colours of this scale on a page with this theme.
    pub fn palette(&self, theme: Theme) -> Palette {
        Palette {
            kind: if self.is_diverging() { Colors::Diverging(diverging(theme)) } else { Colors::Sequential },
            theme,
        }
    }

    /// Colours of step scores, which differ from those of attributions: *viridis*, or from brown to green for both signs.
    pub fn step_score_palette(&self, theme: Theme) -> Palette {
        let kind = if self.is_diverging() { Colors::Diverging(brown_to_green(theme)) } else { Colors::StepScore };
        Palette { kind, theme }
    }
}

/// The colours of a scale, by position.
#[derive(Debug)]
pub struct Palette {
    kind: Colors,
    theme: Theme,
}

#[derive(Debug)]
enum Colors {
    Sequential,
    StepScore,
    Diverging(Option<LinearGradient>),
}

impl Palette {
    /// The colour at a position in 0..=1 (see [`Scale::position`]).
    pub fn at(&self, position: f32) -> Rgb {
        let position = if position.is_nan() { 0.0 } else { position.clamp(0.0, 1.0) };
        let color = match (&self.kind, self.theme) {
            (Colors::Diverging(Some(gradient)), _) => gradient.at(position),
            (Colors::StepScore, Theme::Dark) => colorgrad::preset::viridis().at(0.02 + 0.96 * position),
            (Colors::StepScore, Theme::Light) => paper(colorgrad::preset::viridis().at(1.0 - 0.9 * position), position),
            // The outermost ends of magma are pure black and a glaring cream: both are cut off.
            (_, Theme::Dark) => colorgrad::preset::magma().at(0.07 + 0.88 * position),
            (_, Theme::Light) => paper(colorgrad::preset::magma().at(1.0 - 0.86 * position), position),
        };
        let [red, green, blue, _] = color.to_rgba8();
        Rgb(red, green, blue)
    }
}

/// Removes the colour of magma's light end, a strong yellow, which would cover a light page where scores are *low*. The
/// lightness stays; the colour appears over the first quarter of the scale.
fn paper(color: Color, position: f32) -> Color {
    let [lightness, green_red, blue_yellow, alpha] = color.to_oklaba();
    let chroma = (0.1 + position / 0.25).min(1.0);
    Color::from_oklaba(lightness, chroma * green_red, chroma * blue_yellow, alpha)
}

fn diverging(theme: Theme) -> Option<LinearGradient> {
    let colors = match theme {
        Theme::Dark => ["#8fd3ff", "#2f86c9", "#17151d", "#c26a14", "#ffc27a"],
        Theme::Light => ["#0b4a7d", "#4f9bd3", "#fcfaf5", "#e08a35", "#8a3f02"],
    };
    GradientBuilder::new().html_colors(&colors).mode(BlendMode::Oklab).build().ok()
}

fn brown_to_green(theme: Theme) -> Option<LinearGradient> {
    let colors = match theme {
        Theme::Dark => ["#e6c48a", "#9a6a2c", "#17151d", "#2f8f6b", "#9fe3c4"],
        Theme::Light => ["#5c3a0a", "#b98a45", "#fcfaf5", "#4fa888", "#0b5a44"],
    };
    GradientBuilder::new().html_colors(&colors).mode(BlendMode::Oklab).build().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn palettes(theme: Theme) -> Vec<(bool, Palette)> {
        let each = scales().map(|scale| {
            [scale.palette(theme), scale.step_score_palette(theme)].map(|palette| (scale.is_diverging(), palette))
        });
        each.into_iter().flatten().collect()
    }

    fn scales() -> [Scale; 2] {
        [Scale::new(0.0, 1.0).unwrap(), Scale::new(-1.0, 1.0).unwrap()]
    }

    #[test]
    fn text_is_readable_on_every_color() {
        for theme in [Theme::Dark, Theme::Light] {
            for (_, palette) in palettes(theme) {
                for step in 0..=255 {
                    let color = palette.at(step as f32 / 255.0);
                    assert!(color.contrast(color.ink()) >= 4.5, "{theme:?} {step}: {color:?}");
                    assert!(color.contrast(color.quiet_ink()) >= 4.5, "{theme:?} {step}: {color:?}");
                }
            }
        }
    }

    #[test]
    fn luminance_matches_the_values_of_wcag() {
        assert!((Rgb(255, 255, 255).luminance() - 1.0).abs() < 1e-5);
        assert!((Rgb(255, 255, 255).contrast(Rgb(0, 0, 0)) - 21.0).abs() < 1e-3);
        // #767676 is the darkest grey that WCAG's own examples accept on white: 4.54 to 1.
        assert!((Rgb(0x76, 0x76, 0x76).contrast(Rgb(255, 255, 255)) - 4.54).abs() < 0.01);
    }

    #[test]
    fn lightness_grows_steadily_away_from_the_page() {
        for (theme, sign) in [(Theme::Dark, 1.0), (Theme::Light, -1.0)] {
            for (is_diverging, palette) in palettes(theme) {
                let start = if is_diverging { 128 } else { 0 };
                let mut last = palette.at(start as f32 / 255.0).luminance();
                for step in (start + 5..=255).step_by(5) {
                    let luminance = palette.at(step as f32 / 255.0).luminance();
                    assert!(sign * (luminance - last) > 0.0, "{theme:?} {step}");
                    last = luminance;
                }
            }
        }
    }

    #[test]
    fn a_scale_fits_its_scores() {
        let scale = Scale::fitting([0.1, f32::NAN, 0.4, f32::INFINITY], None, None).unwrap();
        assert_eq!((scale.min(), scale.max()), (0.0, 0.4));
        assert_eq!(scale.position(0.2), Some(0.5));
        assert_eq!(scale.position(9.0), Some(1.0));
        assert_eq!(scale.position(f32::NAN), None);
        let scale = Scale::fitting([-0.5, 0.25], None, None).unwrap();
        assert_eq!((scale.min(), scale.max()), (-0.5, 0.5));
        assert_eq!(scale.position(0.0), Some(0.5));
        assert_eq!(scale.strength(-0.25), Some(0.5));
        assert!(Scale::fitting([], None, None).is_ok());
        assert!(Scale::fitting([0.0], Some(3.0), None).is_ok());
        let error = Scale::fitting([0.5], Some(1.0), None).unwrap_err();
        assert_eq!(error.to_string(), "the colour scale needs a finite minimum below its maximum, found 1..0.5");
    }
}
