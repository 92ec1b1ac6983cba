//! What is measured.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// What lies beside a benchmark's model.
#[derive(Debug, Deserialize)]
pub struct Subject {
    /// Its sizes.
    pub shape: Shape,
    /// The type that its weights are kept in, by PyTorch's name.
    #[serde(default = "float32")]
    pub dtype: String,
    texts: Vec<Text>,
    with_context: TextWithContext,
}

fn float32() -> String {
    "float32".into()
}

/// Sizes of a model.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Shape {
    /// Layers of the encoder; 0 where there is none.
    pub encoder_layers: u64,
    /// Layers of the decoder.
    pub decoder_layers: u64,
    /// Size of hidden states.
    pub width: u64,
    /// Size of all query heads together.
    pub heads_inner: u64,
    /// Size of all key heads together.
    pub key_value_inner: u64,
    /// Weights of a feed-forward block.
    pub feed_forward: u64,
    /// Tokens that the head scores.
    pub vocabulary: u64,
}

/// A text of known length.
#[derive(Clone, Debug, Deserialize)]
struct Text {
    source: String,
    target: String,
    lengths: (usize, usize),
}

/// A text of known length with a context.
#[derive(Clone, Debug, Deserialize)]
struct TextWithContext {
    context: String,
    current: String,
    output: String,
    /// Tokens of the context, of the current text, and of the output.
    lengths: (usize, usize, usize),
}

impl Subject {
    /// Reads what the script that made the model wrote beside it.
    pub fn load(path: &Path) -> Result<Self> {
        let json = std::fs::read(path).with_context(|| format!("{}", path.display()))?;
        serde_json::from_slice(&json).with_context(|| {
            format!("{}: written by another version of xtask/bench/make_model.py; remove its folder", path.display())
        })
    }
}

/// One measurement, in the form that a worker receives.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Job {
    /// What to do: a method's name, `attribute_context`, `generate`, `context_cite`, `matmul`, or `command` for a whole process.
    pub task: &'static str,
    /// Input texts; of `context_cite`, the passages of one.
    pub source: Vec<String>,
    /// The ids of the first, for who has no tokenizer.
    pub source_ids: Vec<u32>,
    /// Texts to attribute, or the answer; not used by `generate`.
    pub target: Vec<String>,
    /// The context of the first text; empty where a task takes none.
    pub context: String,
    /// Arguments of the method, the same for both sides.
    pub arguments: Map<String, Value>,
    /// Arguments that only this program has.
    pub own_arguments: Map<String, Value>,
    /// Length of what is generated.
    pub new_tokens: usize,
    /// Beams of the generation.
    pub num_beams: usize,
}

/// A job with its place in the table.
#[derive(Clone, Debug)]
pub struct Workload {
    /// Its name in the table.
    pub name: String,
    /// The job.
    pub job: Job,
    /// Source and target tokens of each text, each with its end-of-sequence token and without the decoder start; of a
    /// decoder-only model, the prompt's and those after it.
    pub lengths: (usize, usize),
    /// Whether the reference is measured as well.
    pub has_reference: bool,
}

impl Workload {
    /// Whether it is what candle is compared in.
    pub fn is_greedy_generation(&self) -> bool {
        self.job.task == "generate" && self.job.num_beams == 1
    }

    /// Whether it is a process from start to end, rather than a call within one.
    pub fn is_process(&self) -> bool {
        self.job.task == "command"
    }
}

/// A workload with arguments.
fn with(mut workload: Workload, arguments: Value) -> Workload {
    workload.job.arguments = arguments.as_object().cloned().unwrap_or_default();
    workload
}

/// A prompt whose attention the reference cannot keep.
const LONG: usize = 4096;

/// Words of the question of a text whose passages are cited.
const QUESTION: usize = 12;

/// Numbers of passages. The fewer there are, the more of the subsets are equal or begin with the same passages.
const PASSAGES: [usize; 3] = [4, 6, 10];

/// Subsets of the passages that are run.
const MASKS: usize = 64;

