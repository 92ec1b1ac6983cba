//! Saved results.
//!
//! | [`Format`] | |
//! |---|---|
//! | JSON | the file format of the reference's `FeatureAttributionOutput` |
//! | safetensors | opened by its header, scores read from the map of the file ([`MappedResult`]) |
//! | CSV, Parquet, Arrow | tables of aggregated scores for other programs |
//!
//! In a JSON file each object names its Python class (`__instance_type__`) beside its `attributes`. Scores of
//! sequences are base64 text of a safetensors file with one tensor, `attribution`. Scores of steps are base64 text, gzipped
//! if this makes them smaller, or nested lists. The whole file may be gzipped.
//!
//! Facts without a field in this format, and facts that the reference cannot load, are stored in `info` under [`EXTRAS`], which
//! the reference keeps: the order of step scores, the functions that merge them and the axes of sequence scores if other than the
//! reference's, names of axes, the pieces of tokens, and step attributions. The number of axes after the tokens is an attribute that the reference reads but does not write.

mod array;
mod attributes;
mod conventions;
mod format;
pub(crate) mod json;
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
pub(crate) use json::quote_literals;
pub use load::LoadOptions;
pub use pieces::SavedPieces;
pub use precision::ScoresPrecision;
pub use save::SaveOptions;
pub use tensors::MappedResult;
pub use whole::{check_writable, write_whole};

/// The key in `info` for facts without a field in the reference's layout.
const EXTRAS: &str = "inseq_rs";

/// Version of the layout under [`EXTRAS`].
const VERSION: u32 = 1;
