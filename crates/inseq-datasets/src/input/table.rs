//! One data file as a table.

use std::fmt;
use std::ops::Range;

use super::cells::Cells;
use super::columns::ColumnType;
use crate::Result;

/// Rows of cells, one by one.
pub(super) type CellRows = Box<dyn Iterator<Item = Result<Cells>> + Send>;

/// A data file: its number of rows, and a way to read some of them.
pub(super) trait Table: fmt::Debug + Send + Sync {
    /// Number of rows.
    fn rows(&self) -> u64;

    /// The types of the wanted columns.
    fn types(&self) -> &[ColumnType];

    /// Reads some rows. The range lies within the table.
    ///
    /// # Errors
    /// The file cannot be opened. A broken file is an error of the iterator.
    fn read(&self, rows: Range<u64>) -> Result<CellRows>;
}
