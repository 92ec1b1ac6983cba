//! The `inseq` command: ask a sequence model why it wrote what it wrote.

#![deny(unsafe_code)]

mod aggregation;
mod arguments;
mod attribute;
mod attribute_dataset;
mod attribution;
mod compare;
mod completing;
mod failure;
mod input;
mod json_object;
mod listing;
mod model;
mod output;
mod picture;
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

use arguments::{Arguments, Command};
use failure::Failure;

// Large outputs are allocated and freed once a layer; the system allocator hands their pages back each time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Keeps freed memory: the tensors of the next layer go where those of the last one were. Pages that went back to the
/// system would have to be cleared again, which can take as long as the products.
#[expect(unsafe_code, reason = "an option of the allocator can only be set through its C interface")]
fn keep_freed_memory() {
    // `mi_option_purge_delay` of mimalloc 2 and 3, in milliseconds.
    const PURGE_DELAY: i32 = 15;
    // SAFETY: setting a known option to a value in its range has no other effect, and may happen at any time.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, -1) };
}

fn main() -> ExitCode {
    keep_freed_memory();
    let arguments = Arguments::read(std::env::args_os()).unwrap_or_else(|error| error.exit());
    match run(arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Attribute(arguments) => attribute::run(&arguments),
        Command::AttributeDataset(arguments) => attribute_dataset::run(&arguments),
        Command::Compare(arguments) => compare::run(&arguments),
        Command::List(arguments) => listing::list(&arguments),
        Command::Explain(arguments) => listing::explain(&arguments.name),
        Command::Show(arguments) => saved::show::run(&arguments),
        Command::Aggregate(arguments) => saved::aggregate::run(&arguments),
        Command::Convert(arguments) => saved::convert::run(&arguments),
        Command::Diff(arguments) => saved::diff::run(&arguments),
        Command::Merge(arguments) => saved::merge::run(&arguments),
        Command::Info(arguments) => saved::info::run(&arguments),
        Command::DatasetStatus(arguments) => saved::dataset_status::run(&arguments),
        Command::DatasetReport(arguments) => saved::dataset_report::run(&arguments),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut arguments::grammar(), "inseq", &mut script);
            output::print(&script)
        }
    }
}
