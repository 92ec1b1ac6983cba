//! candle's models as a worker of `cargo xtask bench --candle`: greedy generation, one JSON line in, one out.
//!
//!     candle-worker MODEL_FOLDER THREADS DTYPE
//!
//! The texts' ids come with the job.

#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::io::{BufRead as _, Write as _};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use candle_core::{DType, Device, Tensor, safetensors};
use candle_nn::VarBuilder;
use candle_transformers::models::{marian, qwen2};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Job {
    task: String,
    source_ids: Vec<u32>,
    new_tokens: usize,
    num_beams: usize,
}

enum Model {
    Marian(Box<marian::MTModel>, marian::Config),
    Qwen2(qwen2::ModelForCausalLM, u32),
}

impl Model {
    fn load(folder: &Path) -> Result<Self> {
        let mut config: Value = serde_json::from_slice(&std::fs::read(folder.join("config.json"))?)?;
        let tensors: HashMap<String, Tensor> = safetensors::load(folder.join("model.safetensors"), &Device::Cpu)?;
        match config["model_type"].as_str() {
            Some("marian") => {
                // What transformers' newer configurations leave to its generation configuration, or out.
                for (name, value) in [("use_cache", json!(true)), ("forced_eos_token_id", config["eos_token_id"].clone())] {
                    if config[name].is_null() {
                        config[name] = value;
                    }
                }
                let mut tensors = tensors;
                let config: marian::Config = serde_json::from_value(config)?;
                let vocabulary = config.decoder_vocab_size.unwrap_or(config.vocab_size);
                // Zeros, where it is not stored.
                if !tensors.contains_key("final_logits_bias") {
                    tensors.insert("final_logits_bias".into(), Tensor::zeros((1, vocabulary), DType::F32, &Device::Cpu)?);
                }
                let weights = VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
                Ok(Self::Marian(Box::new(marian::MTModel::new(&config, weights)?), config))
            }
            Some("qwen2") => {
                let eos = config["eos_token_id"].as_u64().context("config.json has no `eos_token_id`")?;
                let theta = config["rope_parameters"]["rope_theta"].clone();
                for (name, value) in [("rope_theta", theta), ("sliding_window", config["max_position_embeddings"].clone())] {
                    if config[name].is_null() {
                        config[name] = value;
                    }
                }
                let weights = VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
                Ok(Self::Qwen2(qwen2::ModelForCausalLM::new(&serde_json::from_value(config)?, weights)?, eos as u32))
            }
            other => bail!("there is no comparison with candle for {other:?}"),
        }
    }

    /// Greedily generated ids, with what they start from: as many as asked for, the end of the text at no earlier place.
    fn generate(&mut self, source: &[u32], count: usize) -> Result<Vec<u32>> {
        match self {
            Self::Marian(model, config) => {
                model.reset_kv_cache();
                let hidden = model.encoder().forward(&Tensor::new(source, &Device::Cpu)?.unsqueeze(0)?, 0)?;
                let mut ids = vec![config.decoder_start_token_id];
                for step in 0..count {
                    let input = Tensor::new(&ids[step..], &Device::Cpu)?.unsqueeze(0)?;
                    let logits = model.decode(&input, &hidden, step)?;
                    let never = [config.pad_token_id, config.eos_token_id];
                    let last = step + 1 == count;
                    ids.push(if last { config.forced_eos_token_id } else { best(&logits, &never)? });
                }
                Ok(ids)
            }
            Self::Qwen2(model, eos) => {
                model.clear_kv_cache();
                let mut ids = source.to_vec();
                let mut read = 0;
                for _ in 0..count {
                    let logits = model.forward(&Tensor::new(&ids[read..], &Device::Cpu)?.unsqueeze(0)?, read)?;
                    read = ids.len();
                    ids.push(best(&logits, &[*eos])?);
                }
                Ok(ids)
            }
        }
    }
}

/// The most likely id of the last position that is not one of `never`.
fn best(logits: &Tensor, never: &[u32]) -> Result<u32> {
    let logits = logits.flatten_all()?.to_vec1::<f32>()?;
    let allowed = logits.iter().enumerate().filter(|(id, _)| !never.contains(&(*id as u32)));
    let (id, _) = allowed.max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(&a.0))).context("there are no logits")?;
    Ok(id as u32)
}

fn main() -> Result<()> {
    let folder = std::env::args().nth(1).context("give the model's folder")?;
    let dtype = std::env::args().nth(3).unwrap_or_default();
    ensure!(dtype == "float32", "candle is compared with in float32, not in {dtype}");
    let mut model = Model::load(Path::new(&folder))?;
    let mut output = std::io::stdout().lock();
    writeln!(output, "{}", json!({"ready": true}))?;
    output.flush()?;
    for line in std::io::stdin().lock().lines() {
        let job: Job = serde_json::from_str(&line?)?;
        let answer = run(&mut model, &job).unwrap_or_else(|error| json!({"error": format!("{error:#}")}));
        writeln!(output, "{answer}")?;
        output.flush()?;
    }
    Ok(())
}

fn run(model: &mut Model, job: &Job) -> Result<Value> {
    ensure!(job.task == "generate" && job.num_beams == 1, "candle generates greedily");
    let started = Instant::now();
    let ids = model.generate(&job.source_ids, job.new_tokens)?;
    Ok(json!({"seconds": started.elapsed().as_secs_f64(), "scores": ids}))
}
