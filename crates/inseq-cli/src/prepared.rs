//! A result, and what aggregation makes of it.

use std::borrow::Cow;
use std::cell::OnceCell;

use inseq_core::AttributionResult;

use crate::aggregation::Aggregation;
use crate::failure::Failure;

/// A result that is aggregated once, for all pictures and files of a command, and only if one of them needs it.
#[derive(Debug)]
pub struct Prepared<'a> {
    result: Cow<'a, AttributionResult>,
    aggregation: &'a Aggregation,
    aggregated: OnceCell<AttributionResult>,
}

impl<'a> Prepared<'a> {
    /// A result with the aggregation that a command asks for.
    pub fn new(result: Cow<'a, AttributionResult>, aggregation: &'a Aggregation) -> Self {
        Self { result, aggregation, aggregated: OnceCell::new() }
    }

    /// The aggregated result.
    pub fn aggregated(&self) -> Result<&AttributionResult, Failure> {
        if let Some(aggregated) = self.aggregated.get() {
            return Ok(aggregated);
        }
        let aggregated = self.aggregation.apply(&self.result)?;
        Ok(self.aggregated.get_or_init(|| aggregated))
    }

    /// The result as it is, unless the command names aggregators.
    pub fn as_asked(&self) -> Result<&AttributionResult, Failure> {
        if self.aggregation.is_chosen() { self.aggregated() } else { Ok(&self.result) }
    }
}

#[cfg(test)]
mod tests {
    use inseq_core::{AttributionKind, SequenceAttribution, Token};
    use inseq_viz::Texts;

    use super::*;
    use crate::aggregation::WeightingArguments;

    fn granular() -> AttributionResult {
        let sequence = SequenceAttribution {
            source: vec![Token::new("▁a", 1), Token::new("▁b", 2)],
            target: vec![Token::new("▁c", 3)],
            attr_pos_end: 1,
            source_attributions: Some(ndarray::arr3(&[[[3.0, 4.0]], [[0.0, 5.0]]]).into_dyn()),
            step_scores: [("probability".to_owned(), ndarray::arr1(&[0.5]))].into_iter().collect(),
            kind: AttributionKind::Granular,
            ..SequenceAttribution::default()
        };
        AttributionResult { sequences: vec![sequence], ..AttributionResult::default() }
    }

    #[test]
    fn a_result_is_aggregated_once_and_borrowed_for_a_page() {
        let (result, usual) = (granular(), Aggregation::default());
        let prepared = Prepared::new(Cow::Borrowed(&result), &usual);
        assert!(std::ptr::eq(prepared.as_asked().unwrap(), &raw const result), "a page has the scores as they are");
        assert!(std::ptr::eq(Texts::from(prepared.as_asked().unwrap()).sequences[0], &raw const result.sequences[0]));
        assert!(std::ptr::eq(prepared.aggregated().unwrap(), prepared.aggregated().unwrap()));
        // The norms are 5 and 5, which are halves of their sum.
        let scores = prepared.aggregated().unwrap().sequences[0].source_attributions.clone().unwrap();
        assert_eq!(scores, ndarray::arr2(&[[0.5], [0.5]]).into_dyn());
    }

    #[test]
    fn a_weight_is_asked_for_as_aggregators_are() {
        let weighting = WeightingArguments { weight_attributions: Some("probability".into()) };
        let (result, weighted) = (granular(), Aggregation::default().weighted(&weighting));
        let prepared = Prepared::new(Cow::Owned(result), &weighted);
        let asked = prepared.as_asked().unwrap();
        assert!(std::ptr::eq(asked, prepared.aggregated().unwrap()));
        assert_eq!(asked.sequences[0].source_attributions, Some(ndarray::arr2(&[[0.25], [0.25]]).into_dyn()));
    }
}
