//! Results of attributing the output of a sequence model: tokens, scores, aggregators and file formats.
//!
//! This crate depends on no deep-learning library, only on `ndarray`. Results can be read, aggregated and plotted
//! without a model. [`AttributionResult`] holds one [`SequenceAttribution`] per text.

#![forbid(unsafe_code)]

pub mod aggregators;
mod citations;
mod closeness;
mod comparison;
mod context;
mod difference;
mod error;
mod evaluation;
mod info;
mod merge;
pub mod mismatch;
mod registry;
mod result;
mod saved;
mod scores_dict;
mod sequence;
mod setters;
mod special;
pub mod text;
mod token;
mod unknown;
mod validate;
mod warning;

pub use citations::{CitationRule, Citations, CitedSentence, CitedSource, GAIN_BELOW_ZERO, SourceMessage, SourceScore};
pub use closeness::Tolerance;
pub use comparison::{MeanShares, spearman};
pub use context::{ContextAttribution, ContextCues, ContextInfo, Salience};
pub use error::{Error, Result};
pub use evaluation::{EvaluatedMethod, EvaluatedMetric, EvaluatedText, Evaluation, MetricSummary, RemovalCurves};
pub use info::Info;
pub use registry::{About, Argument, Entry, Registry};
pub use result::AttributionResult;
pub use saved::{
    Format, LoadOptions, MappedResult, SaveOptions, SavedPieces, ScoresPrecision, check_writable, write_whole,
};
pub use scores_dict::{PlacedToken, ScoresDict};
pub use sequence::{AttributionKind, FoundTokens, ScoreAxis, SequenceAttribution, SequenceScore, StepAttribution};
pub use token::{Piece, Token};
pub use unknown::{UnknownName, did_you_mean, nearest};
pub use warning::{TextKind, TextName, Warning};
