//! Rows of a dataset, from files in many formats.
//!
//! A [`Source`] says which files, as `datasets.load_dataset` is called. A layout assigns files to splits, a split expression
//! chooses rows, and a table per file reads them one by one.

mod batches;
mod bytes;
mod card;
mod cells;
mod columns;
mod constants;
mod content;
mod data_file;
mod dataset;
mod delimited;
mod encoding;
mod finding;
mod formats;
mod hub;
mod inferred;
mod ipc;
mod json;
mod kind;
mod layout;
mod lines;
mod marks;
mod options;
mod origin;
mod parquet;
mod pattern;
mod place;
mod query;
mod source;
mod split;
mod sql;
mod table;
mod values;

pub use data_file::DataFile;
pub use dataset::{Dataset, Rows};
pub(crate) use options::changes_rows;
pub use source::{Columns, Source};
