//! `inseq info`: what a saved result holds.

use std::path::PathBuf;

use clap::Args;
use comfy_table::{Table, presets};
use inseq_core::{Format, Info, MappedResult, SequenceAttribution, Token};
use inseq_datasets::Results;
use serde_json::Value;

use super::dataset_status::facts;
use crate::failure::{Failure, one_line};
use crate::input;
use crate::output;
use crate::result_file::load;

const EXAMPLES: &str = "\
The command reads only the header of a .safetensors file.

Example:
  inseq info why.json large.safetensors";

/// `inseq info`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct InfoArguments {
    /// Saved results, or folders of results. `-` reads JSON from standard input.
    #[arg(required = true, num_args = 1.., value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// What is said of a sequence.
struct Summary {
    source: usize,
    target: usize,
    /// Attributed positions of the target.
    attributed: std::ops::Range<usize>,
    /// Name, shape and type of each side's attributions.
    sides: Vec<String>,
    step_scores: Vec<String>,
}

/// Runs the command.
pub fn run(arguments: &InfoArguments) -> Result<(), Failure> {
    input::check_one_standard(arguments.files.iter().map(PathBuf::as_path))?;
    for path in &arguments.files {
        if path.is_dir() || Results::is_at(path) {
            let results = Results::open(path)?;
            output::print_table(&facts(&results, &results.status()?))?;
            continue;
        }
        let (info, summaries) = if !input::is_standard(path) && Format::of(path) == Format::Safetensors {
            let mapped = MappedResult::open(path)?;
            let summaries = (0..mapped.sequence_count()).map(|index| mapped_summary(&mapped, index));
            (mapped.info().clone(), summaries.collect::<Result<Vec<_>, _>>()?)
        } else {
            let result = load(path)?;
            (result.info, result.sequences.iter().map(summary).collect())
        };
        output::print_table(&table(&path.display().to_string(), &info, &summaries))?;
    }
    Ok(())
}

fn table(file: &str, info: &Info, summaries: &[Summary]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.add_row(["file", file]);
    for (name, fact) in info.to_map() {
        // Texts are said with their sequences, and may be long.
        let said = match &fact {
            Value::Array(_) if name.ends_with("_texts") => continue,
            Value::Null => continue,
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        table.add_row([name, one_line(&said)]);
    }
    table.add_row(["sequences".to_owned(), summaries.len().to_string()]);
    for (index, summary) in summaries.iter().enumerate() {
        for (name, texts) in [("input", &info.input_texts), ("output", &info.generated_texts)] {
            if let Some(text) = texts.as_ref().and_then(|texts| texts.get(index)) {
                table.add_row([format!("{index}: {name}"), one_line(text)]);
            }
        }
        let tokens = format!(
            "{} source, {} target, of which {}..{} are attributed",
            summary.source, summary.target, summary.attributed.start, summary.attributed.end
        );
        table.add_row([format!("{index}: tokens"), tokens]);
        let scores: Vec<&str> = summary.sides.iter().chain(&summary.step_scores).map(String::as_str).collect();
        table.add_row([format!("{index}: scores"), one_line(&scores.join(", "))]);
    }
    table
}

fn summary(sequence: &SequenceAttribution) -> Summary {
    let sides = [("source", &sequence.source_attributions), ("target", &sequence.target_attributions)].into_iter();
    Summary {
        source: sequence.source.len(),
        target: sequence.target.len(),
        attributed: sequence.attr_pos_start..sequence.attr_pos_end,
        sides: sides
            .filter_map(|(side, scores)| Some(format!("{side}_attributions {:?}", scores.as_ref()?.shape())))
            .collect(),
        step_scores: sequence.step_scores.keys().cloned().collect(),
    }
}

fn mapped_summary(mapped: &MappedResult, index: usize) -> Result<Summary, Failure> {
    let (source, target, attributed): (Vec<Token>, Vec<Token>, _) = mapped.tokens(index)?;
    let shapes = mapped.shapes(index)?.into_iter();
    Ok(Summary {
        source: source.len(),
        target: target.len(),
        attributed,
        sides: shapes.map(|(side, shape, dtype)| format!("{side} {shape:?} {dtype}")).collect(),
        step_scores: mapped.step_scores(index)?,
    })
}
