//! Saved results in a safetensors file, for scores of many features. Opening a result reads only its header; scores are
//! read from the memory map of the file on request.
//!
//! The file's metadata has [`HEADER`], JSON with everything except scores. Each array is a tensor: `sequences.0.source_attributions`,
//! `sequences.0.target_attributions`, `sequences.0.step_scores.NAME`, `sequences.0.sequence_scores.NAME`; and the same for
//! `steps.0`, if steps are saved.

mod header;
mod mapped;
mod write;

pub use mapped::MappedResult;
pub(super) use write::write;

/// The key of the header in the metadata.
const HEADER: &str = "inseq";

/// Version of the layout of header and tensors.
const VERSION: u32 = 1;
