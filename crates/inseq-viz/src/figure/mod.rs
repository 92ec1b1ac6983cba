//! Pictures for a paper: SVG, PNG and TikZ.
//!
//! In SVG and PNG, text is drawn as outlines of fonts that are part of this crate, so a picture looks the same
//! everywhere and needs no installed font. In TikZ, text uses the document's own fonts. All pictures share their colours
//! ([`scale`](crate::scale)): perceptually uniform, and readable with every common colour-vision deficiency.
//!
//! ```
//! use inseq_core::{AttributionKind, AttributionResult, SequenceAttribution, Token};
//! use inseq_viz::figure::{self, FigureOptions};
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
//! let result = AttributionResult { sequences: vec![attribution], ..AttributionResult::default() };
//! assert!(figure::svg(&result, &FigureOptions::default())?.starts_with("<svg"));
//! # Ok::<(), inseq_viz::Error>(())
//! ```

mod citations;
mod context;
mod drawing;
mod flow;
mod fonts;
mod links;
mod shown;
mod style;
mod svg;
mod table;
mod tex;

pub use shown::Shown;

use crate::panel::{Plate, plates};
use crate::scale::Theme;
use crate::{Result, Texts, View, ViewOptions, caption};
use drawing::{Drawing, Part};
use fonts::Fonts;
use style::Style;

/// Options of a picture for a paper.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct FigureOptions {
    /// Dark or light page. Default light.
    pub theme: Theme,
    /// Whether cells show numbers as well as colours. Columns without numbers are narrower. Default true.
    pub show_values: bool,
    /// Whether a line above the picture names method, attributed function and model. Default false, because a paper has captions.
    pub show_title: bool,
    /// Largest width of texts and rows of tables, in points. Default 480, the text width of a page.
    pub width: f32,
    /// Pixels per point in PNG. Default 4, which is 288 pixels per inch.
    pub pixels: f32,
    /// Content of the picture.
    pub view: ViewOptions,
}

impl Default for FigureOptions {
    fn default() -> Self {
        Self {
            theme: Theme::Light,
            show_values: true,
            show_title: false,
            width: 480.0,
            pixels: 4.0,
            view: ViewOptions::default(),
        }
    }
}

inseq_core::setters! {
    FigureOptions {
        theme: Theme,
        show_values: bool,
        show_title: bool,
        width: f32,
        pixels: f32,
        view: ViewOptions,
    }
}

/// Draws the picture as SVG.
///
/// # Errors
///
/// Those of [`terminal::render`](crate::terminal::render), except [`Error::View`](crate::Error::View): every view can be drawn.
pub fn svg<'a>(shown: impl Into<Shown<'a>>, options: &FigureOptions) -> Result<String> {
    let fonts = Fonts::new();
    svg::write(&drawing(&shown.into(), options, &fonts)?, &fonts)
}

/// Draws the picture as a `tikzpicture`, for `\input` in a LaTeX document that uses TikZ.
///
/// # Errors
///
/// Those of [`svg`].
pub fn tex<'a>(shown: impl Into<Shown<'a>>, options: &FigureOptions) -> Result<String> {
    Ok(tex::write(&drawing(&shown.into(), options, &Fonts::new())?))
}

/// Largest number of pixels of a PNG.
#[cfg(feature = "png")]
const MOST_PIXELS: u32 = 100_000_000;

/// Draws the picture as PNG.
///
/// # Errors
///
/// Those of [`svg`], and [`Error::TooLarge`](crate::Error::TooLarge).
#[cfg(feature = "png")]
pub fn png<'a>(shown: impl Into<Shown<'a>>, options: &FigureOptions) -> Result<Vec<u8>> {
    use crate::Error;
    use resvg::{tiny_skia, usvg};

    let svg = svg(shown, options)?;
    let failed = |error: String| Error::Drawing(error);
    let tree = usvg::Tree::from_str(&svg, &usvg::Options::default()).map_err(|error| failed(error.to_string()))?;
    // A point is 4/3 of the pixels that the renderer counts in.
    let scale = options.pixels.max(0.1) * 0.75;
    let [width, height] = [tree.size().width(), tree.size().height()].map(|length| (length * scale).ceil() as u32);
    if u64::from(width) * u64::from(height) > u64::from(MOST_PIXELS) {
        return Err(Error::TooLarge { width, height, limit: MOST_PIXELS });
    }
    let mut pixels = tiny_skia::Pixmap::new(width.max(1), height.max(1)).ok_or(Error::TooLarge {
        width,
        height,
        limit: MOST_PIXELS,
    })?;
    resvg::render(&tree, tiny_skia::Transform::from_scale(scale, scale), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| failed(error.to_string()))
}

/// The parts of a picture below each other.
fn drawing(shown: &Shown, options: &FigureOptions, fonts: &Fonts) -> Result<Drawing> {
    let style = Style::new(options, fonts);
    let caption = options.view.title.clone().or_else(|| shown.caption());
    let title = caption.as_deref().map_or_else(|| "Attributions".to_owned(), caption::one_line);
    let mut all = Part::default();
    if options.show_title || options.view.title.is_some() {
        all.below(style.paragraph(&title, options.width), 0.0);
    }
    let parts = match shown {
        Shown::Texts(texts) => of_texts(texts, &style)?,
        Shown::Context(attribution) => context::draw(attribution, &style)?,
        Shown::Citations(citations, rule) => citations::draw(citations, rule, &style)?,
    };
    for part in parts {
        all.below(part, 3.0 * style::GAP);
    }
    let margin = style::GAP / 2.0;
    Ok(Drawing {
        width: (all.width + 2.0 * margin).ceil(),
        height: (all.height + 2.0 * margin).ceil(),
        background: style.page,
        title,
        marks: all.marks.into_iter().map(|mark| mark.moved(margin, margin)).collect(),
    })
}

/// The texts of a result.
fn of_texts(texts: &Texts, style: &Style) -> Result<Vec<Part>> {
    let part = |plate: &Plate| {
        let mut part = Part::default();
        if let Some(ordinal) = &plate.ordinal {
            part.below(style.paragraph(ordinal, style.options.width), 0.0);
        }
        part.below(body(plate, style)?, style::GAP);
        Ok(part)
    };
    plates(texts, &style.options.view)?.iter().map(part).collect()
}

/// One text in the chosen view.
fn body(plate: &Plate, style: &Style) -> Result<Part> {
    let is_read = style.options.view.view == View::Tokens && plate.steps.is_empty();
    let Some(first) = plate.panels.first().filter(|_| !is_read) else {
        return Ok(style.paragraph(plate.empty, style.options.width));
    };
    let mut part = match style.options.view.view {
        View::Tokens => return flow::draw(plate, first, style),
        View::Links => links::draw(first, style),
        View::Matrix | View::Pair | View::Granular => table::draw(&plate.panels, style),
    };
    part.below(style.legend(first), style::GAP);
    Ok(part)
}
