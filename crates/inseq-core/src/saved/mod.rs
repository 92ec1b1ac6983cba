//! Saved results.
//!
//! | [`Format`] | |
//! |---|---|
//! | JSON | the file format of the reference's `FeatureAttributionOutput` |
//! | safetensors | opened by its header, scores read from the map of the file ([`MappedResult`]) |
//! | CSV, Parquet, Arrow | tables of aggregated scores for other programs |
//!
//! A JSON file is one in which each object names its Python class (`__instance_type__`) beside its `attributes`. Scores of
//! sequences are base64 text of a safetensors file with one tensor, `attribution`; scores of steps are base64 text, gzipped
//! where that pays, or nested lists. The whole may be gzipped.
//!
//! What that format cannot hold, and what the reference cannot load again, goes into `info` under [`EXTRAS`], where the
//! reference carries it along: the order of step scores, the functions that merge them, names of axes, what tokens stand for
//! in the text, and step attributions. How many axes there are beyond tokens is written as the reference's own attribute, which it reads but does not write.

mod array;
mod attributes;
mod format;
mod json;
mod load;
mod nested;
mod pieces;
mod precision;
mod save;
#[cfg(any(feature = "csv", feature = "parquet", feature = "arrow"))]
mod table;
mod tensor;
mod tensors;
mod whole;
mod write;

pub use format::Format;
pub use load::LoadOptions;
pub use save::{SaveOptions, ScoresPrecision};
pub use tensors::MappedResult;
pub use whole::write_whole;

/// The key of `info` under which a file keeps what the reference's layout has no place for.
const EXTRAS: &str = "inseq_rs";

/// The layout of what is kept under [`EXTRAS`].
const VERSION: u32 = 1;
