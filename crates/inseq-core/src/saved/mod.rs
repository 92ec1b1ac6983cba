//! Saved results, in the file format of the reference's `FeatureAttributionOutput`.
//!
//! A file is JSON in which each object names its Python class (`__instance_type__`) beside its `attributes`. Scores of
//! sequences are base64 text of a safetensors file with one tensor, `attribution`; scores of steps are base64 text, gzipped
//! where that pays, or nested lists. The whole may be gzipped.
//!
//! What that format cannot hold, and what the reference cannot load again, goes into `info` under [`EXTRAS`], where the
//! reference carries it along: the order of step scores, names of axes, and step attributions. How many axes
//! there are beyond tokens is written as the reference's own attribute, which it reads but does not write.

mod array;
mod attributes;
mod json;
mod load;
mod nested;
mod save;
mod tensor;

pub use load::LoadOptions;
pub use save::{SaveOptions, ScoresPrecision};

/// The key of `info` under which a file keeps what the reference's layout has no place for.
const EXTRAS: &str = "inseq_rs";

/// The layout of what is kept under [`EXTRAS`].
const VERSION: u32 = 1;
