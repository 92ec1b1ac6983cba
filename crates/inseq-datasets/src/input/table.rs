//! One data file as a table.

use std::fmt;
use std::ops::Range;

use super::cells::Cells;
use super::columns::{ColumnType, Wanted};
use super::delimited::Delimited;
use super::ipc::Ipc;
use super::json::Json;
use super::kind::Kind;
use super::lines::TextLines;
use super::options::ReadOptions;
use super::origin::Origin;
use super::parquet::Parquet;
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

/// Opens a file, finds the columns in it, and counts its rows.
///
/// # Errors
/// The file is broken, or it lacks a column.
pub(super) fn open(origin: &Origin, kind: Kind, wanted: &[Wanted], options: &ReadOptions) -> Result<Box<dyn Table>> {
    Ok(match kind {
        Kind::Arrow => Box::new(Ipc::open(origin, wanted)?),
        Kind::Csv => Box::new(Delimited::open(origin, wanted, options)?),
        Kind::Json => Box::new(Json::open(origin, wanted, options)?),
        Kind::Parquet => Box::new(Parquet::open(origin, wanted)?),
        Kind::Text => Box::new(TextLines::open(origin, wanted, options)?),
    })
}
