//! One self-contained page for the browser: a reading view in which a generated token highlights the tokens that influenced
//! it, the whole matrix, curved links from input to output, and the layers, heads or features of a score, with controls to
//! aggregate, scale, cut and compare.
//!
//! The page takes results of every kind; the reader aggregates granular scores in the page. It needs no network, and
//! its content policy allows none. It runs only its own script, whose digest is in the policy. It works with a
//! pointer, by touch, with the keyboard and with a screen reader, on light and dark screens and on paper. The page decodes the
//! scores of a text when the text is opened, and draws only the visible part of a matrix, so hundreds of long texts stay fast.

mod chart;
mod citations;
mod data;
mod folding;
mod head;
mod page;
mod script;
mod tables;
mod with_context;

use askama::Template as _;

pub use chart::LineChart;
pub use citations::{CitationsOptions, render_citations};
pub use tables::{Cell, PageTable, TablePage};
pub use with_context::render_context;

use crate::scale::Theme;
use crate::{Result, Texts, View, ViewOptions, caption};

/// Options of a page.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct HtmlOptions {
    /// Initial theme of the page; `None` takes the theme of the reader's system.
    pub theme: Option<Theme>,
    /// Number of input tokens that are listed beside the text for a generated token. Default 8.
    pub contributors: usize,
    /// Largest size of the scores in a page, in bytes. For a larger result, the last axes of its texts (features, heads, layers)
    /// are first aggregated by the default of their kind. Default 32 MiB.
    pub budget: usize,
    /// Content of the page: its title (default "What made each word"), the ends of the colour scale, replacements in tokens, and
    /// the initial view; [`View::Pair`] compares texts two by two. The reader chooses the rest in the page.
    pub view: ViewOptions,
}

impl Default for HtmlOptions {
    fn default() -> Self {
        Self { theme: None, contributors: 8, budget: 32 << 20, view: ViewOptions::default() }
    }
}

inseq_core::setters! {
    HtmlOptions { theme: impl Into<Option<Theme>>, contributors: usize, budget: usize, view: ViewOptions }
}

/// Renders a result with all its texts as a page.
///
/// # Errors
///
/// [`Error::Shape`](crate::Error::Shape), [`Error::Positions`](crate::Error::Positions) and
/// [`Error::Axis`](crate::Error::Axis) for a result whose arrays and tokens do not fit together,
/// [`Error::Range`](crate::Error::Range) for an empty range of values.
pub fn render<'a>(result: impl Into<Texts<'a>>, options: &HtmlOptions) -> Result<String> {
    let result = result.into();
    let view = &options.view;
    // Says what is wrong with a range here rather than in the reader's browser.
    crate::scale::Scale::fitting([], view.min_value, view.max_value)?;
    let sequences = result.shown(view)?;
    let mut summaries = Vec::with_capacity(sequences.len());
    let mut texts = Vec::with_capacity(sequences.len());
    let affordable = data::affordable_axes(&sequences, options.budget);
    for (index, sequence) in sequences.iter().enumerate() {
        let text = data::Text::new(sequence, index, affordable, view)?;
        summaries.push(text.summary());
        texts.push(page::island(&text)?);
    }
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
    let title = view.title.as_deref().unwrap_or("What made each word");
    let head = head::Head::new(title, options.theme, &page::scale_rules()?, script::joined());
    let page = page::Page {
        head: head.facts(caption::facts(&result.info)).class(if summaries.len() > 1 { "several" } else { "" }),
        data: page::island(&report)?,
        summaries: &summaries,
        texts,
    };
    Ok(page.render()?)
}
