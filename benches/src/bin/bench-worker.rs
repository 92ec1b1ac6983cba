//! This program as a worker of `cargo xtask bench`: one JSON line in, one out, as `xtask/bench/reference.py` speaks.
//!
//!     bench-worker MODEL_FOLDER THREADS DTYPE

#![deny(unsafe_code)]

use std::io::{BufRead as _, Write as _};
use std::time::Instant;

use anyhow::{Context as _, Result};
use burn::tensor::{DType, Distribution, Tensor};
use inseq_methods::citations::{CitationRequest, ContextCite, Document, PromptTemplate, Slot};
use inseq_methods::{AttributionModel, AttributionRequest, ContextRequest, LoadOptions};
use inseq_models::tokenizer::Role;
use serde::Deserialize;
use serde_json::{Map, Value, json};

// As in the `inseq` program, which this stands for.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Keeps freed memory: the tensors of the next layer go where those of the last one were. Pages that went back to the
/// system would have to be cleared again, which can take as long as the products.
#[expect(unsafe_code, reason = "an option of the allocator can only be set through its C interface")]
fn keep_freed_memory() {
    // `mi_option_purge_delay` of mimalloc 2 and 3, in milliseconds.
    const PURGE_DELAY: i32 = 15;
    // SAFETY: setting a known option to a value in its range has no other effect, and may happen at any time.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, -1) };
}

#[derive(Deserialize)]
struct Job {
    task: String,
    source: Vec<String>,
    target: Vec<String>,
    context: String,
    arguments: Map<String, Value>,
    own_arguments: Map<String, Value>,
    new_tokens: usize,
    num_beams: usize,
}

fn main() -> Result<()> {
    keep_freed_memory();
    let folder = std::env::args().nth(1).context("give the model's folder")?;
    let dtype = match std::env::args().nth(3).as_deref() {
        None | Some("float32") => DType::F32,
        Some("float16") => DType::F16,
        Some("bfloat16") => DType::BF16,
        Some(other) => anyhow::bail!("there is no type `{other}`"),
    };
    let options = LoadOptions::default().device("flex").dtype(dtype);
    let model = AttributionModel::load_with(&folder, &options)?;
    let mut output = std::io::stdout().lock();
    writeln!(output, "{}", json!({"ready": true}))?;
    output.flush()?;
    for line in std::io::stdin().lock().lines() {
        let job: Job = serde_json::from_str(&line?)?;
        let answer = run(&model, &job).unwrap_or_else(|error| json!({"error": error.to_string()}));
        writeln!(output, "{answer}")?;
        output.flush()?;
    }
    Ok(())
}

fn run(model: &AttributionModel, job: &Job) -> Result<Value> {
    match job.task.as_str() {
        "matmul" => matmul(model),
        // For those who have no tokenizer.
        "encode" => {
            let text = job.source.first().context("there is no text")?;
            Ok(json!({"seconds": 0.0, "scores": model.encode(text, Role::Source, true)?}))
        }
        "context_cite" => cite(model, job),
        "generate" => {
            let arguments = Map::from_iter(
                [("num_beams", job.num_beams), ("max_new_tokens", job.new_tokens), ("min_new_tokens", job.new_tokens)]
                    .map(|(name, value)| (name.to_owned(), json!(value))),
            );
            let started = Instant::now();
            let ids = model.generate_token_ids(&job.source, &arguments)?;
            Ok(json!({"seconds": started.elapsed().as_secs_f64(), "scores": ids.first()}))
        }
        "attribute_context" => attribute_context(model, job),
        method => {
            let mut request = AttributionRequest::new(&job.source)
                .generated_texts(&job.target)
                .method(method)
                .batch_size(Some(job.source.len()));
            for (name, value) in job.arguments.iter().chain(&job.own_arguments) {
                request = request.attribution_argument(name, value.clone());
            }
            let started = Instant::now();
            let result = model.attribute(&request)?;
            let seconds = started.elapsed().as_secs_f64();
            let first = result.sequences.first().context("there is no text")?.aggregate()?;
            let scores = first.source_attributions.or(first.target_attributions);
            let scores: Vec<f32> = scores.into_iter().flatten().map(|x| if x.is_nan() { 0.0 } else { x }).collect();
            Ok(json!({"seconds": seconds, "scores": scores}))
        }
    }
}

/// Cites passages, with the subsets of the job.
fn cite(model: &AttributionModel, job: &Job) -> Result<Value> {
    let question = job.arguments["question"].as_str().context("there is no question")?.to_owned();
    let masks = serde_json::from_value(job.arguments["masks"].clone())?;
    let answer = job.target.first().context("there is no answer")?;
    let started = Instant::now();
    let documents = job.source.iter().map(|text| Document::new("passage", text)).collect();
    let slots = [("documents", Slot::Documents(documents)), ("question", Slot::Fixed(question))];
    let sources = PromptTemplate::parse(PromptTemplate::QUESTION)?.fill(slots)?;
    let method = ContextCite { masks: Some(masks), ..ContextCite::default() };
    let request = CitationRequest::new(sources).answer(answer).plain(true).contextless_answer(false).method(method);
    let citations = model.cite(&request)?;
    let seconds = started.elapsed().as_secs_f64();
    let sentence = citations.sentences.first().context("the answer has no sentence")?;
    let scores: Vec<f64> = sentence.scores.iter().map(|source| source.score).collect();
    Ok(json!({"seconds": seconds, "scores": scores}))
}

/// The sensitivity of the output, and after it the scores of the context for each selected token, in the order of the output.
fn attribute_context(model: &AttributionModel, job: &Job) -> Result<Value> {
    let request = ContextRequest::new(job.source.first().context("there is no text")?)
        .input_context_text(job.context.clone())
        .output_current_text(job.target.first().context("there is no output")?.clone());
    let started = Instant::now();
    let mut found = model.attribute_context(&request)?;
    let seconds = started.elapsed().as_secs_f64();
    found.cci_scores.sort_by_key(|cues| cues.cti_idx);
    let cues = found.cci_scores.into_iter().filter_map(|cues| cues.input_context_scores).flatten();
    let scores: Vec<f32> = found.cti_scores.into_iter().chain(cues).collect();
    Ok(json!({"seconds": seconds, "scores": scores}))
}

/// The median time of a 1024 x 2048 x 2048 product on the model's device.
fn matmul(model: &AttributionModel) -> Result<Value> {
    let device = model.device();
    let left = Tensor::<2>::random([1024, 2048], Distribution::Default, &device);
    let right = Tensor::<2>::random([2048, 2048], Distribution::Default, &device);
    let mut seconds: Vec<f64> = (0..21)
        .map(|_| {
            let started = Instant::now();
            let product = left.clone().matmul(right.clone());
            // Reading one value waits for devices that work on their own.
            let _ = product.slice([0..1, 0..1]).into_data();
            started.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    Ok(json!({"seconds": seconds[seconds.len() / 2]}))
}
