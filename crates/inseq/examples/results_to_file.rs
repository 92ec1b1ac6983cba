//! Attributions of many texts, written to a file one by one: memory does not grow with the number of texts.
//!
//! `cargo run --release -p inseq --features demo --example results_to_file -- scores.jsonl 2000`

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write as _};

use inseq::prelude::*;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().unwrap_or_else(|| "scores.jsonl".into());
    let count: usize = arguments.next().map_or(Ok(200), |count| count.parse())?;
    let model = AttributionModel::demo()?;
    let (subjects, ends) = (["doors", "nurses", "houses", "trees"], ["white", "late", "old", "tired", "small"]);
    let texts = (0..count).map(|i| format!("The {} are {}.", subjects[i % 4], ends[i / 4 % 5]));
    let request = AttributionRequest::new(texts).attribute_target(true).step_scores(["probability"]);
    let mut file = BufWriter::new(File::create(&path)?);
    // Texts come as they are done, with their index; granular scores go when the closure returns.
    model.attribute_each(&request, |index, sequence| -> Result<(), Box<dyn Error>> {
        let scores = sequence.aggregate()?;
        let tokens: Vec<&str> = scores.source.iter().map(|token| &*token.text).collect();
        let written: Vec<&str> = scores.target.iter().map(|token| &*token.text).collect();
        let source: Vec<f32> = scores.source_attributions.iter().flatten().copied().collect();
        writeln!(file, "{}", json!({ "text": index, "source": tokens, "target": written, "scores": source }))?;
        Ok(())
    })?;
    file.flush()?;
    println!("{count} texts in {path}{}", peak_memory().map_or(String::new(), |peak| format!(", peak memory {peak}")));
    Ok(())
}

/// The largest amount of memory that the process has had, where the system says so.
fn peak_memory() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().to_owned())
}
