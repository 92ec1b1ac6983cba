//! Model repositories and their weights; the files of datasets on the hub.
//!
//! All files are untrusted: sizes in headers are checked against the file before memory is allocated,
//! and the reader of pickles executes no code.

mod adapter;
mod contents;
mod dataset;
mod folder;
pub(crate) mod foreign;
mod hub;
mod index;
pub(crate) mod json;
mod pickle;
mod quantization;
mod repository;
mod safetensors;
mod stored;
mod torch;
mod weights;

pub use dataset::DatasetRepository;
pub use hub::{HubOptions, Progress};
pub(crate) use quantization::{check_configuration, check_tensors};
pub use repository::Repository;
pub use stored::{StoredDType, StoredTensor};
pub use weights::Weights;
