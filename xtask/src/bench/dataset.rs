//! `cargo xtask bench-dataset`: `inseq attribute-dataset` on many texts: memory, kills, cost per text, several processes, and the
//! reference beside it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Seek as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Args, ValueEnum};
use xshell::{Shell, cmd};

use crate::python::absolute;

mod cluster;

/// What to measure, and with what.
#[derive(Debug, Args)]
pub struct Options {
    /// Only these measurements.
    #[arg(long, value_enum, num_args = 1..)]
    only: Vec<Part>,
    /// Texts of `memory` and `kills`.
    #[arg(long, default_value_t = 20_000, value_name = "N")]
    rows: usize,
    /// Kills in one run.
    #[arg(long, default_value_t = 50, value_name = "N")]
    kills: u32,
    /// Texts of `cost` and `reference`, and a tenth of those of `processes` and `cluster`.
    #[arg(long, default_value_t = 500, value_name = "N")]
    few: usize,
    /// Runs of each side, one after the other in turn.
    #[arg(long, default_value_t = 5, value_name = "N")]
    runs: usize,
    /// Seed of the moments of the kills.
    #[arg(long, default_value_t = 1, value_name = "SEED")]
    seed: u64,
    /// A Python with inseq and the `datasets` library; without it, `reference` is left out.
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    /// The program `inseq-cluster`, of `cargo build --release` in crates/inseq-cluster; without it, `cluster` is left out.
    #[arg(long, value_name = "PATH")]
    cluster: Option<PathBuf>,
    /// The program; without it, the release program is built.
    #[arg(long, value_name = "PATH")]
    program: Option<PathBuf>,
}

/// A measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Memory of the process over time.
    Memory,
    /// Random kills, each followed by the same command; the result is that of an uninterrupted run.
    Kills,
    /// Time per text beside `attribute` with the same batch size.
    Cost,
    /// Two processes with one thread each beside one.
    Processes,
    /// A cluster of two executors with one thread each beside one process.
    Cluster,
    /// Time and memory beside the reference.
    Reference,
}

struct Bench<'a> {
    options: &'a Options,
    program: PathBuf,
    folder: PathBuf,
}

/// A finished process.
struct Measured {
    seconds: f64,
    /// Resident memory in bytes, every tenth of a second.
    memory: Vec<u64>,
}

impl Measured {
    fn peak(&self) -> u64 {
        self.memory.iter().copied().max().unwrap_or(0)
    }
}

/// Runs the benchmark and prints its table.
pub fn run(shell: &Shell, options: &Options) -> Result<()> {
    let program = match &options.program {
        Some(program) => absolute(program)?,
        None => crate::programs::build(shell, &["inseq"])?.join("inseq"),
    };
    let folder = crate::root().join("target/bench/dataset");
    shell.remove_path(&folder)?;
    shell.create_dir(&folder)?;
    let bench = Bench { options, program, folder };
    let mut table = heading(shell)?;
    let is_wanted = |part| options.only.is_empty() || options.only.contains(&part);
    for part in Part::value_variants().iter().copied().filter(|part| is_wanted(*part)) {
        let found = match part {
            Part::Memory => bench.memory(),
            Part::Kills => bench.kills(),
            Part::Cost => bench.cost(),
            Part::Processes => bench.processes(),
            Part::Cluster => cluster::run(&bench),
            Part::Reference => bench.reference(),
        }?;
        eprintln!("{part:?}: {found}");
        writeln!(table, "| {part:?} | {found} |")?;
    }
    println!("{table}");
    std::fs::write(crate::root().join("target/bench/dataset.md"), table)?;
    Ok(())
}

fn heading(shell: &Shell) -> Result<String> {
    let processor = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processor = processor.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let rustc = cmd!(shell, "rustc --version").quiet().read()?;
    let commit = cmd!(shell, "git rev-parse --short HEAD").quiet().ignore_stderr().read().unwrap_or_default();
    let line: Vec<String> = std::env::args().skip(1).collect();
    Ok(format!(
        "{} with {cores} cores; {rustc}; commit {commit}; `cargo xtask {}`\n\n| measurement | found |\n|---|---|\n",
        processor.trim_start_matches([' ', '\t', ':']),
        line.join(" ")
    ))
}

