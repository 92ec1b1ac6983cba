//! Attribution of whole datasets: rows of files in, a folder of Parquet parts out, resumable and in shards.
//!
//! A dataset reads the rows of a split; a folder holds the parts of a run; a run attributes the rows of one and writes the other.

// Tests slice arrays by `ndarray::s!`, which holds such code.
#![cfg_attr(not(test), forbid(unsafe_code))]

mod error;
mod input;
mod remote;
mod report;
mod row;
mod run;
mod store;

pub use error::{Error, Result};
pub use input::{Columns, DataFile, Dataset, Rows, Source};
pub use report::{PositionMeans, QuantileMeans, Report, ReportOptions, Side, TokenMeans, WordClass, WordMeans};
pub use row::{AttributedRow, Row};
pub use run::{Aggregate, Collected, News, Run, RunProgress, Shard, Summary, collect, describe, model_facts};
pub use store::{
    Claim, Completion, Lost, Manifest, ModelFacts, PartFile, PartState, Process, Results, Scores, Status, Work,
};
