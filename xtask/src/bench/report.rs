//! The table.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;
use serde::Serialize;
use serde_json::Value;
use xshell::{Shell, cmd};

use super::operations;
use super::worker::{self, Bench, Measured};
use super::workload::{Shape, Workload};

/// The version that `benches/candle` takes.
const CANDLE: &str = "0.11";

/// All that was measured, and where.
#[derive(Debug, Serialize)]
pub struct Report {
    machine: String,
    cores: usize,
    threads: usize,
    runs: usize,
    rustc: String,
    commit: String,
    reference: Value,
    /// The commit whose programs are compared with.
    against: Option<String>,
    command_line: String,
    /// One for each workload.
    pub rows: Vec<Row>,
}

/// What was measured of a workload. Times in seconds, memory in bytes.
#[derive(Debug, Serialize)]
pub struct Row {
    workload: String,
    seconds: f64,
    reference_seconds: Option<f64>,
    ratio: Option<f64>,
    candle_seconds: Option<f64>,
    candle_ratio: Option<f64>,
    /// Largest difference of what candle makes.
    candle_difference: Option<f64>,
    /// What the programs of another commit took.
    against: Option<Against>,
    peak: Option<u64>,
    reference_peak: Option<u64>,
    /// Largest difference of aggregated scores, as a share of the largest score; of generated ids, 0 where all are the same.
    difference: Option<f64>,
    /// Operations per second, as a share of the plain product's.
    rate: Option<f64>,
    /// What the plain product reached before each run, in operations per second.
    plain: Vec<f64>,
    all_seconds: [Vec<f64>; 4],
}

/// What was measured of the programs of another commit.
#[derive(Debug, Serialize)]
struct Against {
    seconds: f64,
    /// Median over the pairs of runs of their time as a multiple of this program's: above 1, this one is faster.
    ratio: f64,
    peak: Option<u64>,
    /// Largest difference of scores, as a share of the largest score.
    difference: Option<f64>,
}

impl Row {
    /// Summarizes the runs of this program, of the reference, of candle and of another commit's programs.
    pub fn new(shape: &Shape, workload: &Workload, measured: &[Vec<Measured>; 4], plain: Vec<f64>) -> Self {
        let [ours, reference, candle, against] = measured;
        let all_seconds =
            [ours, reference, candle, against].map(|runs| runs.iter().map(|run| run.seconds).collect::<Vec<_>>());
        let seconds = median(&all_seconds[0]).unwrap_or(f64::NAN);
        let [reference_seconds, candle_seconds] = [1, 2].map(|of| median(&all_seconds[of]));
        let difference_from =
            |other: &[Measured]| ours.last().zip(other.last()).and_then(|(a, b)| difference(&a.scores, &b.scores));
        let peak = |runs: &[Measured]| runs.iter().filter_map(|run| run.peak).max();
        Self {
            workload: workload.name.clone(),
            seconds,
            reference_seconds,
            ratio: reference_seconds.map(|reference| reference / seconds),
            candle_seconds,
            candle_ratio: candle_seconds.map(|candle| candle / seconds),
            candle_difference: difference_from(candle),
            against: median(&all_seconds[3]).zip(median_ratio(&all_seconds[3], &all_seconds[0])).map(
                |(seconds, ratio)| Against {
                    seconds,
                    ratio,
                    peak: peak(against),
                    difference: difference_from(against),
                },
            ),
            peak: peak(ours),
            reference_peak: peak(reference),
            difference: difference_from(reference),
            rate: operations::count(shape, workload)
                .zip(median(&plain))
                .map(|(operations, plain)| operations / seconds / plain),
            plain,
            all_seconds,
        }
    }

    /// One line for whoever waits.
    pub fn summary(&self) -> String {
        if let Some(against) = &self.against {
            return format!("    {:.4} s, before {:.4} s, ratio {:.3}", self.seconds, against.seconds, against.ratio);
        }
        format!(
            "    {:.4} s, reference {} s, ratio {}",
            self.seconds,
            number(self.reference_seconds, 4),
            number(self.ratio, 1)
        )
    }
}

/// The middle value.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    Some(if values.len() % 2 == 1 { upper } else { (values[middle - 1] + upper) / 2.0 })
}

/// The median over the runs of one side's time as a multiple of the other's in the same round.
fn median_ratio(above: &[f64], below: &[f64]) -> Option<f64> {
    median(&above.iter().zip(below).map(|(above, below)| above / below).collect::<Vec<_>>())
}

/// The largest difference, as a share of the reference's largest score.
pub fn difference(ours: &[f64], reference: &[f64]) -> Option<f64> {
    let largest = reference.iter().fold(0.0f64, |a, b| a.max(b.abs()));
    (ours.len() == reference.len() && largest > 0.0)
        .then(|| ours.iter().zip(reference).fold(0.0f64, |a, (x, y)| a.max((x - y).abs())) / largest)
}

