//! The processes that do the work.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde_json::{Value, json};

use super::workload::{Job, Workload};

/// Whose work is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contestant {
    /// This program.
    Ours,
    /// Python's inseq and transformers.
    Reference,
    /// candle's models, which generate only.
    Candle,
    /// This program at another commit.
    Against,
}

/// What all sides work with.
#[derive(Debug)]
pub struct Bench {
    /// The checkpoint.
    pub model: PathBuf,
    /// The reference's interpreter, where there is one.
    pub python: Option<PathBuf>,
    /// Threads of each side.
    pub threads: usize,
    /// The type that weights are kept in, by PyTorch's name.
    pub dtype: String,
    /// The folder of the release programs.
    pub programs: PathBuf,
    /// The program that runs candle's models, where they are compared with.
    pub candle: Option<PathBuf>,
    /// The folder of the release programs of another commit, where they are compared with.
    pub against: Option<PathBuf>,
}

impl Bench {
    /// A release program, of this commit or of the other one.
    fn program(&self, contestant: Contestant, name: &str) -> Result<Command> {
        let folder = match contestant {
            Contestant::Against => self.against.as_ref().context("another commit needs --against")?,
            _ => &self.programs,
        };
        Ok(Command::new(folder.join(name)))
    }
}

/// One run.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// Time of the call; of the whole process where that is measured.
    pub seconds: f64,
    /// The most memory that the process has held so far, in bytes; `None` where the system does not tell.
    pub peak: Option<u64>,
    /// Aggregated source scores of the first text.
    pub scores: Vec<f64>,
}

/// A worker of one side, or the recipe of its whole process.
pub enum Side {
    /// A process that stays and takes jobs.
    Worker(Worker),
    /// A program that is started anew each time.
    Process(Contestant),
}

impl Side {
    /// Starts what a workload needs.
    pub fn start(bench: &Bench, workload: &Workload, contestant: Contestant) -> Result<Self> {
        if workload.is_process() {
            Ok(Self::Process(contestant))
        } else {
            Worker::start(bench, contestant).map(Self::Worker)
        }
    }

    /// Does the workload once.
    pub fn run(&mut self, bench: &Bench, workload: &Workload) -> Result<Measured> {
        match self {
            Self::Worker(worker) => worker.run(&workload.job),
            Self::Process(contestant) => process(bench, &workload.job, *contestant),
        }
    }
}

/// A process that takes a job a line and answers a line.
pub struct Worker {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// What it said of itself when it was ready.
    pub ready: Value,
}

impl Worker {
    /// Starts a worker, and waits until it has loaded the model.
    pub fn start(bench: &Bench, contestant: Contestant) -> Result<Self> {
        let mut command = match contestant {
            Contestant::Ours | Contestant::Against => bench.program(contestant, "bench-worker")?,
            Contestant::Reference => {
                let mut command = Command::new(bench.python.as_ref().context("the reference needs --python")?);
                command.arg(crate::root().join("xtask/bench/reference.py"));
                command
            }
            Contestant::Candle => Command::new(bench.candle.as_ref().context("candle needs --candle")?),
        };
        command.arg(&bench.model).arg(bench.threads.to_string()).arg(&bench.dtype);
        Self::spawn(command, bench.threads)
    }

    /// Starts a program, and waits until it is ready.
    pub fn spawn(mut command: Command, threads: usize) -> Result<Self> {
        limit_threads(&mut command, threads);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = child.stdin.take().context("no standard input")?;
        let output = BufReader::new(child.stdout.take().context("no standard output")?);
        let mut worker = Self { child, input, output, ready: Value::Null };
        worker.ready = worker.answer()?;
        Ok(worker)
    }

    /// Does a job.
    pub fn run(&mut self, job: &impl Serialize) -> Result<Measured> {
        writeln!(self.input, "{}", serde_json::to_string(job)?)?;
        let answer = self.answer()?;
        let scores = answer["scores"].as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
        let seconds = answer["seconds"].as_f64().context("the worker does not say how long it took")?;
        Ok(Measured { seconds, peak: peak_of(self.child.id()), scores })
    }

