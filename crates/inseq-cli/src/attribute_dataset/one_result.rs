//! Rows collected into one result, as the reference's command makes it.

use std::borrow::Cow;

use inseq_core::AttributionResult;
use inseq_datasets::{Collected, collect};

use super::arguments::{AttributeDatasetArguments, ProgressStyle};
use super::sharding::one_of_several;
use crate::failure::Failure;
use crate::output::Destination;
use crate::picture::Pictures;
use crate::prepared::Prepared;
use crate::progress::{Bar, watch_interrupts};
use crate::warnings::{Warnings, warn};

/// Attributes all rows, saves and shows the result.
pub fn run(arguments: &AttributeDatasetArguments) -> Result<(), Failure> {
    let call = &arguments.call;
    check_alone(arguments, &|name| std::env::var(name).ok())?;
    let file = call.file()?;
    let aggregation = call.picture.aggregation()?;
    let pictures = Pictures::of(&call.picture, &aggregation, call.save_path.as_ref())?;
    let request = arguments.request()?;
    // Data are opened sooner than a model is loaded.
    let dataset = arguments.open()?;
    let rows = dataset.rows(0..dataset.len())?.collect::<Result<Vec<_>, _>>()?;
    let model = call.load()?;
    let interrupted = watch_interrupts()?;
    let Collected { result, failed, .. } = {
        let is_hidden = arguments.run.progress == Some(ProgressStyle::None);
        let bar = if is_hidden { Bar::hidden(interrupted) } else { Bar::new(interrupted) };
        collect(&model, &request, (&dataset, &rows), arguments.run.strict, &mut |news| bar.update(news))?
    };
    Warnings::default().say_of(&result);
    for (row, problem) in &failed {
        warn(&format!("row {row} has no attribution: {problem}"));
    }
    let (attributed, all) = (result.sequences.len(), rows.len());
    call.verbosity.say(|| format!("attributed {attributed} of {all} rows by {}", call.attribution_method));
    let shown = first(&result, arguments.run.viz_rows);
    let is_shown = !call.hide_attributions || call.picture.viz_path.is_some();
    if is_shown && shown.sequences.len() < result.sequences.len() {
        warn(&format!("the first {} of {attributed} texts are shown; --viz-rows shows more", shown.sequences.len()));
    }
    let shown = Prepared::new(shown, &aggregation);
    call.write((&Prepared::new(Cow::Borrowed(&result), &aggregation), file.as_ref()), (&shown, &pictures))
}

/// Refuses files that every task of an array would write. `variable` reads a variable of the environment.
fn check_alone(
    arguments: &AttributeDatasetArguments,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<(), Failure> {
    let files = [("-o", &arguments.call.save_path), ("--viz-path", &arguments.call.picture.viz_path)];
    let file = files.iter().find_map(|(flag, place)| match place {
        Some(Destination::File(path)) => Some((flag, path)),
        _ => None,
    });
    let (Some((flag, path)), Some((task, origin))) = (file, one_of_several(variable)?) else { return Ok(()) };
    Err(Failure::Argument(format!(
        "{flag} {}: this is {task}, and each task would write this file with all rows; name a folder that the tasks share (-o results/), or, \
         if each task has its own data and files, unset {origin}",
        path.display()
    )))
}

/// The first texts of a result.
fn first(result: &AttributionResult, count: usize) -> Cow<'_, AttributionResult> {
    if result.sequences.len() <= count {
        return Cow::Borrowed(result);
    }
    let sequences = result.sequences.iter().take(count).cloned().collect();
    let mut info = result.info.clone();
    info.keep_texts(&(0..count).collect::<Vec<_>>());
    Cow::Owned(AttributionResult { sequences, steps: None, info })
}
