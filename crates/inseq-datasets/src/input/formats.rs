//! Opens a data file by its format.

use super::columns::Wanted;
use super::delimited::Delimited;
use super::ipc::Ipc;
use super::json::Json;
use super::kind::Kind;
use super::lines::TextLines;
use super::options::ReadOptions;
use super::origin::Origin;
use super::parquet::Parquet;
use super::table::Table;
use crate::Result;

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
