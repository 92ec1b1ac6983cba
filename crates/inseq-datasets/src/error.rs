//! What can go wrong with a dataset.

use std::path::PathBuf;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file of the dataset lacks a column.
    #[error("{0}")]
    Column(String),
    /// The dataset is not as it was described: a file, the type of a column, a split.
    #[error("{0}")]
    Dataset(String),
    /// A dataset of the hub is not available.
    #[error(transparent)]
    Hub(#[from] inseq_models::Error),
    /// The folder of results is of another run, or damaged.
    #[error("{0}")]
    Results(String),
    /// A row has no attribution, and the run is to end at the first of these.
    #[error("row {number}: {problem}")]
    Row {
        /// Row of the split, from 0.
        number: u64,
        /// Why it has none.
        problem: String,
    },
    /// No row of the first part can be attributed, and all for one reason: the call is at fault, and not the rows.
    #[error("none of the first {rows} rows can be attributed, all for one reason: {problem}")]
    EveryRow {
        /// Number of rows.
        rows: usize,
        /// The reason.
        problem: String,
    },
    /// The model or the attribution.
    #[error(transparent)]
    Attribution(#[from] inseq_methods::Error),
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
