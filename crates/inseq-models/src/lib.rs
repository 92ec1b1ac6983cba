//! Burn implementations of Hugging Face sequence models: layers with batched pullbacks, architectures, checkpoints,
//! tokenizers and generation. Knows no attribution method.

#![forbid(unsafe_code)]

pub mod checkpoint;
pub mod device;
pub mod generation;
pub mod layers;
pub mod model;
pub mod tokenizer;

mod error;

pub use error::{Error, Result};
