//! One part: rows in, attributed rows out.

use std::ops::ControlFlow;

use inseq_core::{Info, SequenceAttribution, Warning};
use inseq_methods::{AttributionModel, AttributionRequest};

use super::part::{Outcome, outcomes};
use crate::{AttributedRow, Result, Row};

/// Aggregates the scores of a text.
pub type Aggregate<'a> = dyn Fn(SequenceAttribution) -> inseq_core::Result<SequenceAttribution> + 'a;

/// How the rows of a part are attributed.
pub(super) struct Attributing<'a> {
    pub(super) model: &'a AttributionModel,
    pub(super) template: &'a AttributionRequest,
    pub(super) aggregate: Option<&'a Aggregate<'a>>,
    pub(super) strict: bool,
}

/// The attribution of a row or its error, and its warnings.
type Attributed = (Result<SequenceAttribution, String>, Vec<String>);

impl Attributing<'_> {
    /// The rows of a part with their attributions, in order. `news` gets the number of rows that are attributed so far, and says
    /// whether to go on; `warn` gets warnings that are about no single row.
    ///
    /// # Errors
    /// The work cannot go on; and, if `strict`, the first row that has no attribution.
    pub(super) fn part(
        &self,
        rows: Vec<Row>,
        news: &mut dyn FnMut(u64) -> ControlFlow<()>,
        warn: &mut dyn FnMut(&str),
    ) -> Result<Vec<AttributedRow>> {
        let mut finished = 0;
        let outcomes =
            outcomes(&rows, self.template, self.strict, &|request| self.model.refusals(request), &mut |request| {
                let mut sequences: Vec<Option<SequenceAttribution>> = vec![None; request.input_texts.len()];
                // Shared by two callbacks that never run at the same time.
                let done = std::cell::Cell::new(finished);
                let progress = &mut |_| news(done.get());
                let info = self.model.attribute_each_with_progress(request, progress, |place, sequence| {
                    done.set(done.get() + 1);
                    sequences[place] = Some(match self.aggregate {
                        Some(aggregate) => aggregate(sequence)?,
                        None => sequence,
                    });
                    Ok::<_, inseq_methods::Error>(())
                })?;
                finished = done.get();
                Ok((sequences, info))
            })?;
        let mut attributed: Vec<Option<Attributed>> = vec![None; rows.len()];
        for outcome in outcomes {
            match outcome {
                Outcome::Failed(place, problem) => attributed[place] = Some((Err(problem), Vec::new())),
                Outcome::Done(places, (sequences, info)) => {
                    let warnings = of_places(&info, places.len(), warn);
                    for ((place, sequence), warnings) in places.into_iter().zip(sequences).zip(warnings) {
                        attributed[place] = Some(outcome_of(sequence, warnings));
                    }
                }
            }
        }
        let attributed = rows.into_iter().zip(attributed).map(|(row, attributed)| {
            let missing = || (Err("the row was not attributed".to_owned()), Vec::new());
            let (outcome, warnings) = attributed.unwrap_or_else(missing);
            AttributedRow { row, outcome, warnings }
        });
        let attributed: Vec<AttributedRow> = attributed.collect();
        match attributed.iter().find_map(|one| Some((one.row.number, one.outcome.as_ref().err()?))) {
            Some((number, problem)) if self.strict => Err(crate::Error::Row { number, problem: problem.clone() }),
            _ => Ok(attributed),
        }
    }
}

/// A text without steps has no scores. Alone in a call it is an error, so it is one here, whatever its neighbours are.
fn outcome_of(
    sequence: Option<SequenceAttribution>,
    mut warnings: Vec<Warning>,
) -> (Result<SequenceAttribution, String>, Vec<String>) {
    let outcome = match sequence {
        Some(sequence) if sequence.steps() > 0 => Ok(sequence),
        _ => {
            let reason = warnings.iter().position(|warning| warning.is_refusal);
            let reason = reason.map(|place| warnings.remove(place).message);
            Err(reason.unwrap_or_else(|| "the text has no token to attribute".to_owned()))
        }
    };
    (outcome, warnings.iter().map(Warning::alone).collect())
}

/// The warnings of each text of a call.
fn of_places(info: &Info, texts: usize, warn: &mut dyn FnMut(&str)) -> Vec<Vec<Warning>> {
    let mut of_places = vec![Vec::new(); texts];
    for warning in info.warnings.iter().flatten() {
        match warning.text.filter(|text| text.index < texts) {
            Some(text) => of_places[text.index].push(warning.clone()),
            None => warn(&warning.to_string()),
        }
    }
    of_places
}
