//! `cargo xtask bench`: this program and the reference on the same work, interleaved in one run.
//!
//! Each workload gets fresh worker processes, so that the peak memory read from them is of loading the model and doing
//! that one thing. Runs alternate (A B A B ...): a machine that slows down slows both.

mod against;
pub mod aggregation;
pub mod citations;
pub mod dataset;
mod operations;
mod report;
mod worker;
mod workload;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;
use xshell::{Shell, cmd};

use crate::python::absolute;
use report::{Report, Row};
use worker::{Contestant, Measured, Side, Yardstick};
use workload::{Shape, Subject, Workload};

/// What to measure, and with what.
#[derive(Debug, Args)]
pub struct Options {
    /// A Python with the packages of tests/reference/requirements.txt; without it, only this program is measured, and the
    /// benchmark's model must be there from an earlier run.
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    /// The model whose size is measured: marian-base, gpt2, opt-125m, bloom-560m, pythia-160m, qwen2-0.5b, qwen2-0.5b-bf16,
    /// qwen2-9m, qwen2-124m (of GPT-2's shape), tinyllama-1.1b (kept in bf16), t5-small or bart-base.
    #[arg(long, default_value = "marian-base", value_name = "NAME")]
    model: String,
    /// Measured runs of each side; at most three where one takes more than 5 seconds.
    #[arg(long, default_value_t = 7, value_name = "N")]
    runs: usize,
    /// Only the workload of this name, or those whose names contain it where none has it; may be given several times.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Threads of each side.
    #[arg(long, default_value_t = 2, value_name = "N")]
    threads: usize,
    /// Generate greedily with candle's models as well (marian-base, qwen2-0.5b and qwen2-124m).
    #[arg(long)]
    candle: bool,
    /// Run the programs of another commit in turn with this one's; only this program is measured.
    #[arg(long, value_name = "REV", conflicts_with_all = ["candle"])]
    against: Option<String>,
}

/// The release programs that are measured.
const PROGRAMS: [&str; 2] = ["inseq", "bench-worker"];

/// Runs the benchmark and writes `target/bench/MODEL.{json,md}`.
pub fn run(shell: &Shell, options: &Options) -> Result<()> {
    let folder = crate::root().join("target/bench");
    let model = folder.join(&options.model);
    let python = options.python.as_deref().map(absolute).transpose()?;
    make_model(shell, &options.model, &model, python.as_deref())?;
    // First the other commit: the folder of built programs keeps those of the last build.
    let against = options.against.as_deref().map(|revision| against::build(shell, revision, &PROGRAMS)).transpose()?;
    let programs = crate::programs::build(shell, &PROGRAMS)?;
    let subject = Subject::load(&model.join("bench.json"))?;
    let dtype = subject.dtype.clone();
    let candle = options.candle.then(|| candle(shell)).transpose()?;
    let bench = worker::Bench { model, python, threads: options.threads, dtype, programs, candle, against };

    let mut yardstick = Yardstick::start(&bench)?;
    let mut report = Report::new(shell, &bench, options.runs)?;
    for workload in chosen(workload::all(&subject), &options.only) {
        eprintln!("{} ...", workload.name);
        let row = measure(&bench, &subject.shape, &workload, options.runs, &mut yardstick)?;
        eprintln!("{}", row.summary());
        report.rows.push(row);
        // Saved after each, so that an interrupted run is not lost.
        report.save(&folder, &options.model)?;
    }
    println!("{}", report.markdown());
    Ok(())
}

/// The workloads that are asked for; all where none is.
fn chosen(all: Vec<Workload>, only: &[String]) -> Vec<Workload> {
    let is_name = |name: &str| all.iter().any(|workload| workload.name == name);
    let is_wanted = |workload: &Workload| {
        let mut wanted = only.iter();
        only.is_empty()
            || wanted
                .any(|name| if is_name(name) { workload.name == *name } else { workload.name.contains(name.as_str()) })
    };
    let wanted: Vec<bool> = all.iter().map(is_wanted).collect();
    all.into_iter().zip(wanted).filter_map(|(workload, wanted)| wanted.then_some(workload)).collect()
}

fn make_model(shell: &Shell, name: &str, model: &std::path::Path, python: Option<&std::path::Path>) -> Result<()> {
    if model.join("bench.json").is_file() {
        return Ok(());
    }
    let python =
        python.context("the benchmark's model is not there yet; give a Python that makes it, with --python")?;
    let demo = crate::root().join("crates/inseq-models/demo");
    cmd!(shell, "{python} xtask/bench/make_model.py {name} {model} {demo}").run()?;
    Ok(())
}

/// Builds the program that runs candle's models, for this machine's own instructions, as its documentation says.
fn candle(shell: &Shell) -> Result<PathBuf> {
    let target = crate::root().join("target/candle");
    let _flags = shell.push_env("RUSTFLAGS", "-C target-cpu=native");
    let build = "build --release --locked --manifest-path benches/candle/Cargo.toml --target-dir";
    crate::cargo(shell, build).arg(&target).run()?;
    Ok(target.join("release/candle-worker"))
}

/// Seconds from which one run is enough.
const ENOUGH: f64 = 60.0;

/// Seconds from which a few runs are enough, and how many.
const LONG: (f64, usize) = (5.0, 3);

fn measure(
    bench: &worker::Bench,
    shape: &Shape,
    workload: &Workload,
    runs: usize,
    yardstick: &mut Yardstick,
) -> Result<Row> {
    let is_counted = operations::count(shape, workload).is_some();
    let mut plain = Vec::new();
    let mut runs = runs;
    let mut contestants = vec![Contestant::Ours];
    if bench.against.is_some() {
        contestants.push(Contestant::Against);
    } else if bench.python.is_some() && workload.has_reference {
        contestants.push(Contestant::Reference);
    }
    let mut workload = workload.clone();
    if bench.candle.is_some() && workload.is_greedy_generation() {
        contestants.push(Contestant::Candle);
        workload.job.source_ids = worker::source_ids(bench, &workload.job)?;
    }
    let workload = &workload;
    let mut sides = contestants
        .iter()
        .map(|&one| Ok((Some(Side::start(bench, workload, one)?), Vec::new())))
        .collect::<Result<Vec<_>>>()?;
    let mut run = 0;
    while run <= runs {
        if is_counted {
            plain.push(yardstick.operations_per_second()?);
        }
        for (&contestant, (side, measured)) in contestants.iter().zip(&mut sides) {
            let Some(worker) = side.as_mut().filter(|_| !measured.iter().any(|one: &Measured| one.seconds > ENOUGH))
            else {
                continue;
            };
            let one = match worker.run(bench, workload) {
                // What the reference cannot do, with the packages that it has, is no reason to stop.
                Err(error) if contestant == Contestant::Reference && run == 0 => {
                    eprintln!("{}: the reference: {error}", workload.name);
                    *side = None;
                    continue;
                }
                one => one?,
            };
            // The first of each warms caches and thread pools up; what takes longer has no need of it.
            if one.seconds > LONG.0 {
                runs = runs.min(LONG.1);
            }
            if run > 0 || runs == 0 || one.seconds > ENOUGH {
                measured.push(one);
            }
        }
        run += 1;
    }
    let of = |contestant| {
        let place = contestants.iter().position(|&one| one == contestant);
        place.map(|place| sides[place].1.clone()).unwrap_or_default()
    };
    let measured = [Contestant::Ours, Contestant::Reference, Contestant::Candle, Contestant::Against].map(of);
    Ok(Row::new(shape, workload, &measured, plain))
}
