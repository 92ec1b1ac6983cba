//! The result of attributing a sequence model's output: tokens, scores, aggregators and the file format.
//!
//! This crate knows no tensor library beyond `ndarray`, so results can be read, aggregated and plotted
//! without a deep-learning stack.

#![forbid(unsafe_code)]

pub mod aggregators;

mod error;
mod result;
mod sequence;
mod token;

pub use error::{Error, Result};
pub use result::AttributionResult;
pub use sequence::{AttributionKind, SequenceAttribution, StepAttribution};
pub use token::Token;