    fn answer(&mut self) -> Result<Value> {
        let mut line = String::new();
        anyhow::ensure!(self.output.read_line(&mut line)? > 0, "the worker has stopped; see above for why");
        let answer: Value = serde_json::from_str(&line).with_context(|| format!("the worker said {line:?}"))?;
        if let Some(error) = answer["error"].as_str() {
            anyhow::bail!("the worker failed: {error}");
        }
        Ok(answer)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A whole process, from its start to the page it writes. Both sides take the same command line.
fn process(bench: &Bench, job: &Job, contestant: Contestant) -> Result<Measured> {
    let is_reference = contestant == Contestant::Reference;
    let page = bench.model.with_file_name(match contestant {
        Contestant::Reference => "reference.html",
        Contestant::Against => "against.html",
        _ => "inseq.html",
    });
    let mut command = if is_reference {
        let mut command = Command::new(bench.python.as_ref().context("the reference needs --python")?);
        command.args(["-m", "inseq.commands.cli"]).env("HF_HUB_OFFLINE", "1");
        command
    } else {
        bench.program(contestant, "inseq")?
    };
    limit_threads(&mut command, bench.threads);
    command.arg("attribute").arg("-m").arg(&bench.model);
    command.arg("-i").args(&job.source).arg("-g").args(&job.target);
    if bench.dtype != "float32" {
        command.arg("--model_kwargs").arg(json!({ "dtype": bench.dtype }).to_string());
    }
    command.args(["--device", "cpu", "--hide", "--viz_path"]).arg(&page);
    let measured = watched(command.stdout(Stdio::null()).stderr(Stdio::null()))?;
    anyhow::ensure!(Path::new(&page).is_file(), "{command:?} wrote no page");
    Ok(measured)
}

/// Runs a program to its end.
pub fn watched(command: &mut Command) -> Result<Measured> {
    let started = Instant::now();
    let mut child = command.spawn()?;
    let mut peak = None;
    // The peak is gone with the process, so it is looked at while that runs.
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        peak = peak_of(child.id()).max(peak);
        std::thread::sleep(std::time::Duration::from_millis(2));
    };
    let seconds = started.elapsed().as_secs_f64();
    anyhow::ensure!(status.success(), "{command:?} ended with {status}");
    Ok(Measured { seconds, peak, scores: Vec::new() })
}

/// Limits the threads of a program of either side.
pub fn limit_threads(command: &mut Command, threads: usize) {
    for variable in ["RAYON_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"] {
        command.env(variable, threads.to_string());
    }
}

/// The most memory that a process has held so far, in bytes, as Linux tells it.
fn peak_of(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

/// A worker of this program that does plain products: the yardstick of what the device reaches at the time.
pub struct Yardstick(Worker);

/// Floating-point operations of the plain product.
const PLAIN_PRODUCT: f64 = 2.0 * 1024.0 * 2048.0 * 2048.0;

impl Yardstick {
    /// Starts the worker.
    pub fn start(bench: &Bench) -> Result<Self> {
        Worker::start(bench, Contestant::Ours).map(Self)
    }

    /// Operations per second of a plain 1024 x 2048 x 2048 product.
    pub fn operations_per_second(&mut self) -> Result<f64> {
        let job = Job { task: "matmul", ..Job::default() };
        Ok(PLAIN_PRODUCT / self.0.run(&job)?.seconds)
    }
}

/// The ids of a job's first text, by this program's tokenizer.
pub fn source_ids(bench: &Bench, job: &Job) -> Result<Vec<u32>> {
    let job = Job { task: "encode", source: job.source.clone(), ..Job::default() };
    Ok(Worker::start(bench, Contestant::Ours)?.run(&job)?.scores.iter().map(|&id| id as u32).collect())
}

/// What the reference says of its versions.
pub fn reference_versions(bench: &Bench) -> Result<Value> {
    match bench.python {
        Some(_) => Ok(Worker::start(bench, Contestant::Reference)?.ready.clone()),
        None => Ok(json!(null)),
    }
}
