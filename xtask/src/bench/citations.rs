//! `cargo xtask bench-citations`: time and memory of `inseq cite` with a long prompt.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use clap::Args;
use xshell::Shell;

use super::make_model;
use super::worker::{Measured, limit_threads, watched};
use super::workload::Subject;
use crate::python::absolute;

/// What to measure, and with what.
#[derive(Debug, Args)]
pub struct Options {
    /// A Python with the packages of tests/reference/requirements.txt, which makes the model; not needed if the model is there.
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    /// The model: qwen2-0.5b-bf16, or another decoder of `cargo xtask bench`.
    #[arg(long, default_value = "qwen2-0.5b-bf16", value_name = "NAME")]
    model: String,
    /// Number of documents.
    #[arg(long, default_value_t = 40, value_name = "N")]
    documents: usize,
    /// Tokens of each document.
    #[arg(long, default_value_t = 200, value_name = "N")]
    tokens: usize,
    /// Tokens of the answer.
    #[arg(long, default_value_t = 100, value_name = "N")]
    answer: usize,
    /// Let the model write the answer.
    #[arg(long)]
    generate: bool,
    /// Flags of a run, such as "--method leave_one_out --screen 5"; may be given several times.
    #[arg(long, value_name = "FLAGS", allow_hyphen_values = true)]
    #[arg(default_values = ["--method gradient", "--method attention", "--method leave_one_out --screen 5"])]
    run: Vec<String>,
    /// The memory budget of a run.
    #[arg(long, default_value = "3GiB", value_name = "SIZE")]
    memory_budget: String,
    /// Threads.
    #[arg(long, default_value_t = 2, value_name = "N")]
    threads: usize,
    /// Only print what the methods would take.
    #[arg(long)]
    dry_run: bool,
    /// The program; without it, the release program is built.
    #[arg(long, value_name = "PATH")]
    program: Option<PathBuf>,
}

/// Tokens of a sentence of the answer.
const SENTENCE: usize = 20;

/// Words of the tokenizer of the model.
const WORDS: usize = 100;

/// Runs `inseq cite`, and writes `target/bench/citations-MODEL.md`.
pub fn run(shell: &Shell, options: &Options) -> Result<()> {
    let folder = crate::root().join("target/bench");
    let model = folder.join(&options.model);
    let python = options.python.as_deref().map(absolute).transpose()?;
    make_model(shell, &options.model, &model, python.as_deref())?;
    let dtype = Subject::load(&model.join("bench.json"))?.dtype;
    let program = match &options.program {
        Some(program) => absolute(program)?,
        None => crate::programs::build(shell, &["inseq"])?.join("inseq"),
    };
    let documents = written(&folder.join("documents"), options)?;
    let cite = |flags: &[&str]| {
        let mut command = Command::new(&program);
        limit_threads(&mut command, options.threads);
        command.arg("cite").arg("-m").arg(&model).args(["--device", "cpu", "--plain", "--skip-contextless-answer"]);
        command.args(["--dtype", if dtype == "bfloat16" { "bf16" } else { "f32" }]);
        command.args(["--memory-budget", &options.memory_budget, "--template", "{documents} {question}"]);
        command.args(["--separator", " ", "--question", &text(50, 11, 10), "--documents"]).args(&documents);
        match options.generate {
            true => {
                let length = options.answer;
                let new = format!("{{\"max_new_tokens\": {length}, \"min_new_tokens\": {length}}}");
                command.args(["--generation-kwargs", &new]);
            }
            false => {
                command.args(["--answer", &text(30, 13, options.answer)]);
            }
        }
        command.args(flags);
        command
    };
    watched(&mut cite(&["--dry-run"]))?;
    if options.dry_run {
        return Ok(());
    }
    let weights = weights(&model)?;
    let mut table = format!(
        "{} documents of {} tokens, an answer of {} tokens, {}, a memory budget of {}; {:.2} GiB of weights.\n\n\
         | flags | seconds | peak | beside the weights |\n|---|---:|---:|---:|\n",
        options.documents,
        options.tokens,
        options.answer,
        options.model,
        options.memory_budget,
        gib(weights)
    );
    for flags in &options.run {
        let mut command = cite(&flags.split_whitespace().collect::<Vec<_>>());
        let Measured { seconds, peak, .. } = watched(command.stdout(Stdio::null()))?;
        let peak = peak.context("the system does not tell how much memory a process holds")?;
        let beside = gib(peak.saturating_sub(weights));
        let row = format!("| `{flags}` | {seconds:.0} | {:.2} GiB | {beside:.2} GiB |", gib(peak));
        eprintln!("{row}");
        let _ = writeln!(table, "{row}");
    }
    println!("{table}");
    Ok(std::fs::write(folder.join(format!("citations-{}.md", options.model)), table)?)
}

/// Writes the documents, each in a file.
fn written(folder: &Path, options: &Options) -> Result<Vec<PathBuf>> {
    std::fs::create_dir_all(folder)?;
    let each = (0..options.documents).map(|document| {
        let path = folder.join(format!("{document:03}.txt"));
        std::fs::write(&path, text(document * 17, 7 + 2 * (document % 3), options.tokens))?;
        Ok(path)
    });
    each.collect()
}

/// A text of so many tokens, in sentences.
fn text(first: usize, step: usize, tokens: usize) -> String {
    let word = |place: usize| {
        let end = if (place + 1).is_multiple_of(SENTENCE) || place + 1 == tokens { "!" } else { "" };
        format!("word{}{end}", (first + place * step) % WORDS)
    };
    (0..tokens).map(word).collect::<Vec<_>>().join(" ")
}

/// Size of the files with weights, in bytes.
fn weights(model: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(model)? {
        let entry = entry?;
        if entry.path().extension().is_some_and(|extension| extension == "safetensors") {
            bytes += entry.metadata()?.len();
        }
    }
    Ok(bytes)
}

fn gib(bytes: u64) -> f64 {
    bytes as f64 / (1u64 << 30) as f64
}