/// Citations of a text: its prompt in so many passages, with the last words as the question, and its continuation as the answer.
fn citing(text: &Text, count: usize) -> Job {
    let words: Vec<&str> = text.source.split(' ').collect();
    let (passages, question) = words.split_at(words.len().saturating_sub(QUESTION));
    let passages: Vec<String> =
        passages.chunks(passages.len().div_ceil(count).max(1)).map(|words| words.join(" ")).collect();
    // Both sides are given the same subsets, as each draws its own.
    let kept = |index: usize| (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).count_ones() % 2 == 1;
    let masks: Vec<Vec<bool>> = (0..MASKS)
        .map(|mask| (0..passages.len()).map(|source| kept(mask * passages.len() + source)).collect())
        .collect();
    Job {
        task: "context_cite",
        target: vec![text.target[text.source.len()..].trim().to_owned()],
        arguments: Map::from_iter([
            ("question".to_owned(), json!(question.join(" "))),
            ("masks".to_owned(), json!(masks)),
        ]),
        source: passages,
        ..Job::default()
    }
}

/// Everything that is measured of a model, in the order of the table.
pub fn all(subject: &Subject) -> Vec<Workload> {
    let Some((first, longer)) = subject.texts.split_first() else { return Vec::new() };
    let job = |task, text: &Text, copies| Job {
        task,
        source: vec![text.source.clone(); copies],
        source_ids: vec![],
        target: vec![text.target.clone(); copies],
        context: String::new(),
        arguments: Map::new(),
        own_arguments: Map::new(),
        new_tokens: text.lengths.1,
        num_beams: 1,
    };
    let of = |name: &str, text: &Text, job: Job| Workload {
        name: name.to_owned(),
        job,
        lengths: text.lengths,
        has_reference: true,
    };
    let workload = |name: &str, task, copies| of(name, first, job(task, first, copies));
    let mut beams = workload("generation, 4 beams", "generate", 1);
    beams.job.num_beams = 4;
    let mut all = vec![
        workload("saliency", "saliency", 1),
        workload("input_x_gradient", "input_x_gradient", 1),
        with(workload("integrated_gradients, 50 steps", "integrated_gradients", 1), json!({ "n_steps": 50 })),
        workload("generation, greedy", "generate", 1),
        beams,
        workload("whole process, to HTML", "command", 1),
    ];
    for method in ["deeplift", "gradient_shap", "layer_gradient_x_activation", "attention", "occlusion"] {
        all.push(workload(method, method, 1));
    }
    for (name, task, arguments) in [
        ("layer_integrated_gradients, 50 steps", "layer_integrated_gradients", json!({ "n_steps": 50 })),
        ("sequential_integrated_gradients, 10 steps", "sequential_integrated_gradients", json!({ "n_steps": 10 })),
        ("discretized_integrated_gradients, 50 steps", "discretized_integrated_gradients", json!({ "n_steps": 50 })),
        ("lime, 50 samples", "lime", json!({ "n_samples": 50 })),
        // The reference does this with transformers 4.57.6 (for T5 and BLOOM, with any).
        ("value_zeroing", "value_zeroing", json!({})),
        // Random weights never come to the method's end by themselves.
        ("reagent, 5 iterations", "reagent", json!({ "max_probe_steps": 5 })),
    ] {
        let mut workload = with(workload(name, task, 1), arguments);
        if task == "reagent" {
            workload.job.own_arguments.insert("replacements".to_owned(), json!("uniform"));
        }
        all.push(workload);
    }
    let has_encoder = subject.shape.encoder_layers > 0;
    if has_encoder {
        all.push(workload("saliency, batch of 8", "saliency", 8));
    }
    for text in longer {
        let (source, target) = text.lengths;
        if !has_encoder && source < LONG {
            all.extend(PASSAGES.map(|count| of(&format!("context_cite, {count} passages"), text, citing(text, count))));
        }
        all.push(Workload {
            // The reference takes minutes for one of these, and keeps all attention of the longest.
            has_reference: !has_encoder && source < LONG,
            ..of(&format!("saliency, {source} + {target} tokens"), text, job("saliency", text, 1))
        });
    }
    let TextWithContext { context, current, output, lengths } = &subject.with_context;
    let (of_context, of_current, of_output) = *lengths;
    all.push(Workload {
        name: format!("attribute_context, {of_context} + {of_current} + {of_output} tokens"),
        job: Job {
            task: "attribute_context",
            source: vec![current.clone()],
            target: vec![output.clone()],
            context: context.clone(),
            ..Job::default()
        },
        lengths: (of_context + of_current, of_output),
        has_reference: true,
    });
    all
}
