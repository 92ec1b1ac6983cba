//! From raw attributions to what a person reads: reduce axes, normalize, cut.
//!
//! An [`Aggregator`] makes one [`SequenceAttribution`] of another; a [`Pipeline`] runs several in a row. What each kind of
//! attribution needs by default is [`AttributionKind::default_scores`](crate::AttributionKind::default_scores).
//!
//! | aggregator | does |
//! |---|---|
//! | [`Scores`] | reduces the last axis by a [`AggregationFunction`], then normalizes or rescales |
//! | [`Slices`] | keeps spans of the input tokens |

mod function;
mod normalize;
mod pipeline;
mod scores;
mod selection;
mod slices;

use std::fmt;

pub use function::AggregationFunction;
pub use pipeline::Pipeline;
pub use scores::{Scaling, Scores};
pub use selection::Selection;
pub use slices::Slices;

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
