//! Saved results in a safetensors file, for scores of many features: a result is opened by its header alone, and scores are
//! read from the map of the file when they are asked for.
//!
//! The file's metadata has [`HEADER`], JSON with everything but scores. Each array is a tensor: `sequences.0.source_attributions`,
//! `sequences.0.target_attributions`, `sequences.0.step_scores.NAME`, `sequences.0.sequence_scores.NAME`; the same of
//! `steps.0`, where the steps' own are saved.

mod header;
mod mapped;
mod write;

pub use mapped::MappedResult;
pub(super) use write::write;

/// The key of the metadata under which the header stands.
const HEADER: &str = "inseq";

/// The layout of header and tensors.
const VERSION: u32 = 1;
