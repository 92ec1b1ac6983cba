//! From raw attributions to what a person reads: reduce axes, normalize, cut.
//!
//! An [`Aggregator`] makes one [`SequenceAttribution`] of another; a [`Pipeline`] runs several in a row. What each kind of
//! attribution needs by default is [`AttributionKind::default_scores`](crate::AttributionKind::default_scores).
//!
//! | aggregator | does |
//! |---|---|
//! | [`Scores`] | reduces the last axis by a [`AggregationFunction`], then normalizes or rescales |
//! | [`Slices`] | keeps spans of the input tokens |
//! | [`Spans`] | merges spans of tokens |
//! | [`Subwords`] | merges the pieces of words |
//! | [`Split`] | merges the tokens between separators |
//! | [`Pair`] | subtracts an attribution from another of its shape |
//!
//! [`Aggregators`] makes them from the reference's names and arguments, and takes a caller's own.

mod function;
mod merging;
mod named;
mod normalize;
mod pair;
mod pipeline;
mod reduction;
mod registry;
mod scores;
mod selection;
mod slices;
mod spans;
mod split;
mod subwords;

use std::fmt;

pub use function::AggregationFunction;
pub use merging::Merging;
pub use pair::Pair;
pub use pipeline::Pipeline;
pub use registry::{AggregatorInfo, Aggregators, MakeAggregator};
pub use scores::{Scaling, Scores};
pub use selection::Selection;
pub use slices::Slices;
pub use spans::Spans;
pub use split::{Split, SplitMode};
pub use subwords::Subwords;

use crate::{Result, SequenceAttribution};

/// Makes one attribution of another.
pub trait Aggregator: fmt::Debug + Send + Sync {
    /// The name the reference knows it by, such as `scores`.
    fn name(&self) -> &str;

    /// The aggregated attribution.
    ///
    /// # Errors
    /// The attribution's shapes do not fit its tokens, or this aggregator.
    fn aggregate(&self, attribution: &SequenceAttribution) -> Result<SequenceAttribution>;
}
