//! One self-contained page for the browser: a reading view in which a generated token lights up what made it, and the
//! whole matrix as a table.
//!
//! The page needs no network, and its content policy allows none; it runs nothing but its own script, whose digest the
//! policy names. It can be used with a pointer, by touch, with the keyboard and with a screen reader, on light and dark
//! screens and on paper, and without scripts it still shows every text and matrix.

mod page;
mod view;

use askama::Template as _;
use inseq_core::AttributionResult;

use crate::matrix::Matrix;
use crate::scale::Theme;
use crate::{Result, caption};

/// How a page is made.
#[derive(Clone, Debug, PartialEq)]
pub struct HtmlOptions {
    /// The heading. Default "What made each word".
    pub title: Option<String>,
    /// The theme that the page starts with, instead of the one that the reader's system asks for.
    pub theme: Option<Theme>,
    /// Score at the low end of the colour scale, instead of 0 (or minus the largest magnitude where scores are negative).
    pub min_value: Option<f32>,
    /// Score at the high end of the colour scale, instead of the largest of each text.
    pub max_value: Option<f32>,
    /// How many input tokens are listed beside the text for a generated one. Default 8.
    pub contributors: usize,
}

impl Default for HtmlOptions {
    fn default() -> Self {
        Self { title: None, theme: None, min_value: None, max_value: None, contributors: 8 }
    }
}

/// Writes the page of a result, with all its texts.
///
/// # Errors
///
/// [`Error::NotCoarse`](crate::Error::NotCoarse) for a result that must be aggregated first,
/// [`Error::Shape`](crate::Error::Shape) and [`Error::Positions`](crate::Error::Positions) for one that does not fit
/// together, [`Error::Range`](crate::Error::Range) for an empty range of values.
pub fn render(result: &AttributionResult, options: &HtmlOptions) -> Result<String> {
    let mut texts = Vec::with_capacity(result.sequences.len());
    let mut data = Vec::with_capacity(result.sequences.len());
    let (mut has_sequential, mut has_diverging) = (false, false);
    for (index, sequence) in result.sequences.iter().enumerate() {
        let matrix = Matrix::new(sequence, index)?;
        let scale = matrix.scale(options.min_value, options.max_value)?;
        has_sequential |= !scale.is_diverging();
        has_diverging |= scale.is_diverging();
        texts.push(view::Text::new(&matrix, &scale));
        data.push(page::TextData::new(sequence));
    }
    let style =
        format!("{}{}", include_str!("../../templates/report.css"), page::scale_rules(has_sequential, has_diverging)?);
    let script = include_str!("../../templates/report.js");
    let page = page::Page {
        title: options.title.as_deref().map_or_else(|| "What made each word".to_owned(), caption::one_line),
        theme: options.theme.map(|theme| if theme == Theme::Dark { "dark" } else { "light" }),
        facts: caption::facts(&result.info),
        policy: page::policy(&style, script),
        data: page::island(&page::Data { info: &result.info, contributors: options.contributors, texts: data })?,
        style,
        script,
        texts,
    };
    Ok(page.render()?)
}
