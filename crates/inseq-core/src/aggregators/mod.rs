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
//! | [`Pair`] | subtracts an attribution from another of its shape |

mod function;
mod normalize;
mod pair;
mod pipeline;
mod scores;
mod selection;
mod slices;
mod spans;

use std::fmt;

pub use function::AggregationFunction;
pub use pair::Pair;
pub use pipeline::Pipeline;
pub use scores::{Scaling, Scores};
pub use selection::Selection;
pub use slices::Slices;
pub use spans::{Spans, Subwords, default_step_functions};

use crate::{Result, SequenceAttribution};

/// Makes one attribution of another.
pub trait Aggregator: fmt::Debug + Send + Sync {
    /// The name the reference knows it by, such as `scores`.
    fn name(&self) -> &'static str;

    /// The aggregated attribution.
    ///
    /// # Errors
    /// The attribution's shapes do not fit its tokens, or this aggregator.
    fn aggregate(&self, attribution: &SequenceAttribution) -> Result<SequenceAttribution>;
}
