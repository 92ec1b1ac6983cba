//! The aggregator that reduces the last axis of the scores.

use std::fmt;
use std::sync::Arc;

use ndarray::{ArrayD, Axis};

use super::reduction::reduce_last_axis;
use super::{AggregationFunction, Aggregator, Selection, normalize};
use crate::{AttributionKind, Error, Result, SequenceAttribution, StepAttribution};

/// Scaling of scores after the reduction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scaling {
    /// Each step's absolute scores over source and target sum to 1.
    #[default]
    Normalize,
    /// The largest absolute score of the text is 1.
    Rescale,
    /// No scaling.
    None,
}

/// Reduces the last axis of source and target attributions (and of sequence scores) by a function, then scales source and
/// target together. The reference's `scores` aggregator.
///
/// # Example
/// ```
/// use inseq_core::{AttributionKind, SequenceAttribution, Token};
/// use inseq_core::aggregators::{Scaling, Scores, AggregationFunction};
/// use ndarray::array;
///
/// let attribution = SequenceAttribution {
///     source: vec![Token::new("▁tired", 7), Token::new("▁nurse", 9)],
///     target: vec![Token::new("<pad>", 0), Token::new("▁fatiguée", 3)],
///     source_attributions: Some(array![[[3.0, 4.0]], [[0.0, 15.0]]].into_dyn()),
///     attr_pos_start: 1,
///     attr_pos_end: 2,
///     kind: AttributionKind::Granular,
///     ..SequenceAttribution::default()
/// };
/// assert_eq!(attribution.aggregate()?.source_attributions, Some(array![[0.25], [0.75]].into_dyn()));
///
/// let largest = attribution.aggregate_with(&Scores::new(AggregationFunction::Max).scaling(Scaling::None))?;
/// assert_eq!(largest.source_attributions, Some(array![[4.0], [15.0]].into_dyn()));
/// # Ok::<(), inseq_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scores {
    function: Option<Function>,
    selection: Selection,
    scaling: Scaling,
}

/// A function that makes one score of several.
type Reduce = Arc<dyn Fn(&[f32]) -> f32 + Send + Sync>;

/// A function of the scores along the last axis.
#[derive(Clone)]
enum Function {
    Known(AggregationFunction),
    Own { name: String, reduce: Reduce },
}

impl Function {
    fn reduce_last_axis(&self, scores: &ArrayD<f32>) -> Result<ArrayD<f32>> {
        match self {
            Self::Known(function) => function.reduce_last_axis(scores),
            Self::Own { name, reduce } => {
                reduce_last_axis(scores, name, |values, n| values.chunks_exact(n).map(|row| reduce(row)).collect())
            }
        }
    }
}

