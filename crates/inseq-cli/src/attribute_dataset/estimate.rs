//! `--dry-run`: what a run would take, from a timed sample of its rows.

use std::ops::ControlFlow;
use std::time::Instant;

use bytesize::ByteSize;
use comfy_table::{ContentArrangement, Table, presets};
use inseq_core::SequenceAttribution;
use inseq_datasets::{AttributedRow, Collected, Dataset, Manifest, Results, Row, collect};

use super::arguments::AttributeDatasetArguments;
use super::sharding::sharding;
use crate::aggregation::Aggregation;
use crate::attribute::about;
use crate::failure::Failure;
use crate::output;

/// Places of the dataset from which the sample comes, and rows from each.
const PLACES: u64 = 4;
const ROWS: u64 = 16;

/// Prints what the run would take.
pub fn run(arguments: &AttributeDatasetArguments) -> Result<(), Failure> {
    let call = &arguments.call;
    let shards = sharding(&arguments.run, &|name| std::env::var(name).ok())?.map_or(1, |found| found.shard.count());
    let aggregation = call.picture.aggregation()?;
    let request = arguments.request()?;
    let dataset = arguments.open()?;
    let (sample, read) = sample(&dataset)?;
    let model = call.load()?;
    let attribute =
        |rows: &[Row]| collect(&model, &request, (&dataset, rows), false, &mut |_| ControlFlow::Continue(()));
    // What is run for the first time takes longer.
    attribute(&sample[..sample.len().min(ROWS as usize)])?;
    let started = Instant::now();
    let Collected { result, failed, .. } = attribute(&sample)?;
    let seconds = started.elapsed().as_secs_f64();
    let bytes = size(&sample, &result.sequences, &failed, (&aggregation, arguments.run.raw))?;

    // Of the rows that were read, a filter left out some.
    let share = |total: f64| total * dataset.len() as f64 / read.max(1) as f64 / shards as f64;
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["ROWS", "SAMPLE", "ERRORS", "ABOUT", "MEMORY", "RESULTS"]);
    table.add_row([
        (share(sample.len() as f64) * shards as f64).round().to_string(),
        sample.len().to_string(),
        failed.len().to_string(),
        about(share(seconds)),
        peak_memory().map_or_else(|| "unknown".to_owned(), |bytes| ByteSize(bytes).to_string()),
        ByteSize(share(bytes as f64) as u64).to_string(),
    ]);
    output::print_table(&table)
}

/// Rows from several places of the dataset, and how many rows were read to find them.
fn sample(dataset: &Dataset) -> Result<(Vec<Row>, u64), Failure> {
    let total = dataset.len();
    let mut rows = Vec::new();
    if total <= PLACES * ROWS {
        rows.extend(dataset.rows(0..total)?.collect::<Result<Vec<_>, _>>()?);
        return Ok((rows, total));
    }
    let mut read = 0;
    for place in 0..PLACES {
        let (start, end) = (total / PLACES * place, total / PLACES * (place + 1));
        let found = dataset.rows(start..end)?.take(ROWS as usize).collect::<Result<Vec<_>, _>>()?;
        read += match found.last() {
            Some(last) if found.len() == ROWS as usize => last.number + 1 - start,
            _ => end - start,
        };
        rows.extend(found);
    }
    Ok((rows, read))
}

/// Bytes of the results of a sample, written to a folder that is removed.
fn size(
    rows: &[Row],
    sequences: &[SequenceAttribution],
    failed: &[(u64, String)],
    (aggregation, raw): (&Aggregation, bool),
) -> Result<u64, Failure> {
    let of_folder = |source| Failure::Stream { stream: "the temporary folder", source };
    let folder = tempfile::tempdir().map_err(of_folder)?;
    let count = rows.len() as u64;
    let step_scores = sequences.first().map(|sequence| sequence.step_scores.keys().cloned().collect());
    let manifest =
        Manifest::default().rows(count).part_rows(count.max(1)).raw(raw).step_scores(step_scores.unwrap_or_default());
    let results = Results::create_or_resume(&folder.path().join("sample"), &manifest)?;
    let mut sequences = sequences.iter();
    let mut attributed = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        let outcome = match failed.iter().find(|(failed, _)| *failed == row.number) {
            Some((_, problem)) => Err(problem.clone()),
            None => match sequences.next() {
                Some(sequence) if raw => Ok(sequence.clone()),
                Some(sequence) => Ok(aggregation.apply_to(sequence.clone())?),
                None => Err(String::new()),
            },
        };
        attributed.push(AttributedRow::new(row.clone().number(number as u64), outcome));
    }
    if let Some(claim) = results.claim(0)? {
        claim.finish(attributed)?;
    }
    Ok(results.status()?.bytes)
}

/// The largest memory of this process so far, in bytes, where the system tells it.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? << 10)
}
