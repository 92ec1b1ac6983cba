//! Chores of this workspace: `cargo xtask ci | bench | bench-aggregation | bench-citations | bench-dataset | simulate-cluster | evaluate |
//! pages | frames | images | demo-model | reader-model | parity | wheel | release`.

#![forbid(unsafe_code)]

mod bench;
mod ci;
mod evaluate;
mod programs;
mod python;
mod release;
mod simulation;
mod wheel;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Parser, Subcommand};
use xshell::{Cmd, Shell, cmd};

/// Chores of this workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Check what every change must pass; with a backend, check parity on it instead.
    Ci {
        /// The backend to build and to check parity on.
        #[arg(long, value_enum)]
        backend: Option<ci::Backend>,
        /// A Python with torch 2.9.0, for the libtorch backend.
        #[arg(long, default_value = "python3", value_name = "PATH")]
        python: PathBuf,
    },
    /// Measure speed, memory and agreement, beside the reference where a Python with inseq is given.
    Bench(bench::Options),
    /// Measure the aggregation of a large result, beside the reference.
    BenchAggregation(bench::aggregation::Options),
    /// Measure time and memory of `inseq cite` with a prompt of thousands of tokens.
    BenchCitations(bench::citations::Options),
    /// Measure `inseq attribute-dataset` on many texts: memory, kills, cost, several processes, and the reference beside it.
    BenchDataset(bench::dataset::Options),
    /// Simulate `inseq-cluster` on many executors with stragglers and failures.
    SimulateCluster(simulation::Options),
    /// Ask every method for the word that decides in the demo grammar, and write the table of docs/src/demo.md.
    Evaluate {
        /// Ask every citation method for the passage that the reader answered from, and write the table of
        /// docs/src/known-citations.md.
        #[arg(long)]
        citations: bool,
    },
    /// Write a page for each method, with what it finds on the demo model.
    Pages,
    /// Measure how long the frames of a large page take in headless Chromium.
    Frames,
    /// Take the pictures of pages in the docs in headless Chromium.
    Images,
    /// Train the embedded demo model anew.
    DemoModel {
        /// A Python with the packages of tests/reference/requirements.txt.
        #[arg(long, value_name = "PATH")]
        python: PathBuf,
    },
    /// Train the reader anew, the model of the known answers for citations.
    ReaderModel {
        /// A Python with the packages of tests/reference/requirements.txt.
        #[arg(long, value_name = "PATH")]
        python: PathBuf,
    },
    /// Make the golden files anew, and test against them.
    Parity {
        /// A Python with the packages of tests/reference/requirements.txt.
        #[arg(long, value_name = "PATH")]
        python: PathBuf,
    },
    /// Build a Python wheel of the command, and test it in a fresh virtual environment.
    Wheel(wheel::Options),
    /// Go through the checklist of a release.
    Release(release::Options),
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let shell = Shell::new()?;
    shell.change_dir(root());
    match arguments.chore {
        Chore::Ci { backend: None, .. } => ci::check(&shell),
        Chore::Ci { backend: Some(backend), python } => ci::parity_on(&shell, backend, &python),
        Chore::Bench(options) => bench::run(&shell, &options),
        Chore::BenchAggregation(options) => bench::aggregation::run(&shell, &options),
        Chore::BenchCitations(options) => bench::citations::run(&shell, &options),
        Chore::BenchDataset(options) => bench::dataset::run(&shell, &options),
        Chore::SimulateCluster(options) => simulation::run(&options),
        Chore::Evaluate { citations } => evaluate::run(&shell, citations),
        Chore::Pages => evaluate::pages(&shell),
        Chore::Frames => evaluate::frames(&shell),
        Chore::Images => evaluate::images(&shell),
        Chore::DemoModel { python } => python::demo_model(&shell, &python),
        Chore::ReaderModel { python } => python::reader_model(&shell, &python),
        Chore::Wheel(options) => wheel::run(&shell, &options),
        Chore::Release(options) => release::check(&shell, &options),
        Chore::Parity { python } => python::parity(&shell, &python),
    }
}

/// The workspace's folder.
fn root() -> &'static Path {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    folder.parent().unwrap_or(folder)
}

/// Cargo as it is when it is called by hand.
///
/// `cargo run` tells a program its package in variables. Build scripts that watch variables of these names would run again,
/// and everything that needs what they make would be built again, at each change between the two.
fn cargo<'a>(shell: &'a Shell, arguments: &str) -> Cmd<'a> {
    let of_this_package = std::env::vars_os().map(|(name, _)| name).filter(|name| {
        let name = name.to_string_lossy();
        name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
    });
    of_this_package.fold(cmd!(shell, "cargo"), Cmd::env_remove).args(arguments.split_whitespace())
}