impl Report {
    /// The machine, the versions and the yardstick.
    pub fn new(shell: &Shell, bench: &Bench, runs: usize) -> Result<Self> {
        let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let machine = cpus
            .lines()
            .find_map(|line| line.strip_prefix("model name"))
            .map_or("unknown", |name| name.trim_start_matches([' ', '\t', ':']));
        Ok(Self {
            machine: machine.to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            threads: bench.threads,
            runs,
            rustc: cmd!(shell, "rustc --version").quiet().read()?,
            commit: cmd!(shell, "git rev-parse --short HEAD").quiet().ignore_stderr().read().unwrap_or_default(),
            reference: worker::reference_versions(bench)?,
            against: bench.against.as_ref().and_then(|folder| Some(folder.file_name()?.to_string_lossy().into_owned())),
            command_line: std::iter::once("cargo xtask".to_owned())
                .chain(std::env::args().skip(1))
                .collect::<Vec<_>>()
                .join(" "),
            rows: Vec::new(),
        })
    }

    /// Writes `MODEL.json` and `MODEL.md`.
    pub fn save(&self, folder: &Path, model: &str) -> Result<()> {
        std::fs::write(folder.join(format!("{model}.json")), serde_json::to_string_pretty(self)? + "\n")?;
        std::fs::write(folder.join(format!("{model}.md")), self.markdown())?;
        Ok(())
    }

    /// The table, with what one needs to know to repeat it.
    pub fn markdown(&self) -> String {
        let mut text = String::from(
            "| workload | this | reference | ratio | memory | of reference | difference | of a plain product's rate |\n\
             |---|---:|---:|---:|---:|---:|---:|---:|\n",
        );
        let mib = |bytes: Option<u64>| number(bytes.map(|bytes| bytes as f64 / f64::from(1 << 20)), 0);
        for row in &self.rows {
            let _ = writeln!(
                text,
                "| {} | {:.4} s | {} s | {}x | {} MiB | {} MiB | {} | {} |",
                row.workload,
                row.seconds,
                number(row.reference_seconds, 4),
                number(row.ratio, 1),
                mib(row.peak),
                mib(row.reference_peak),
                row.difference.map_or("-".into(), |difference| format!("{difference:.1e}")),
                row.rate.map_or("-".into(), |rate| format!("{:.0} %", rate * 100.0)),
            );
        }
        if let Some(commit) = &self.against {
            let _ = write!(
                text,
                "\n| workload | this | {commit} | ratio | memory | of {commit} | difference |\n\
                 |---|---:|---:|---:|---:|---:|---:|\n"
            );
        }
        for row in &self.rows {
            let Some(against) = &row.against else { continue };
            let _ = writeln!(
                text,
                "| {} | {:.4} s | {:.4} s | {:.3}x | {} MiB | {} MiB | {} |",
                row.workload,
                row.seconds,
                against.seconds,
                against.ratio,
                mib(row.peak),
                mib(against.peak),
                against.difference.map_or("-".into(), |difference| format!("{difference:.1e}")),
            );
        }
        for row in self.rows.iter().filter(|row| row.candle_seconds.is_some()) {
            let same = if row.candle_difference == Some(0.0) { "the same ids" } else { "other ids" };
            let _ = writeln!(
                text,
                "\nWith candle {CANDLE}, {}: {} s, {}x, {same}.",
                row.workload,
                number(row.candle_seconds, 4),
                number(row.candle_ratio, 1),
            );
        }
        let versions = match self.reference.as_object() {
            Some(versions) => {
                let words: Vec<String> =
                    versions.iter().filter_map(|(name, v)| v.as_str().map(|v| format!("{name} {v}"))).collect();
                words.join(", ")
            }
            None => "no reference".into(),
        };
        let plain = self.rows.iter().flat_map(|row| &row.plain).map(|rate| rate / 1e9);
        let (slowest, fastest) = plain.fold((f64::INFINITY, 0.0f64), |(a, b), x| (a.min(x), b.max(x)));
        let plain = match fastest > 0.0 {
            true => format!(
                "; a plain 1024x2048x2048 product, before each run, reached {slowest:.0} to {fastest:.0} GFLOP/s"
            ),
            false => String::new(),
        };
        let _ = write!(
            text,
            "\nMedians of interleaved runs after one to warm up, {} threads; {} with {} cores{plain}. {}; {versions}; \
             commit {}. `{}`\n",
            self.threads, self.machine, self.cores, self.rustc, self.commit, self.command_line,
        );
        text
    }
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or("-".into(), |value| format!("{value:.digits$}"))
}
