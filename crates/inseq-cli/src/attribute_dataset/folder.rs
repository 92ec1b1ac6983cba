//! Results in a folder, part by part.

use std::borrow::Cow;
use std::path::Path;

use inseq_core::SequenceAttribution;
use inseq_datasets::{Dataset, Error, PartState, Results, Run, Status, Summary, collect, describe};
use inseq_methods::{AttributionModel, AttributionRequest};
use serde_json::json;

use super::arguments::{AttributeDatasetArguments, PART_ROWS};
use super::progress::Reporter;
use super::sharding::sharding;
use crate::failure::Failure;
use crate::model;
use crate::output;
use crate::picture::Pictures;
use crate::prepared::Prepared;
use crate::progress::watch_interrupts;

/// Attributes the rows that are not done.
pub fn run(arguments: &AttributeDatasetArguments, folder: &Path) -> Result<(), Failure> {
    let call = &arguments.call;
    let sharding = sharding(&arguments.run, &|name| std::env::var(name).ok())?;
    let aggregation = call.picture.aggregation()?;
    let pictures = Pictures::of(&call.picture, &aggregation, None)?;
    let request = arguments.request()?;
    // Data are opened sooner than a model is loaded.
    let (source, columns) = (arguments.source(), arguments.columns());
    let dataset = Dataset::open(&source, &columns)?;
    let model = call.load()?;
    let (facts, mut others) = model::facts(&call.model)?;
    others.extend(aggregation.description().map(|description| ("aggregation".to_owned(), json!(description))));
    let manifest = describe(
        (&model, facts),
        &request,
        (&source, &columns, &dataset),
        (arguments.run.part_rows.unwrap_or(PART_ROWS), arguments.run.raw),
        others,
    )?;
    let results = Results::create_or_resume(folder, &manifest)?;
    if let Some(sharding) = sharding {
        call.verbosity.say(|| format!("shard {} by {}", sharding.shard, sharding.origin));
    }
    let interrupted = watch_interrupts()?;
    let aggregate = |sequence: SequenceAttribution| aggregation.apply_to(sequence);
    let run = Run {
        model: &model,
        request: &request,
        dataset: &dataset,
        results: &results,
        aggregate: if arguments.run.raw { None } else { Some(&aggregate) },
        shard: sharding.map(|sharding| sharding.shard),
        strict: arguments.run.strict,
    };
    let mut reporter = Reporter::new(arguments.run.progress, interrupted);
    let done = run.run(&mut |news| reporter.update(news));
    let seconds = reporter.seconds();
    drop(reporter);
    let summary = done.map_err(|error| stopped(error, folder, &results))?;
    call.verbosity.say_more(|| format!("the run took {seconds:.1} s"));
    if call.picture.viz_path.is_some() && sharding.is_none_or(|sharding| sharding.shard.index() == 0) {
        let shown = sample(&model, &request, &dataset, arguments.run.viz_rows)?;
        pictures.save(&Prepared::new(Cow::Owned(shown), &aggregation))?;
    }
    output::print(format!("{}\n", said(summary, &results.status()?, folder)).as_bytes())
}

/// What an interrupted run can do now.
fn stopped(error: Error, folder: &Path, results: &Results) -> Failure {
    match (&error, results.status()) {
        (Error::Attribution(inseq_methods::Error::Cancelled), Ok(status)) => Failure::Stopped(format!(
            "interrupted; {} has {} of {}; run the same command again to go on",
            folder.display(),
            status.rows_done,
            rows(status.rows)
        )),
        _ => error.into(),
    }
}

/// The attributions of the first rows.
fn sample(
    model: &AttributionModel,
    request: &AttributionRequest,
    dataset: &Dataset,
    count: usize,
) -> Result<inseq_core::AttributionResult, Failure> {
    let rows = dataset.rows(0..dataset.len().min(count as u64))?.collect::<Result<Vec<_>, _>>()?;
    let collected = collect(model, request, &rows, false, &mut |_| std::ops::ControlFlow::Continue(()))?;
    Ok(collected.result)
}

/// The last line of a run.
fn said(summary: Summary, status: &Status, folder: &Path) -> String {
    let with_errors = |errors: u64| if errors == 0 { String::new() } else { format!(", {errors} with an error") };
    let work = match summary.rows {
        0 => "nothing was left to attribute".to_owned(),
        count => format!("attributed {}{}", rows(count), with_errors(summary.errors)),
    };
    let folder = folder.display();
    if status.is_complete() {
        return format!("{work}; {folder} is complete: {}{}", rows(status.rows), with_errors(status.errors));
    }
    let of_state = |state: PartState| status.claimed.iter().filter(|work| work.state == state).count();
    let elsewhere = match of_state(PartState::AtWork) {
        0 => String::new(),
        1 => "; 1 part is at work in another process".to_owned(),
        count => format!("; {count} parts are at work in other processes"),
    };
    let (done, all) = (status.rows_done, rows(status.rows));
    format!("{work}; {folder} has {done} of {all}{}{elsewhere}", with_errors(status.errors))
}

fn rows(count: u64) -> String {
    if count == 1 { "1 row".to_owned() } else { format!("{count} rows") }
}
