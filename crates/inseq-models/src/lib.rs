//! Burn implementations of Hugging Face sequence models: layers with batched pullbacks, architectures, checkpoints,
//! tokenizers and generation. Knows no attribution method.

#![forbid(unsafe_code)]

pub mod architectures;
pub mod checkpoint;
pub mod decoding;
#[cfg(feature = "demo")]
pub mod demo;
pub mod device;
pub mod generation;
pub mod layers;
pub mod model;
pub mod parallel;
pub mod tokenizer;

mod error;

pub use error::{Error, Result};