impl Bench<'_> {
    /// The texts of a file, in words of the demo model.
    fn texts(count: usize) -> Vec<String> {
        let subjects = ["doors", "nurses", "houses", "trees", "tired nurses", "old houses"];
        let ends = ["white", "late", "old", "tired", "small", "white and the nurse said that she was late"];
        (0..count).map(|i| format!("The {} of the house are {}.", subjects[i % 6], ends[i / 6 % 6])).collect()
    }

    fn data(&self, count: usize) -> Result<PathBuf> {
        let path = self.folder.join(format!("{count}.jsonl"));
        let lines = Self::texts(count).into_iter().map(|text| format!("{}\n", serde_json::json!({ "text": text })));
        std::fs::write(&path, lines.collect::<String>())?;
        Ok(path)
    }

    /// A run into a folder.
    fn run(&self, data: &Path, results: &Path, more: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("attribute-dataset").arg("-d").arg(data).args(["-in", "text", "-o"]).arg(results).args(more);
        command
    }

    fn fresh(&self, name: &str) -> Result<PathBuf> {
        let folder = self.folder.join(name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        Ok(folder)
    }

    fn memory(&self) -> Result<String> {
        let data = self.data(self.options.rows)?;
        let results = self.fresh("memory")?;
        let measured = measure(self.run(&data, &results, &[]))?;
        let quarters: Vec<u64> = measured
            .memory
            .chunks(measured.memory.len().div_ceil(4).max(1))
            .map(|quarter| quarter.iter().copied().max().unwrap_or(0) >> 20)
            .collect();
        let (second, last) = (quarters.get(1).copied().unwrap_or(0), quarters.last().copied().unwrap_or(0));
        Ok(format!(
            "{} texts in {:.1} s; peak of each quarter of the time, MiB: {quarters:?}; last quarter / second {:.3}",
            self.options.rows,
            measured.seconds,
            last as f64 / second.max(1) as f64
        ))
    }

    fn kills(&self) -> Result<String> {
        let data = self.data(self.options.rows)?;
        let (whole, killed) = (self.fresh("whole")?, self.fresh("killed")?);
        let uninterrupted = measure(self.run(&data, &whole, &[]))?.seconds;
        let mut state = self.options.seed;
        let mut kills = 0;
        for _ in 0..self.options.kills {
            // The constants of Knuth's MMIX; the upper bits are the random ones.
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let share = (state >> 33) as f64 / f64::from(1u32 << 31);
            // On average each run does its share of the work, and some are killed before they begin.
            let delay = 2.0 * share * uninterrupted / f64::from(self.options.kills);
            let mut child = quiet(self.run(&data, &killed, &[])).spawn()?;
            std::thread::sleep(Duration::from_secs_f64(delay));
            kills += u32::from(child.try_wait()?.is_none());
            child.kill()?;
            child.wait()?;
        }
        measure(self.run(&data, &killed, &[]))?;
        let (expected, found) = (files(&whole)?, files(&killed)?);
        ensure!(expected.keys().eq(found.keys()), "the killed run has other files than the uninterrupted one");
        let same = expected.iter().filter(|(name, bytes)| found.get(*name) == Some(bytes)).count();
        ensure!(same == expected.len(), "{} of {} files differ", expected.len() - same, expected.len());
        Ok(format!(
            "{kills} kills while the program ran; {same} of {} files of results are equal byte for byte",
            expected.len()
        ))
    }

    fn cost(&self) -> Result<String> {
        let texts = Self::texts(self.options.few);
        let data = self.data(self.options.few)?;
        let batch = ["--batch-size", "32"];
        let mut seconds = [Vec::new(), Vec::new()];
        for _ in 0..self.options.runs {
            let results = self.fresh("cost")?;
            seconds[0].push(measure(self.run(&data, &results, &batch))?.seconds);
            let mut attribute = Command::new(&self.program);
            attribute.args(["attribute", "--hide"]).args(batch).arg("-i").args(&texts);
            seconds[1].push(measure(attribute)?.seconds);
        }
        let [ours, other] = seconds.map(median);
        Ok(format!("{} texts: {ours:.3} s, `attribute` {other:.3} s, ratio {:.3}", texts.len(), ours / other))
    }

    fn processes(&self) -> Result<String> {
        let data = self.data(self.options.rows.min(10 * self.options.few))?;
        let mut seconds = [Vec::new(), Vec::new()];
        for _ in 0..self.options.runs {
            let one = self.fresh("one")?;
            seconds[0].push(measure(threads(self.run(&data, &one, &[]), 1))?.seconds);
            let two = self.fresh("two")?;
            let started = Instant::now();
            let mut children = [(); 2].map(|()| quiet(threads(self.run(&data, &two, &[]), 1)).spawn());
            for child in &mut children {
                let child = child.as_mut().map_err(|error| anyhow::anyhow!("the program does not start: {error}"))?;
                ensure!(child.wait()?.success(), "a process failed");
            }
            seconds[1].push(started.elapsed().as_secs_f64());
            ensure!(files(&one)? == files(&two)?, "two processes wrote other results than one");
        }
        let [one, two] = seconds.map(median);
        Ok(format!("one process with one thread {one:.3} s, two {two:.3} s, ratio {:.3}", two / one))
    }

    fn reference(&self) -> Result<String> {
        let Some(python) = &self.options.python else { return Ok("left out, without --python".to_owned()) };
        let python = absolute(python)?;
        let data = self.data(self.options.few)?;
        let model = crate::root().join("crates/inseq-models/demo");
        let (mut seconds, mut peaks) = ([Vec::new(), Vec::new()], [0, 0]);
        for _ in 0..self.options.runs {
            let results = self.fresh("ours")?;
            let ours = measure(threads(self.run(&data, &results, &[]), 2))?;
            let mut command = Command::new(&python);
            command.args(["-m", "inseq.commands.cli", "attribute-dataset", "-d", "json", "--files"]).arg(&data);
            command.args(["-in", "text", "--hide", "-m"]).arg(&model).arg("-o").arg(self.folder.join("reference.json"));
            command.env("HF_HUB_OFFLINE", "1").env("HF_DATASETS_CACHE", self.folder.join("cache"));
            let reference = measure(threads(command, 2))?;
            for (side, measured) in [ours, reference].into_iter().enumerate() {
                peaks[side] = peaks[side].max(measured.peak());
                seconds[side].push(measured.seconds);
            }
        }
        let [ours, reference] = seconds.map(median);
        Ok(format!(
            "{} texts, two threads: {ours:.3} s and {} MiB; the reference {reference:.3} s and {} MiB; {:.1}x",
            self.options.few,
            peaks[0] >> 20,
            peaks[1] >> 20,
            reference / ours
        ))
    }
}

