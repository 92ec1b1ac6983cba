//! Completions of shells: the script of a shell, the answers to its calls, and the names that are completed.
//!
//! A shell completes words. It cannot complete inside a JSON object, which is one quoted word; `inseq list KIND --arguments`
//! prints the names of arguments.

use std::ffi::OsStr;
use std::path::Path;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Command};
use clap_complete::Shell;
use clap_complete::env::{CompleteEnv, Shells};
use inseq_core::aggregators::Aggregators;
use inseq_methods::{list_methods, step_functions};
use inseq_models::device;

use crate::arguments::grammar;
use crate::failure::Failure;
use crate::output;

/// The variable by which the script of a shell says that it wants completions, and which shell it is.
const VARIABLE: &str = "INSEQ_COMPLETE";

/// Answers the call of a shell's script, and ends the program; other calls go on.
pub fn answer() {
    CompleteEnv::with_factory(grammar).var(VARIABLE).complete();
}

/// Prints the script of a shell. It calls this program as the program was called: by its name, or by its path.
pub fn script(shell: Shell) -> Result<(), Failure> {
    let called = std::env::args_os().next().unwrap_or_else(|| NAME.into());
    let program = match Path::new(&called).components().count() {
        1 => called,
        _ => std::path::absolute(&called).unwrap_or_else(|_| called.clone().into()).into(),
    };
    let name = shell.to_string();
    let known = Shells::builtins();
    let completer = known
        .completer(&name)
        .ok_or_else(|| Failure::Argument(format!("there are no completions for the shell `{name}`")))?;
    let mut script = Vec::new();
    completer
        .write_registration(VARIABLE, NAME, NAME, &program.to_string_lossy(), &mut script)
        .map_err(|source| Failure::Stream { stream: "the completion script", source })?;
    output::print(&script)
}

/// Name of the program.
const NAME: &str = "inseq";

/// Takes any text, and suggests names to shells.
#[derive(Clone, Copy)]
pub struct Suggesting(fn() -> Vec<&'static str>);

/// Attribution methods.
pub const METHODS: Suggesting = Suggesting(methods);
/// Step functions.
pub const STEP_FUNCTIONS: Suggesting = Suggesting(functions);
/// Aggregators and aggregation functions.
pub const AGGREGATORS: Suggesting = Suggesting(aggregators);
/// Everything that can be explained.
pub const ENTRIES: Suggesting = Suggesting(entries);
/// Devices of this build.
pub const DEVICES: Suggesting = Suggesting(device::choices);

/// Names of everything that can be explained.
pub fn entries() -> Vec<&'static str> {
    [methods(), functions(), aggregators(), vec!["expression"]].concat()
}

/// Names of methods.
pub fn methods() -> Vec<&'static str> {
    list_methods().iter().map(|method| method.name).collect()
}

/// Names of step functions.
pub fn functions() -> Vec<&'static str> {
    step_functions::list().iter().map(|function| function.name).collect()
}

/// Names of aggregators and aggregation functions.
pub fn aggregators() -> Vec<&'static str> {
    Aggregators::new().list().map(|aggregator| aggregator.name).collect()
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
