//! Names that shells complete.
//!
//! A shell completes words. It cannot complete inside a JSON object, which is one quoted word; `inseq list KIND --arguments`
//! prints the names of arguments.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Command};
use inseq_methods::{citations, evaluation, list_methods, step_functions};
use inseq_models::device;

use crate::aggregation;

/// Takes any text, and suggests names to shells.
#[derive(Clone, Copy)]
pub struct Suggesting(fn() -> Vec<&'static str>);

/// Attribution methods.
pub const METHODS: Suggesting = Suggesting(methods);
/// Citation methods.
pub const CITATION_METHODS: Suggesting = Suggesting(citation_methods);
/// Metrics.
pub const METRICS: Suggesting = Suggesting(metrics);
/// Step functions.
pub const STEP_FUNCTIONS: Suggesting = Suggesting(functions);
/// Step functions that compare with another token or context.
pub const CONTRASTIVE_FUNCTIONS: Suggesting = Suggesting(contrastive_functions);
/// Aggregators and aggregation functions.
pub const AGGREGATORS: Suggesting = Suggesting(aggregators);
/// Everything that can be explained.
pub const ENTRIES: Suggesting = Suggesting(entries);
/// Devices of this build.
pub const DEVICES: Suggesting = Suggesting(device::choices);

/// Names of everything that can be explained.
pub fn entries() -> Vec<&'static str> {
    let mut names = [methods(), citation_methods(), metrics(), functions(), aggregators(), vec!["expression"]].concat();
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(*name));
    names
}

/// Names of methods.
pub fn methods() -> Vec<&'static str> {
    list_methods().iter().map(|method| method.name).collect()
}

/// Names of citation methods.
pub fn citation_methods() -> Vec<&'static str> {
    citations::list_methods().iter().map(|method| method.name).collect()
}

/// Names of metrics.
pub fn metrics() -> Vec<&'static str> {
    evaluation::list_metrics().iter().map(|metric| metric.name).collect()
}

/// Names of step functions.
pub fn functions() -> Vec<&'static str> {
    step_functions::list().iter().map(|function| function.name).collect()
}

/// Names of step functions that compare with another token or context.
fn contrastive_functions() -> Vec<&'static str> {
    let compares = |function: &&step_functions::StepFunctionInfo| function.takes("contrast_targets");
    step_functions::list().iter().filter(compares).map(|function| function.name).collect()
}

/// Names of aggregators and aggregation functions.
pub fn aggregators() -> Vec<&'static str> {
    aggregation::aggregators().list().map(|aggregator| aggregator.name).collect()
}

impl TypedValueParser for Suggesting {
    type Value = String;

    fn parse_ref(&self, command: &Command, argument: Option<&Arg>, value: &OsStr) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new((self.0)().into_iter().map(PossibleValue::new)))
    }
}
