//! Turns raw attributions into readable ones: reduces axes, normalizes, cuts.
//!
//! An [`Aggregator`] turns one [`SequenceAttribution`] into another; a [`Pipeline`] runs several aggregators in order.
//! [`AttributionKind::default_scores`](crate::AttributionKind::default_scores) gives the default of each kind of attribution.
//!
//! | aggregator | does |
//! |---|---|
//! | [`Scores`] | reduces the last axis by a [`AggregationFunction`], then normalizes or rescales |
//! | [`Slices`] | keeps spans of the input tokens |
//! | [`Spans`] | merges spans of tokens |
//! | [`Subwords`] | merges the pieces of words |
//! | [`Split`] | merges the tokens between separators |
//! | [`Chain`] | gives the influence of generated tokens back to what they came from |
//! | [`Aside`] | puts the first token and special tokens aside |
//! | [`Pair`] | subtracts an attribution from another one with the same shape |
//!
//! [`Aggregators`] makes them from the reference's names and arguments; you can register your own.

mod applied;
mod argument_values;
mod aside;
mod chain;
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

pub use aside::Aside;
pub use chain::Chain;
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

/// Turns one attribution into another.
pub trait Aggregator: fmt::Debug + Send + Sync {
    /// Name of the aggregator, such as `scores`; the reference's name if it has this aggregator.
    fn name(&self) -> &str;

    /// Returns the aggregated attribution.
    ///
    /// # Errors
    /// The attribution's shapes do not fit its tokens, or this aggregator.
    fn aggregate(&self, attribution: &SequenceAttribution) -> Result<SequenceAttribution>;
}
