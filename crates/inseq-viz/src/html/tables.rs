//! A page of tables and line charts, for numbers of many texts.

use askama::Template;

use super::chart::{Drawn, LineChart};
use super::head::Head;
use crate::Result;
use crate::token_text::passive;

/// A page of tables and line charts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TablePage {
    /// Title of the page.
    pub title: String,
    /// Facts under the title, each with its name.
    pub facts: Vec<(String, String)>,
    /// The tables.
    pub tables: Vec<PageTable>,
    /// The line charts, before the tables.
    pub charts: Vec<LineChart>,
}

/// A table of a page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PageTable {
    /// Heading.
    pub title: String,
    /// What the numbers are.
    pub note: String,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// The cells of each row.
    pub rows: Vec<Vec<Cell>>,
}

/// A cell of a table.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Text.
    Text(String),
    /// A number, as text.
    Number(String),
    /// A number, as text, with a bar of this share of the column: from 0 to 1.
    Bar(String, f64),
}

#[derive(Template)]
#[template(path = "tables/tables.html")]
struct Page<'a> {
    head: Head,
    tables: &'a [PageTable],
    charts: Vec<Drawn>,
}

impl TablePage {
    /// Renders the page. It has no script and needs no network.
    ///
    /// # Errors
    /// The template fails.
    ///
    /// ```
    /// use inseq_viz::html::{Cell, PageTable, TablePage};
    ///
    /// let rows = vec![vec![Cell::Text("<b>".into()), Cell::Bar("0.50".into(), 1.0)]];
    /// let table = PageTable { columns: vec!["token".into(), "mean".into()], rows, ..PageTable::default() };
    /// let page = TablePage { title: "Scores".into(), tables: vec![table], ..TablePage::default() }.render()?;
    /// assert!(page.contains("&#60;b&#62;") && !page.contains("<b>"));
    /// # Ok::<(), inseq_viz::Error>(())
    /// ```
    pub fn render(&self) -> Result<String> {
        let head = Head::new(&self.title, None, include_str!("../../templates/tables/tables.css"), String::new());
        let charts = self.charts.iter().map(LineChart::drawn).collect();
        Ok(Page { head: head.facts(self.facts.iter().cloned()), tables: &self.tables, charts }.render()?)
    }
}

impl Cell {
    /// The text of the cell, without characters that act on the text around it.
    pub fn text(&self) -> String {
        let (Self::Text(text) | Self::Number(text) | Self::Bar(text, _)) = self;
        passive(text)
    }

    /// Whether the cell is a number.
    fn is_number(&self) -> bool {
        !matches!(self, Self::Text(_))
    }

    /// Length of the bar, in percent.
    fn bar(&self) -> Option<u32> {
        let Self::Bar(_, share) = self else { return None };
        Some((share.clamp(0.0, 1.0) * 100.0).round() as u32)
    }
}
