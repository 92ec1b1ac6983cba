//! `inseq dataset-status`: how far a run over a dataset is.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use comfy_table::{Table, presets};
use inseq_datasets::{Lost, Manifest, PartState, Results, Status};
use serde_json::json;

use crate::failure::{Failure, one_line};
use crate::output;

const EXAMPLES: &str = "\
A part is stale if its process ended, or gave no sign of life for two minutes. The next process takes it over. A part is lost if it was done \
and one of its files is missing or has another size. The same command attributes it again.

Examples:
  inseq dataset-status results/
  inseq dataset-status results/ --json | jq .rows_done";

/// `inseq dataset-status`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DatasetStatusArguments {
    /// Folder of results.
    #[arg(value_hint = ValueHint::DirPath)]
    pub results: PathBuf,
    /// Print the status as a JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
pub fn run(arguments: &DatasetStatusArguments) -> Result<(), Failure> {
    let results = Results::open(&arguments.results)?;
    let status = results.status()?;
    if arguments.json {
        return output::print(format!("{:#}\n", json!(status)).as_bytes());
    }
    let mut table = facts(&results, &status);
    for work in &status.claimed {
        let process = work.process.as_ref().map_or("unknown process".to_owned(), ToString::to_string);
        let since = work.since.as_deref().unwrap_or("an unknown time");
        table.add_row([format!("part {}", work.part), one_line(&format!("{}: {process}, since {since}", work.state))]);
    }
    for Lost { part, problem, .. } in &status.lost {
        table.add_row([format!("part {part}"), one_line(&format!("lost: {problem}"))]);
    }
    output::print_table(&table)
}

/// What a folder of results is, and how far its run is.
pub fn facts(results: &Results, status: &Status) -> Table {
    let Manifest { program, model, method, columns, filter, started, .. } = results.manifest();
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    let mut add = |name: &str, value: String| {
        table.add_row([name.to_owned(), one_line(&value)]);
    };
    add("results", results.place().display().to_string());
    add("program", format!("inseq {program}"));
    let revision = model.revision.as_ref().map_or(String::new(), |revision| format!(", revision {revision}"));
    add("model", format!("{}{revision}", model.name));
    add("method", method.clone());
    add("dataset", results.manifest().dataset());
    let generated = columns.generated.as_ref().map_or(String::new(), |column| format!(", outputs of `{column}`"));
    add("columns", format!("texts of `{}`{generated}", columns.input));
    if let Some(filter) = filter {
        add("filter", filter.clone());
    }
    let rows = status.rows - status.left_out;
    add("rows", format!("{} of {rows} done, {} with an error", status.rows_done, status.errors));
    let count = |state| status.claimed.iter().filter(|work| work.state == state).count();
    let (at_work, stale) = (count(PartState::AtWork), count(PartState::Stale));
    let parts =
        format!("{} of {} done, {at_work} at work, {stale} stale, {} open", status.done, status.parts, status.open);
    add("parts", parts);
    add("size", bytesize::ByteSize(status.bytes).to_string());
    add("started", started.clone());
    if let Some(finished) = &status.finished {
        add("finished", finished.clone());
    }
    table
}
