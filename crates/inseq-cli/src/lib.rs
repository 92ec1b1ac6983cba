//! The `inseq` command as a library, for programs that run it in another way.
//!
//! [`main`] is the whole command. [`attribute_dataset`] has the flags and the run of `inseq attribute-dataset`, which `inseq-cluster`
//! takes apart to share the work between machines. A program that links this library has its memory allocator, too.

#![deny(unsafe_code)]

mod aggregation;
mod allocator;
mod arguments;
mod attribute;
mod attribute_context;
pub mod attribute_dataset;
mod attribution;
mod cite;
mod compare;
mod completing;
mod completions;
mod evaluate;
mod failure;
mod input;
mod json_object;
mod listing;
mod model;
mod output;
mod picture;
mod picture_file;
mod picture_format;
mod prepared;
mod progress;
mod reference_flags;
mod result_file;
mod saved;
mod texts;
mod verbosity;
mod view;
mod warnings;

use std::process::ExitCode;

pub use allocator::keep_freed_memory;
pub use arguments::read;
pub use failure::Failure;
pub use progress::watch_interrupts;

use arguments::{Arguments, Command};

/// Reads the command line of this process, runs it, and returns the exit code.
pub fn main() -> ExitCode {
    keep_freed_memory();
    completions::answer();
    let arguments: Arguments = read(std::env::args_os()).unwrap_or_else(|error| error.exit());
    match run(arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Attribute(arguments) => attribute::run(&arguments),
        Command::AttributeContext(arguments) => attribute_context::run(&arguments),
        Command::AttributeDataset(arguments) => attribute_dataset::run(&arguments),
        Command::Cite(arguments) => cite::run(&arguments),
        Command::Compare(arguments) => compare::run(&arguments),
        Command::Evaluate(arguments) => evaluate::run(&arguments),
        Command::List(arguments) => listing::list(&arguments),
        Command::Explain(arguments) => listing::explain(&arguments.name),
        Command::Recommend(arguments) => evaluate::recommend(&arguments),
        Command::Show(arguments) => saved::show::run(&arguments),
        Command::Aggregate(arguments) => saved::aggregate::run(&arguments),
        Command::Convert(arguments) => saved::convert::run(&arguments),
        Command::Diff(arguments) => saved::diff::run(&arguments),
        Command::Merge(arguments) => saved::merge::run(&arguments),
        Command::Info(arguments) => saved::info::run(&arguments),
        Command::DatasetStatus(arguments) => saved::dataset_status::run(&arguments),
        Command::DatasetReport(arguments) => saved::dataset_report::run(&arguments),
        Command::Completions { shell } => completions::script(shell),
    }
}
