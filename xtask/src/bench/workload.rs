//! What is measured.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;

/// Source and target texts by the number of source tokens.
#[derive(Debug)]
pub struct Texts(BTreeMap<usize, [String; 2]>);

impl Texts {
    /// Reads what the script that made the model wrote beside it.
    pub fn load(path: &Path) -> Result<Self> {
        let json = std::fs::read(path).with_context(|| format!("{}", path.display()))?;
        let texts: BTreeMap<String, [String; 2]> = serde_json::from_slice(&json)?;
        let texts = texts.into_iter().map(|(length, pair)| Ok((length.parse()?, pair)));
        Ok(Self(texts.collect::<Result<_>>()?))
    }
}

/// One thing that is measured, as a worker is told it.
#[derive(Clone, Debug, Serialize)]
pub struct Job {
    /// What to do: a method's name, `generate`, `matmul`, or `command` for a whole process.
    pub task: &'static str,
    /// Input texts.
    pub source: Vec<String>,
    /// Texts to attribute; not used by `generate`.
    pub target: Vec<String>,
    /// Points of integrated gradients.
    pub n_steps: usize,
    /// Length of what is generated.
    pub new_tokens: usize,
}

/// A job with its place in the table.
#[derive(Debug)]
pub struct Workload {
    /// Its name in the table.
    pub name: String,
    /// The job.
    pub job: Job,
    /// Source and target tokens of each text, each with its end-of-sequence token and without the decoder start.
    pub lengths: (usize, usize),
    /// Whether the reference is measured as well.
    pub has_reference: bool,
    /// Whether a run of the reference takes minutes.
    pub takes_minutes: bool,
}

impl Workload {
    /// Whether it is a process from start to end, rather than a call within one.
    pub fn is_process(&self) -> bool {
        self.job.task == "command"
    }
}

/// The lengths that the targets of this project are stated for.
const LENGTHS: (usize, usize) = (26, 20);

/// Everything that is measured, in the order of the table.
pub fn all(texts: &Texts) -> Vec<Workload> {
    let Some([source, target]) = texts.0.get(&LENGTHS.0) else { return Vec::new() };
    let job = |task, copies| Job {
        task,
        source: vec![source.clone(); copies],
        target: vec![target.clone(); copies],
        n_steps: 50,
        new_tokens: LENGTHS.1,
    };
    let workload = |name: &str, job: Job| Workload {
        name: name.to_owned(),
        job,
        lengths: LENGTHS,
        has_reference: true,
        takes_minutes: false,
    };
    let mut all = vec![
        workload("saliency", job("saliency", 1)),
        workload("input_x_gradient", job("input_x_gradient", 1)),
        Workload { takes_minutes: true, ..workload("integrated_gradients, 50 steps", job("integrated_gradients", 1)) },
        workload("generation, 4 beams", job("generate", 1)),
        workload("whole process, to HTML", job("command", 1)),
        workload("saliency, batch of 8", job("saliency", 8)),
    ];
    for (&length, [source, target]) in texts.0.range(LENGTHS.0 + 1..) {
        all.push(Workload {
            name: format!("saliency, {length} tokens"),
            job: Job { source: vec![source.clone()], target: vec![target.clone()], ..job("saliency", 1) },
            lengths: (length, length),
            has_reference: false,
            takes_minutes: false,
        });
    }
    all
}
