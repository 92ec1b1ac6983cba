//! Reading the results of a run.

use std::collections::BTreeMap;

use inseq_core::{AttributionResult, Warning};
use serde_json::json;

use super::completion::Completion;
use super::results::Results;
use super::tables::PartReader;
use crate::{AttributedRow, Error, Result};

/// Which scores are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scores {
    /// One score per token.
    #[default]
    Aggregated,
    /// Scores before aggregation if the run keeps them, else one score per token.
    Kept,
}

impl Results {
    /// The rows of the parts that are done, in order. Only a few rows are in memory.
    ///
    /// # Errors
    /// A completion record is damaged. The rows have the errors of reading parts.
    pub fn rows(&self, scores: Scores) -> Result<impl Iterator<Item = Result<AttributedRow>> + '_> {
        let completions = self.completions()?;
        Ok(completions.into_values().flat_map(move |completion| self.rows_of_done(&completion, scores)))
    }

    /// Calls `visit` with each row of the parts that are done, in order, with one score per token.
    ///
    /// # Errors
    /// The files of a part are damaged, or the error of `visit`.
    pub fn each(&self, mut visit: impl FnMut(AttributedRow) -> Result<()>) -> Result<()> {
        self.rows(Scores::Aggregated)?.try_for_each(|row| visit(row?))
    }

    /// All attributions in order of rows, with the scores that the run keeps. Rows with an error have none. `info` says which rows
    /// there are (`rows`), and has a warning if rows are missing.
    ///
    /// # Errors
    /// The files of a part are damaged.
    pub fn load(&self) -> Result<AttributionResult> {
        self.collect(self.rows(Scores::Kept)?, self.gaps()?)
    }

    /// The first row with an error in the parts that are done and that `has` names: its number, and why it has no attribution.
    ///
    /// # Errors
    /// The files of a part are damaged.
    pub(crate) fn first_error(&self, has: impl Fn(u64) -> bool) -> Result<Option<(u64, String)>> {
        let (done, _) = self.done_and_lost()?;
        for completion in done.values().filter(|completion| completion.errors > 0 && has(completion.part)) {
            for row in self.rows_of_done(completion, Scores::Aggregated) {
                let AttributedRow { row, outcome, .. } = row?;
                if let Err(problem) = outcome {
                    return Ok(Some((row.number, problem)));
                }
            }
        }
        Ok(None)
    }

    /// Warnings about rows that are not attributed yet or have an error, one sentence each.
    ///
    /// # Errors
    /// A completion record is damaged.
    pub fn gaps(&self) -> Result<Vec<String>> {
        let status = self.status()?;
        let mut warnings = Vec::new();
        if !status.is_complete() {
            warnings.push(format!(
                "{} of {} rows are not attributed yet",
                status.rows - status.rows_done - status.left_out,
                status.rows
            ));
        }
        if status.errors > 0 {
            warnings.push(format!("{} rows have an error, and no attribution", status.errors));
        }
        Ok(warnings)
    }

    /// The attributions of these rows, in the given order.
    ///
    /// # Errors
    /// There is no such row, it is not done, it has an error, or the files of its part are damaged.
    pub fn load_rows(&self, numbers: &[u64]) -> Result<AttributionResult> {
        let mut completions: BTreeMap<u64, Completion> = BTreeMap::new();
        let mut found: BTreeMap<u64, AttributedRow> = BTreeMap::new();
        for &number in numbers {
            if number >= self.manifest().rows {
                return Err(Error::Results(format!(
                    "{}: there is no row {number}; the run has {}, counted from 0",
                    self.place().display(),
                    self.manifest().rows
                )));
            }
            let part = number / self.manifest().part_rows;
            if completions.contains_key(&part) {
                continue;
            }
            let Some(completion) = Completion::read(&*self.folder.storage, self.manifest(), part)? else {
                return Err(Error::Results(format!("{}: row {number} is not attributed yet", self.place().display())));
            };
            for row in self.rows_of_done(&completion, Scores::Kept) {
                let row = row?;
                if numbers.contains(&row.row.number) {
                    found.insert(row.row.number, row);
                }
            }
            completions.insert(part, completion);
        }
        let rows = numbers.iter().map(|number| match found.get(number) {
            Some(AttributedRow { outcome: Err(error), .. }) => {
                Err(Error::Results(format!("{}: row {number} has an error: {error}", self.place().display())))
            }
            Some(row) => Ok(row.clone()),
            None => Err(Error::Results(match &self.manifest().filter {
                Some(filter) => {
                    format!("{}: row {number} is left out by the filter `{filter}`", self.place().display())
                }
                None => format!("{}: row {number} is missing in its part", self.place().display()),
            })),
        });
        self.collect(rows, Vec::new())
    }

    fn rows_of_done(&self, completion: &Completion, scores: Scores) -> Box<dyn Iterator<Item = Result<AttributedRow>>> {
        let folder = &self.folder;
        match PartReader::open(&*folder.storage, &folder.manifest, completion, scores == Scores::Kept) {
            Ok(rows) => Box::new(rows),
            Err(error) => Box::new(std::iter::once(Err(error))),
        }
    }

    fn collect(
        &self,
        rows: impl Iterator<Item = Result<AttributedRow>>,
        mut warnings: Vec<String>,
    ) -> Result<AttributionResult> {
        let mut result =
            AttributionResult { info: self.manifest().info.clone().into(), ..AttributionResult::default() };
        let (mut numbers, mut inputs, mut written) = (Vec::new(), Vec::new(), Vec::new());
        for row in rows {
            let AttributedRow { row, outcome, warnings: own } = row?;
            warnings.extend(own.iter().map(|warning| format!("row {}: {warning}", row.number)));
            let (Ok(sequence), Ok((input, generated))) = (outcome, row.texts) else { continue };
            numbers.push(row.number);
            inputs.push(input);
            written.push(generated);
            result.sequences.push(sequence);
        }
        let positions = |of: fn(&inseq_core::SequenceAttribution) -> usize| {
            result.sequences.iter().filter(|sequence| sequence.steps() > 0).map(of).max()
        };
        let (start, end) = (positions(|sequence| sequence.attr_pos_start), positions(|sequence| sequence.attr_pos_end));
        let info = &mut result.info;
        info.attr_pos_start = start;
        info.attr_pos_end = end;
        info.input_texts = Some(inputs);
        info.generated_texts = written.iter().cloned().collect();
        if info.generated_texts.is_none() {
            // A row of a store may lack its text.
            info.other.insert("generated_texts".to_owned(), json!(written));
        }
        info.other.insert("rows".to_owned(), json!(numbers));
        if !warnings.is_empty() {
            info.warnings = Some(warnings.into_iter().map(Warning::from).collect());
        }
        Ok(result)
    }
}