impl PartialEq for Function {
    /// Two functions of a caller are equal if they are the same closure.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Known(one), Self::Known(other)) => one == other,
            (Self::Own { reduce: one, .. }, Self::Own { reduce: other, .. }) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(function) => function.fmt(f),
            Self::Own { name, .. } => f.write_str(name),
        }
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Scores {
    /// Reduces by `function`, then normalizes.
    pub fn new(function: AggregationFunction) -> Self {
        Self { function: Some(Function::Known(function)), ..Self::default() }
    }

    /// Reduces by a function of the caller, then normalizes. `reduce` takes the scores along the last axis, at least one; messages
    /// call it `name`.
    ///
    /// ```
    /// use inseq_core::aggregators::{Aggregator, Scaling, Scores};
    /// # use inseq_core::{AttributionKind, SequenceAttribution, Token};
    /// # use ndarray::array;
    ///
    /// let spread = Scores::from_closure("spread", |scores| {
    ///     let (least, most) = scores.iter().fold((f32::MAX, f32::MIN), |(a, b), &x| (a.min(x), b.max(x)));
    ///     most - least
    /// });
    /// # let attribution = SequenceAttribution {
    /// #     source: vec![Token::new("a", 1)],
    /// #     target: vec![Token::new("b", 2)],
    /// #     source_attributions: Some(array![[[3.0, 4.5, 1.0]]].into_dyn()),
    /// #     attr_pos_end: 1,
    /// #     kind: AttributionKind::Granular,
    /// #     ..SequenceAttribution::default()
    /// # };
    /// let aggregated = spread.scaling(Scaling::None).aggregate(&attribution)?;
    /// assert_eq!(aggregated.source_attributions, Some(array![[3.5]].into_dyn()));
    /// # Ok::<(), inseq_core::Error>(())
    /// ```
    pub fn from_closure(name: impl Into<String>, reduce: impl Fn(&[f32]) -> f32 + Send + Sync + 'static) -> Self {
        Self { function: Some(Function::Own { name: name.into(), reduce: Arc::new(reduce) }), ..Self::default() }
    }

    /// Reduces by the default function of the kind of attribution: the Euclidean norm over features, otherwise the mean.
    pub fn by_kind() -> Self {
        Self::default()
    }

    /// Uses only some entries of the last axis.
    #[must_use]
    pub fn select(self, selection: Selection) -> Self {
        Self { selection, ..self }
    }

    /// Sets the scaling after the reduction.
    #[must_use]
    pub fn scaling(self, scaling: Scaling) -> Self {
        Self { scaling, ..self }
    }

    /// Returns the aggregated step; the source and target scores of each text are scaled together.
    ///
    /// # Errors
    /// As [`Aggregator::aggregate`].
    pub fn aggregate_step(&self, step: &StepAttribution) -> Result<StepAttribution> {
        let kind = self.kind_after(&step.kind)?;
        let function = &self.function_for(&step.kind);
        let mut aggregated = StepAttribution {
            source_attributions: self.reduce(step.source_attributions.as_ref(), function)?,
            target_attributions: self.reduce(step.target_attributions.as_ref(), function)?,
            kind,
            ..step.clone()
        };
        self.scale(&mut aggregated.source_attributions, &mut aggregated.target_attributions, Axis(1))?;
        Ok(aggregated)
    }

    fn function_for(&self, kind: &AttributionKind) -> Function {
        let by_kind = match kind {
            AttributionKind::Granular => AggregationFunction::VNORM,
            AttributionKind::Coarse | AttributionKind::MultiDimensional { .. } => AggregationFunction::Mean,
        };
        self.function.clone().unwrap_or(Function::Known(by_kind))
    }

    /// The kind of the attributions without their last axis.
    fn kind_after(&self, kind: &AttributionKind) -> Result<AttributionKind> {
        match kind {
            AttributionKind::Granular => Ok(AttributionKind::Coarse),
            AttributionKind::MultiDimensional { dimensions } if dimensions.len() > 1 => {
                Ok(AttributionKind::MultiDimensional { dimensions: dimensions[..dimensions.len() - 1].to_vec() })
            }
            AttributionKind::MultiDimensional { dimensions } if dimensions.len() == 1 => Ok(AttributionKind::Coarse),
            AttributionKind::Coarse | AttributionKind::MultiDimensional { .. } => Err(Error::Invalid(format!(
                "these attributions have one score per token already, so there is no axis left to reduce by `{}`; leave it out",
                self.function_for(kind)
            ))),
        }
    }

    fn reduce(&self, scores: Option<&ArrayD<f32>>, function: &Function) -> Result<Option<ArrayD<f32>>> {
        scores.map(|scores| self.reduce_one(scores, function)).transpose()
    }

    fn reduce_one(&self, scores: &ArrayD<f32>, function: &Function) -> Result<ArrayD<f32>> {
        match &self.selection {
            Selection::All => function.reduce_last_axis(scores),
            one @ Selection::One(_) => one.of(scores),
            some => function.reduce_last_axis(&some.of(scores)?),
        }
    }

    /// Scales source and target scores together; `axis` counts the attributed tokens.
    fn scale(&self, source: &mut Option<ArrayD<f32>>, target: &mut Option<ArrayD<f32>>, axis: Axis) -> Result<()> {
        let mut arrays: Vec<&mut ArrayD<f32>> = source.iter_mut().chain(target.iter_mut()).collect();
        match self.scaling {
            Scaling::Normalize => normalize::normalize(&mut arrays, axis)?,
            Scaling::Rescale => normalize::rescale(&mut arrays),
            Scaling::None => {}
        }
        Ok(())
    }
}

impl Aggregator for Scores {
    fn name(&self) -> &str {
        "scores"
    }

    fn aggregate(&self, attribution: &SequenceAttribution) -> Result<SequenceAttribution> {
        attribution.validate()?;
        let kind = self.kind_after(&attribution.kind)?;
        let function = &self.function_for(&attribution.kind);
        let mut source_attributions = self.reduce(attribution.source_attributions.as_ref(), function)?;
        let mut target_attributions = self.reduce(attribution.target_attributions.as_ref(), function)?;
        self.scale(&mut source_attributions, &mut target_attributions, Axis(0))?;
        let sequence_function = self.function.clone().unwrap_or(Function::Known(AggregationFunction::Mean));
        let sequence_scores = attribution
            .sequence_scores
            .iter()
            // Scores of token pairs have nothing beyond the pair to reduce.
            .map(|(name, score)| match score.scores.ndim() {
                0..=2 => Ok((name.clone(), score.clone())),
                _ => Ok((name.clone(), score.with(self.reduce_one(&score.scores, &sequence_function)?))),
            })
            .collect::<Result<_>>()?;
        Ok(SequenceAttribution {
            source: attribution.source.clone(),
            target: attribution.target.clone(),
            source_attributions,
            target_attributions,
            step_scores: attribution.step_scores.clone(),
            sequence_scores,
            step_score_merging: attribution.step_score_merging.clone(),
            attr_pos_start: attribution.attr_pos_start,
            attr_pos_end: attribution.attr_pos_end,
            kind,
        })
    }
}
