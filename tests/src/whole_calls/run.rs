//! A call from its description.

use std::collections::HashMap;
use std::ops::ControlFlow;

use inseq_core::aggregators::Aggregators;
use inseq_core::{AttributionResult, SaveOptions};
use inseq_methods::{AttributionModel, LoadOptions, Progress};

use super::Case;
use super::pictures;
use crate::fixture;

/// Work after which a call is stopped, in the unit of its progress.
const MOST_WORK: usize = 4000;

/// Tokens after which generation is stopped.
const MOST_TOKENS: usize = 120;

/// Models that calls share, by folder and memory budget.
#[derive(Debug, Default)]
pub struct Models {
    loaded: HashMap<(String, usize), AttributionModel>,
}

/// What has become of a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It came to its end.
    Done,
    /// It was stopped, since it goes on for long.
    Stopped,
    /// It was refused.
    Refused(String),
}

impl Models {
    fn get(&mut self, name: &str, memory_budget: usize) -> Result<&AttributionModel, inseq_methods::Error> {
        let key = (name.to_owned(), memory_budget);
        if !self.loaded.contains_key(&key) {
            let options = LoadOptions::default().memory_budget(memory_budget).device("cpu");
            let folder = fixture("architectures").join(name);
            let model = AttributionModel::load_with(&folder.to_string_lossy(), &options)?;
            self.loaded.insert(key.clone(), model);
        }
        Ok(&self.loaded[&key])
    }

    /// Runs a case.
    ///
    /// # Panics
    /// When the call does, or its result does not fit together: a finding.
    pub fn run(&mut self, case: &Case) -> Outcome {
        match self.result(case) {
            Ok(outcome) => outcome,
            Err(error) => {
                let message = error.to_string();
                assert!(!message.trim().is_empty(), "an error says nothing");
                Outcome::Refused(message)
            }
        }
    }

    fn result(&mut self, case: &Case) -> Result<Outcome, Box<dyn std::error::Error>> {
        let model = self.get(&case.model, case.memory_budget)?;
        let request = case.request()?;
        let mut before = 0;
        let mut is_stopped = false;
        let attributed = model.attribute_with_progress(&request, &mut |progress| {
            let goes_on = match progress {
                Progress::Generating { tokens, .. } => tokens < MOST_TOKENS,
                Progress::Attributing { done, total, .. } => {
                    assert!(before <= done && done <= total, "progress goes from {before} to {done} of {total}");
                    before = done;
                    done < MOST_WORK
                }
                _ => true,
            };
            is_stopped |= !goes_on;
            if goes_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        let result = match attributed {
            Err(inseq_methods::Error::Cancelled) if is_stopped => return Ok(Outcome::Stopped),
            other => other?,
        };
        if case.is_planned {
            for plan in model.plan(&request)? {
                assert!(plan.forwards.least <= plan.forwards.most, "{plan:?}");
                assert!(0.0 <= plan.seconds.least && plan.seconds.least <= plan.seconds.most, "{plan:?}");
            }
        }
        assert_eq!(result.sequences.len(), case.texts.len(), "each text has a result");
        result.validate()?;
        after(case, &result);
        Ok(Outcome::Done)
    }
}

/// What is done with a result: files, aggregation, pictures. Each may refuse it.
fn after(case: &Case, result: &AttributionResult) {
    let mut file = Vec::new();
    let scores_precision = case.scores_precision.parse().unwrap_or_default();
    let options = SaveOptions::default().scores_precision(scores_precision);
    result.write(&mut file, &options).expect("memory can be written to");
    AttributionResult::read(file.as_slice(), &inseq_core::LoadOptions::default()).expect("what is written can be read");
    pictures::draw(case, result);
    if let Ok(aggregated) = result.aggregate() {
        pictures::draw(case, &aggregated);
    }
    let chosen = Aggregators::new().pipeline(&case.aggregators, &serde_json::Map::new());
    if let Some(aggregated) = chosen.ok().and_then(|pipeline| result.aggregate_with(&pipeline).ok()) {
        aggregated.validate().expect("an aggregated result fits together");
        pictures::draw(case, &aggregated);
    }
}