fn threads(mut command: Command, count: usize) -> Command {
    for variable in ["RAYON_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"] {
        command.env(variable, count.to_string());
    }
    command
}

fn quiet(mut command: Command) -> Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Runs a command to its end.
fn measure(command: Command) -> Result<Measured> {
    let shown = format!("{:?}", command.get_program());
    let started = Instant::now();
    let mut said = tempfile::tempfile()?;
    let mut child =
        quiet(command).stderr(said.try_clone()?).spawn().with_context(|| format!("{shown} does not start"))?;
    let mut memory = Vec::new();
    let mut last = None;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if last.is_none_or(|last: Instant| last.elapsed() >= Duration::from_millis(100)) {
            last = Some(Instant::now());
            memory.extend(resident(&child));
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    if !status.success() {
        said.rewind()?;
        bail!("{shown} failed: {status}\n{}", std::io::read_to_string(said)?);
    }
    Ok(Measured { seconds: started.elapsed().as_secs_f64(), memory })
}

/// Resident memory of a process in bytes, on Linux.
fn resident(child: &Child) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? << 10)
}

/// The tables of a folder of results, by name.
fn files(results: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for table in ["sequences", "scores"] {
        for entry in std::fs::read_dir(results.join(table))? {
            let entry = entry?;
            files.insert(format!("{table}/{}", entry.file_name().to_string_lossy()), std::fs::read(entry.path())?);
        }
    }
    Ok(files)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
