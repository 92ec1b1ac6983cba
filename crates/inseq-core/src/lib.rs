//! The result of attributing a sequence model's output: tokens, scores, aggregators and the file format.
//!
//! This crate knows no tensor library beyond `ndarray`, so results can be read, aggregated and plotted
//! without a deep-learning stack.

#![forbid(unsafe_code)]

pub mod aggregators;
mod closeness;
mod difference;
mod error;
mod merge;
pub mod mismatch;
mod registry;
mod result;
mod saved;
mod scores_dict;
mod sequence;
mod special;
pub mod text;
mod token;
mod unknown;
mod validate;

pub use closeness::Tolerance;
pub use error::{Error, Result};
pub use registry::{Argument, Entry, Registry};
pub use result::AttributionResult;
pub use saved::{Format, LoadOptions, MappedResult, SaveOptions, ScoresPrecision, write_whole};
pub use scores_dict::{PlacedToken, ScoresDict};
pub use sequence::{AttributionKind, ScoreAxis, SequenceAttribution, StepAttribution};
pub use token::{Piece, Token};
pub use unknown::{UnknownName, nearest};
