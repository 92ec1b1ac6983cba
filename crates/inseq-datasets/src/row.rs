//! Rows on their way in and out.

use std::collections::BTreeMap;

use inseq_core::SequenceAttribution;

/// A row of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Row {
    /// Row of the split, from 0.
    pub number: u64,
    /// What the id column says of it, where there is one.
    pub id: Option<String>,
    /// The input text, and the generated text where its column is named; or why the row has none, such as a null.
    pub texts: std::result::Result<(String, Option<String>), String>,
    /// The input text of a row without `texts`, whose error is in another column. Results keep it, so that the row can be found.
    pub input_text: Option<String>,
    /// Texts of other columns, by the argument of step functions that they are for. Results do not keep them.
    pub arguments: BTreeMap<String, String>,
}

/// A row that was attributed, or why it could not be.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AttributedRow {
    /// The row.
    pub row: Row,
    /// The attribution, or the error of this row.
    pub outcome: std::result::Result<SequenceAttribution, String>,
    /// Warnings about this row, one line each.
    pub warnings: Vec<String>,
}

inseq_core::setters! {
    Row { number: u64, texts: std::result::Result<(String, Option<String>), String>, arguments: BTreeMap<String, String> }
    some { id: impl Into<String>, input_text: impl Into<String> }
}

impl Row {
    /// A row without an id.
    ///
    /// ```
    /// use inseq_datasets::Row;
    ///
    /// let row = Row::new(7, Ok(("Hello world".into(), None))).id("greeting");
    /// assert_eq!((row.number, row.id.as_deref()), (7, Some("greeting")));
    /// ```
    #[must_use]
    pub fn new(number: u64, texts: std::result::Result<(String, Option<String>), String>) -> Self {
        Self { number, id: None, texts, input_text: None, arguments: BTreeMap::new() }
    }
}

inseq_core::setters! {
    AttributedRow {
        row: Row,
        outcome: std::result::Result<SequenceAttribution, String>,
        warnings: Vec<String>,
    }
}

impl AttributedRow {
    /// A row with its attribution or its error, without warnings.
    #[must_use]
    pub fn new(row: Row, outcome: std::result::Result<SequenceAttribution, String>) -> Self {
        Self { row, outcome, warnings: Vec::new() }
    }
}
