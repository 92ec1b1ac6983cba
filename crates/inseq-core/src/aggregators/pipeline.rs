//! Several aggregators in order.

use super::{Aggregator, Scores};
use crate::{AttributionKind, Result, SequenceAttribution};

/// Runs aggregators one after another, each on the output of the one before.
///
/// # Example
/// ```
/// use inseq_core::aggregators::{Pipeline, Scores, AggregationFunction, Selection};
///
/// // Layers x heads: the largest head, then the mean over the first two of three layers.
/// let pipeline = Pipeline::new()
///     .then(Scores::new(AggregationFunction::Max))
///     .then(Scores::new(AggregationFunction::Mean).select(Selection::Span(-3, -1)));
/// # let _ = pipeline;
/// ```
#[derive(Debug, Default)]
pub struct Pipeline {
    stages: Vec<Box<dyn Aggregator>>,
}

impl Pipeline {
    /// A pipeline that changes nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The default pipeline for a kind of attribution.
    pub fn default_for(kind: &AttributionKind) -> Self {
        kind.default_scores().into_iter().fold(Self::new(), Self::then)
    }

    /// Adds a stage at the end.
    #[must_use]
    pub fn then(self, stage: impl Aggregator + 'static) -> Self {
        self.then_boxed(Box::new(stage))
    }

    /// As [`then`](Self::then), with a stage whose type is known only at run time.
    #[must_use]
    pub fn then_boxed(mut self, stage: Box<dyn Aggregator>) -> Self {
        self.stages.push(stage);
        self
    }
}

impl Aggregator for Pipeline {
    fn name(&self) -> &str {
        "pipeline"
    }

    fn aggregate(&self, attribution: &SequenceAttribution) -> Result<SequenceAttribution> {
        let mut stages = self.stages.iter();
        let Some(first) = stages.next() else { return Ok(attribution.clone()) };
        stages.try_fold(first.aggregate(attribution)?, |attribution, stage| stage.aggregate(&attribution))
    }
}

impl AttributionKind {
    /// Default reductions of attributions of this kind: the Euclidean norm over
    /// features; the mean over each further axis, the last axis first; none if there is one score per token.
    ///
    /// As in the reference, scores are normalized after each of them.
    pub fn default_scores(&self) -> Vec<Scores> {
        match self {
            Self::Granular => vec![Scores::new(super::AggregationFunction::VNORM)],
            Self::Coarse => vec![],
            Self::MultiDimensional { dimensions } => {
                vec![Scores::new(super::AggregationFunction::Mean); dimensions.len()]
            }
        }
    }
}
