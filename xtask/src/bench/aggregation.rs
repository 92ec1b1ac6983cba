//! `cargo xtask bench-aggregation`: aggregation of a large result, here and in the reference, interleaved.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use clap::Args;
use xshell::Shell;

use super::report::{difference, median};
use super::worker::Worker;
use crate::python::absolute;

/// Aggregation functions that are measured; the first is the default for features.
const FUNCTIONS: [&str; 3] = ["vnorm", "mean", "absmax"];

/// What to measure, and with what.
#[derive(Debug, Args)]
pub struct Options {
    /// A Python with the packages of tests/reference/requirements.txt.
    #[arg(long, value_name = "PATH")]
    python: PathBuf,
    /// Source tokens, steps and features.
    #[arg(long, num_args = 3, default_values_t = [512, 512, 768], value_name = "N")]
    sizes: Vec<usize>,
    /// Measured runs of each side.
    #[arg(long, default_value_t = 5, value_name = "N")]
    runs: usize,
    /// Threads of each side.
    #[arg(long, default_value_t = 2, value_name = "N")]
    threads: usize,
}

/// Runs the benchmark and prints its table.
pub fn run(shell: &Shell, options: &Options) -> Result<()> {
    crate::cargo(shell, "build --release --locked -p inseq-core --example aggregation_worker").run()?;
    let folder = crate::root().join("target/bench");
    shell.create_dir(&folder)?;
    let file = folder.join("aggregation.safetensors");
    let sizes: Vec<String> = options.sizes.iter().map(ToString::to_string).collect();

    let mut ours = Command::new(crate::programs::folder(shell)?.join("examples/aggregation_worker"));
    ours.arg(&file).args(&sizes);
    let mut ours = Worker::spawn(ours, options.threads)?;
    let mut reference = Command::new(absolute(&options.python)?);
    reference.arg(crate::root().join("xtask/bench/aggregation.py")).arg(&file).arg(options.threads.to_string());
    let mut reference = Worker::spawn(reference, options.threads)?;

    println!("| {} scores | this | reference | ratio | memory | of reference | difference |", sizes.join(" x "));
    println!("|---|---:|---:|---:|---:|---:|---:|");
    for function in FUNCTIONS {
        let mut seconds = [Vec::new(), Vec::new()];
        let mut last = Vec::new();
        for run in 0..=options.runs {
            last = vec![ours.run(&function)?, reference.run(&function)?];
            // The first of each warms caches and thread pools up.
            if run > 0 {
                seconds.iter_mut().zip(&last).for_each(|(all, one)| all.push(one.seconds));
            }
        }
        let [ours, reference] = seconds.map(|seconds| median(&seconds).unwrap_or(f64::NAN));
        let mib = |side: usize| last[side].peak.map_or(0, |peak| peak >> 20);
        println!(
            "| {function} | {ours:.4} s | {reference:.4} s | {:.1}x | {} MiB | {} MiB | {:.1e} |",
            reference / ours,
            mib(0),
            mib(1),
            difference(&last[0].scores, &last[1].scores).unwrap_or(f64::NAN)
        );
    }
    Ok(())
}
