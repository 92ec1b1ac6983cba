//! A result, and what aggregation makes of it.

use std::borrow::Cow;
use std::cell::OnceCell;

use inseq_core::AttributionResult;

use crate::aggregation::Aggregation;
use crate::failure::Failure;

/// A result that is aggregated once, for all pictures and files of a command, and only if one of them needs it.
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
