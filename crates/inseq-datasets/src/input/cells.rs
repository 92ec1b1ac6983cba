//! Cells of a row.

use arrow_array::{Array as _, ArrayRef};

/// Cells of a row, one per wanted column.
pub(super) type Cells = Vec<Cell>;

/// The value of one column in one row.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    Text(String),
    /// An integer, in decimal digits.
    Integer(String),
    /// An array with the only value, of a column that may hold anything.
    Value(ArrayRef),
    Null,
    /// Something else, with the reason why it is no text.
    Bad(String),
}

impl Cell {
    /// The text of a cell, or why there is none.
    pub(super) fn text(self, column: &str) -> Result<String, String> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Integer(_) => Err(format!("column `{column}`: an integer, not a string")),
            Self::Value(value) => Err(format!("column `{column}`: a value of the type {}", value.data_type())),
            Self::Null => Err(format!("column `{column}`: null")),
            Self::Bad(reason) => Err(format!("column `{column}`: {reason}")),
        }
    }

    /// The id of a row; `None` if it is null.
    pub(super) fn id(self, column: &str) -> Result<Option<String>, String> {
        match self {
            Self::Null => Ok(None),
            Self::Integer(id) => Ok(Some(id)),
            other => other.text(column).map(Some),
        }
    }
}
