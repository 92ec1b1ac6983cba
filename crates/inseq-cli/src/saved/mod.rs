//! Commands on saved results, for which no model is loaded.

pub mod aggregate;
pub mod convert;
pub mod dataset_report;
pub mod dataset_status;
pub mod diff;
pub mod info;
pub mod merge;
pub mod show;

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use inseq_core::{AttributionResult, Format, MappedResult, SequenceAttribution};
use inseq_datasets::Results;

use crate::failure::Failure;
use crate::input;
use crate::result_file::load;

/// Which saved result is read, and what of it.
#[derive(Debug, Args)]
pub struct InputArguments {
    /// Saved result of this program or of Python inseq, or a folder of results. `-` reads JSON from standard input.
    pub file: PathBuf,
    /// Indices of the sequences to use, from 0; of a folder of results, the numbers of rows. From a .safetensors file or a folder only
    /// these are read. [default: all]
    #[arg(long, num_args = 1.., value_name = "N", help_heading = "Input")]
    pub sequences: Vec<usize>,
    /// Steps of each sequence to use, from 0: from START to before END. From a .safetensors file only these are read. [default:
    /// all]
    #[arg(long, value_name = "START:END", help_heading = "Input")]
    pub steps: Option<Steps>,
}

/// A span of steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps {
    start: usize,
    end: usize,
}

impl FromStr for Steps {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let span = text.split_once(':').and_then(|(start, end)| Some((start.parse().ok()?, end.parse().ok()?)));
        span.filter(|(start, end)| start < end)
            .map(|(start, end)| Self { start, end })
            .ok_or_else(|| "expected two numbers such as 0:3, the second larger than the first".into())
    }
}

impl InputArguments {
    /// Reads what is asked for.
    pub fn load(&self) -> Result<AttributionResult, Failure> {
        if self.sequences.is_empty() && self.steps.is_none() {
            return load(&self.file);
        }
        if Results::is_at(&self.file) && !self.sequences.is_empty() {
            let rows: Vec<u64> = self.sequences.iter().map(|&row| row as u64).collect();
            let mut result = Results::open(&self.file)?.load_rows(&rows)?;
            if let Some(Steps { start, end }) = self.steps {
                let sequences = result.sequences.iter().map(|sequence| sequence.slice_steps(start..end));
                result.sequences = sequences.collect::<Result<_, _>>()?;
            }
            return Ok(result);
        }
        if !input::is_standard(&self.file) && Format::of(&self.file) == Format::Safetensors {
            let mapped = MappedResult::open(&self.file)?;
            let result = AttributionResult { info: mapped.info().clone(), ..AttributionResult::default() };
            return self.picked(result, mapped.sequence_count(), |index| {
                Ok(match self.steps {
                    Some(steps) => mapped.sequence_steps(index, steps.start..steps.end)?,
                    None => mapped.sequence(index)?,
                })
            });
        }
        let mut result = load(&self.file)?;
        let sequences = std::mem::take(&mut result.sequences);
        result.steps = None;
        self.picked(result, sequences.len(), |index| {
            // `picked` asks for those that there are.
            let sequence = &sequences[index];
            Ok(match self.steps {
                Some(steps) => sequence.slice_steps(steps.start..steps.end)?,
                None => sequence.clone(),
            })
        })
    }

    fn picked(
        &self,
        mut result: AttributionResult,
        count: usize,
        sequence: impl Fn(usize) -> Result<SequenceAttribution, Failure>,
    ) -> Result<AttributionResult, Failure> {
        let all: Vec<usize> = (0..count).collect();
        let indices = if self.sequences.is_empty() { &all } else { &self.sequences };
        if let Some(missing) = indices.iter().find(|index| **index >= count) {
            return Err(Failure::Argument(format!(
                "{}: there is no sequence {missing}; it has {count}, counted from 0",
                self.file.display()
            )));
        }
        result.info.keep_texts(indices);
        result.sequences = indices.iter().map(|&index| sequence(index)).collect::<Result<_, _>>()?;
        Ok(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_two_numbers_in_order() {
        assert_eq!("2:5".parse(), Ok(Steps { start: 2, end: 5 }));
        for text in ["2", "5:2", "2:2", "-1:2", ":"] {
            assert!(text.parse::<Steps>().is_err(), "{text}");
        }
    }
}
