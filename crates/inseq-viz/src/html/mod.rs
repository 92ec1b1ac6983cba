//! One self-contained page for the browser: a reading view in which a generated token lights up what made it, the whole
//! matrix, curved links from input to output, and the layers, heads or features behind a score, with controls to aggregate,
//! scale, cut and compare.
//!
//! The page takes results of every kind: granular scores are aggregated by the reader. It needs no network, and
//! its content policy allows none; it runs nothing but its own script, whose digest the policy names. It can be used with a
//! pointer, by touch, with the keyboard and with a screen reader, on light and dark screens and on paper. A text's scores are
//! read when it is opened, and of a matrix only what is in sight is drawn, so that hundreds of long texts stay quick.

mod data;
mod page;
mod script;

use askama::Template as _;
use inseq_core::AttributionResult;

use crate::scale::Theme;
use crate::{Result, View, ViewOptions, caption};

/// How a page is made.
#[derive(Clone, Debug, PartialEq)]
pub struct HtmlOptions {
    /// The theme that the page starts with, instead of the one that the reader's system asks for.
    pub theme: Option<Theme>,
    /// How many input tokens are listed beside the text for a generated one. Default 8.
    pub contributors: usize,
    /// The most bytes of scores in a page. Where a result has more, the last axes of its texts (features, heads, layers) are
    /// aggregated beforehand by the default of their kind. Default 32 MiB.
    pub budget: usize,
    /// What is shown: its title (default "What made each word"), the ends of the colour scale, replacements in tokens, and the
    /// view that the page opens with; [`View::Pair`] compares texts two by two. The rest is the reader's to choose.
    pub view: ViewOptions,
}

impl Default for HtmlOptions {
    fn default() -> Self {
        Self { theme: None, contributors: 8, budget: 32 << 20, view: ViewOptions::default() }
    }
}

/// Writes the page of a result, with all its texts.
///
/// # Errors
///
/// [`Error::Shape`](crate::Error::Shape), [`Error::Positions`](crate::Error::Positions) and
/// [`Error::Axis`](crate::Error::Axis) for a result that does not fit together, [`Error::Range`](crate::Error::Range) for an
/// empty range of values.
pub fn render(result: &AttributionResult, options: &HtmlOptions) -> Result<String> {
    let view = &options.view;
    // Says what is wrong with a range here rather than in the reader's browser.
    crate::scale::Scale::fitting([], view.min_value, view.max_value)?;
    let sequences = view.texts(result)?;
    let mut summaries = Vec::with_capacity(sequences.len());
    let mut texts = Vec::with_capacity(sequences.len());
    let affordable = data::affordable_axes(&sequences, options.budget);
    for (index, sequence) in sequences.iter().enumerate() {
        let text = data::Text::new(sequence, index, affordable, view)?;
        summaries.push(text.summary());
        texts.push(page::island(&text)?);
    }
    let style = format!("{}{}", include_str!("../../templates/report/report.css"), page::scale_rules()?);
    let script = script::joined();
    let report = page::Report {
        info: &result.info,
        contributors: options.contributors,
        range: page::Range { min: view.min_value, max: view.max_value },
        view: match view.view {
            View::Matrix | View::Tokens => "matrix",
            View::Granular => "granular",
            View::Pair => "pair",
            View::Links => "links",
        },
        summaries: &summaries,
    };
    let page = page::Page {
        title: view.title.as_deref().map_or_else(|| "What made each word".to_owned(), caption::one_line),
        theme: options.theme.map(|theme| if theme == Theme::Dark { "dark" } else { "light" }),
        facts: caption::facts(&result.info),
        policy: page::policy(&style, &script),
        data: page::island(&report)?,
        style,
        script,
        summaries: &summaries,
        texts,
    };
    Ok(page.render()?)
}
