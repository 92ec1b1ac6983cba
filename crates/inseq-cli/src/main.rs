//! The `inseq` command: ask a sequence model why it wrote what it wrote.

#![forbid(unsafe_code)]

mod aggregation;
mod arguments;
mod attribute;
mod failure;
mod listing;
mod output;
mod progress;
mod reference_flags;
mod show;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use arguments::{Arguments, Command};
use failure::Failure;

// Large outputs are allocated and freed once a layer; the system allocator hands their pages back each time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse_from(reference_flags::translate(std::env::args_os()));
    match run(arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Attribute(arguments) => attribute::run(&arguments),
        Command::List { what } => listing::list(what),
        Command::Explain { name } => listing::explain(&name),
        Command::Show(arguments) => show::run(&arguments),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "inseq", &mut script);
            output::print(&script)
        }
    }
}
