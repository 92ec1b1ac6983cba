//! Rows collected into one result, as the reference's command makes it.

use std::borrow::Cow;

use inseq_core::AttributionResult;
use inseq_datasets::{Collected, Dataset, collect};

use super::arguments::{AttributeDatasetArguments, ProgressStyle};
use crate::failure::Failure;
use crate::picture::Pictures;
use crate::prepared::Prepared;
use crate::progress::{Bar, watch_interrupts};
use crate::warnings::{Warnings, warn};

/// Attributes all rows, saves and shows the result.
pub fn run(arguments: &AttributeDatasetArguments) -> Result<(), Failure> {
    let call = &arguments.call;
    let file = call.file()?;
    let aggregation = call.picture.aggregation()?;
    let pictures = Pictures::of(&call.picture, &aggregation, call.save_path.as_ref())?;
    let request = arguments.request()?;
    // Data are opened sooner than a model is loaded.
    let dataset = Dataset::open(&arguments.source(), &arguments.columns())?;
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
