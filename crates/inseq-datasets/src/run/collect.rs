//! Rows collected into one result, as the reference's command makes it.

use inseq_core::{AttributionResult, Warning};
use inseq_methods::{AttributionModel, AttributionRequest, ProgressCallback};

use super::part::{Outcome, outcomes};
use super::parts::facts;
use crate::{Dataset, Error, Result, Row};

/// The attributions of rows in one result.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Collected {
    /// The attributions, in the order of the rows, without those of failed rows.
    pub result: AttributionResult,
    /// Rows that have no attribution: the number of the row, and why.
    pub failed: Vec<(u64, String)>,
}

/// Attributes rows of a dataset and collects the attributions. The memory that this takes grows with the number of rows.
///
/// `request` has no input texts; its `generated_texts` are empty, and `None` if the rows have none.
///
/// # Errors
/// An option of the request is invalid, no row can be attributed, or `progress` stops the work; and, if `strict`, the first row that
/// has no attribution.
pub fn collect(
    model: &AttributionModel,
    request: &AttributionRequest,
    (dataset, rows): (&Dataset, &[Row]),
    strict: bool,
    progress: ProgressCallback,
) -> Result<Collected> {
    facts(model, request, dataset)?;
    let refusals = |request: &AttributionRequest| model.refusals(request);
    let call = &mut |request: &AttributionRequest| model.attribute_with_progress(request, progress);
    let outcomes = outcomes(rows, request, strict, &refusals, call)?;
    let mut failed = Vec::new();
    let mut results = Vec::new();
    for outcome in outcomes {
        match outcome {
            Outcome::Failed(place, problem) => failed.push((rows[place].number, problem)),
            Outcome::Done(places, result) => results.push((places, result)),
        }
    }
    let warnings: Vec<Warning> = match results.as_slice() {
        // The texts of the result are those of the call.
        [_] => Vec::new(),
        several => several.iter().flat_map(|(places, result)| warnings(rows, places, result)).collect(),
    };
    let Some(mut result) = (match results.is_empty() {
        true => None,
        false => {
            let merged = AttributionResult::merge(results.into_iter().map(|(_, result)| result));
            Some(merged.map_err(inseq_methods::Error::from)?)
        }
    }) else {
        return Err(Error::Dataset(match failed.first() {
            Some((number, problem)) => {
                format!("no row can be attributed: {} rows have an error; row {number}: {problem}", failed.len())
            }
            None => "the dataset has no rows, so that there is nothing to attribute".to_owned(),
        }));
    };
    if !warnings.is_empty() {
        result.info.warnings = Some(warnings);
    }
    Ok(Collected { result, failed })
}

/// The warnings of a call, with rows in place of its texts.
fn warnings<'a>(
    rows: &'a [Row],
    places: &'a [usize],
    result: &'a AttributionResult,
) -> impl Iterator<Item = Warning> + 'a {
    result.info.warnings.iter().flatten().map(|warning| match warning.text.and_then(|text| places.get(text.index)) {
        Some(&place) => Warning::from(format!("row {}: {}", rows[place].number, warning.alone())),
        None => warning.clone(),
    })
}
