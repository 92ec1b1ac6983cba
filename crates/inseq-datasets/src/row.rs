//! Rows on their way in and out.

use inseq_core::SequenceAttribution;

/// A row of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Row of the split, from 0.
    pub number: u64,
    /// What the id column says of it, where there is one.
    pub id: Option<String>,
    /// The input text, and the generated text where its column is named; or why the row has none, such as a null.
    pub texts: std::result::Result<(String, Option<String>), String>,
}

/// A row that was attributed, or why it could not be.
#[derive(Clone, Debug)]
pub struct AttributedRow {
    /// The row.
    pub row: Row,
    /// The attribution, or the error of this row.
    pub outcome: std::result::Result<SequenceAttribution, String>,
    /// Warnings about this row, one line each.
    pub warnings: Vec<String>,
}
