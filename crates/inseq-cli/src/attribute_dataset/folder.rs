//! Results in a folder, part by part.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use inseq_core::SequenceAttribution;
use inseq_datasets::{Dataset, Error, Lost, News, PartState, Results, Run, Shard, Status, Summary, collect, describe};
use inseq_methods::{AttributionModel, AttributionRequest};

use super::arguments::{AttributeDatasetArguments, PART_ROWS};
use super::progress::Reporter;
use super::sharding::sharding;
use crate::aggregation::Aggregation;
use crate::failure::Failure;
use crate::model;
use crate::output;
use crate::picture::Pictures;
use crate::prepared::Prepared;
use crate::progress::watch_interrupts;
use crate::warnings::warn;

/// Attributes the rows that are not done.
pub fn run(arguments: &AttributeDatasetArguments, folder: &Path) -> Result<(), Failure> {
    let call = &arguments.call;
    let sharding = sharding(&arguments.run, &|name| std::env::var(name).ok())?;
    let work = FolderRun::prepare(arguments, folder, || Ok(Arc::new(call.load()?)))?;
    if let Some(sharding) = sharding {
        call.verbosity.say(|| format!("shard {} by {}", sharding.shard, sharding.origin));
    }
    let mut reporter = Reporter::new(arguments.run.progress, watch_interrupts()?);
    let done = work.run(sharding.map(|sharding| sharding.shard), &mut |news| reporter.update(news));
    let seconds = reporter.seconds();
    drop(reporter);
    let summary = done.map_err(|error| work.stopped(error))?;
    call.verbosity.say_more(|| format!("the run took {seconds:.1} s"));
    work.finish(arguments, summary, sharding.is_none_or(|sharding| sharding.shard.index() == 0))
}

/// A run of `attribute-dataset` into a folder, ready to be done by this process or by several.
#[derive(Debug)]
pub struct FolderRun {
    folder: PathBuf,
    model: Arc<AttributionModel>,
    request: AttributionRequest,
    dataset: Dataset,
    results: Results,
    aggregation: Aggregation,
    is_raw: bool,
    is_strict: bool,
    retries_errors: bool,
}

impl FolderRun {
    /// Opens the data, loads the model, and creates the folder or goes on with one of the same run.
    ///
    /// # Errors
    /// The data or the model cannot be opened, an option is invalid, or the folder is of another run.
    pub fn prepare(
        arguments: &AttributeDatasetArguments,
        folder: &Path,
        load: impl FnOnce() -> Result<Arc<AttributionModel>, Failure>,
    ) -> Result<Self, Failure> {
        let call = &arguments.call;
        let aggregation = call.picture.aggregation()?;
        // What cannot be drawn is said before the work.
        Pictures::of(&call.picture, &aggregation, None)?;
        if call.picture.viz_path.is_none() {
            call.picture.check_undrawn("the results of a folder are drawn into a file alone")?;
        }
        if arguments.run.viz_rows == 0 {
            return Err(Failure::Argument("--viz-rows is 0; expected 1 or more".into()));
        }
        check_outside(folder, Path::new(&arguments.dataset.dataset_name))?;
        let request = arguments.request()?;
        // Data are opened sooner than a model is loaded.
        let dataset = arguments.open()?;
        let known = Results::data_files(folder)?;
        let model = load()?;
        let (facts, others) = model::facts(&call.model)?;
        let part_rows = arguments.run.part_rows.unwrap_or(PART_ROWS);
        let mut manifest =
            describe(&model, facts, &request, &dataset, &known)?.part_rows(part_rows).raw(arguments.run.raw);
        manifest.arguments.extend(others);
        manifest.info.extend(aggregation.weight().map(|weight| ("weighted_by".to_owned(), weight.into())));
        manifest.arguments.extend(aggregation.description().map(|description| ("aggregation".to_owned(), description)));
        let results = Results::create_or_resume(folder, &manifest)?;
        Ok(Self {
            folder: folder.to_owned(),
            model,
            request,
            dataset,
            results,
            aggregation,
            is_raw: arguments.run.raw,
            is_strict: arguments.run.strict,
            retries_errors: arguments.run.retry_errors,
        })
    }

    /// The model.
    pub fn model(&self) -> &Arc<AttributionModel> {
        &self.model
    }

    /// The folder of results.
    pub fn results(&self) -> &Results {
        &self.results
    }

    /// Attributes the parts of a shard, or all parts, that are neither done nor claimed by another process. `news` says whether to
    /// go on.
    ///
    /// # Errors
    /// See [`Run::run`].
    pub fn run(
        &self,
        shard: Option<Shard>,
        news: &mut dyn FnMut(News) -> ControlFlow<()>,
    ) -> inseq_datasets::Result<Summary> {
        let aggregate = |sequence: SequenceAttribution| self.aggregation.apply_to(sequence);
        let Self { model, request, dataset, results, .. } = self;
        let run = Run::new(model, request, dataset, results);
        let run = run.shard(shard).strict(self.is_strict).retry_errors(self.retries_errors);
        let run = if self.is_raw { run } else { run.aggregate(&aggregate) };
        run.run(news)
    }

    /// The failure of a run that ended with an error. One that was interrupted says what can be done now.
    pub fn stopped(&self, error: Error) -> Failure {
        match (&error, self.results.status()) {
            (Error::Attribution(inseq_methods::Error::Cancelled), Ok(status)) if status.is_complete() => {
                Failure::Stopped(format!("interrupted; {} is complete all the same", self.folder.display()))
            }
            (Error::Attribution(inseq_methods::Error::Cancelled), Ok(status)) => Failure::Stopped(format!(
                "interrupted; {} has {} of {}; run the same command again to go on",
                self.folder.display(),
                status.rows_done,
                rows(status.rows - status.left_out)
            )),
            _ => error.into(),
        }
    }

    /// Draws the first rows, if a file is asked for and this is the process to do so, and prints the last line of the run.
    ///
    /// # Errors
    /// A row cannot be read, a file cannot be written, or nobody reads the output.
    pub fn finish(&self, arguments: &AttributeDatasetArguments, summary: Summary, draws: bool) -> Result<(), Failure> {
        let Self { model, request, dataset, results, aggregation, .. } = self;
        let picture = &arguments.call.picture;
        if draws && picture.viz_path.is_some() {
            let (count, all) = (arguments.run.viz_rows, dataset.len());
            if (count as u64) < all {
                warn(&format!("the first {count} of {all} texts are shown; --viz-rows shows more"));
            }
            let rows = dataset.rows(0..all)?.take(count).collect::<Result<Vec<_>, _>>()?;
            match collect(model, request, (dataset, &rows), false, &mut |_| ControlFlow::Continue(())) {
                Ok(shown) => {
                    let prepared = Prepared::new(Cow::Owned(shown.result), aggregation);
                    Pictures::of(picture, aggregation, None)?.draw(&prepared, false)?;
                }
                // The results are there all the same.
                Err(error) => warn(&format!("no picture was made: {error}")),
            }
        }
        output::print(format!("{}\n", said(summary, &results.status()?, &self.folder)).as_bytes())
    }
}

/// Refuses results among the data, where the next run would read them.
fn check_outside(folder: &Path, data: &Path) -> Result<(), Failure> {
    let absolute = |path: &Path| std::fs::canonicalize(path).or_else(|_| std::path::absolute(path)).ok();
    match (absolute(folder), absolute(data)) {
        (Some(results), Some(files)) if data.is_dir() && results.starts_with(&files) => {
            Err(Failure::Argument(format!(
                "the results would go to {}, which is in the folder of the data, {}; choose a folder outside it",
                folder.display(),
                data.display()
            )))
        }
        _ => Ok(()),
    }
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
        return format!("{work}; {folder} is complete: {}{}", rows(status.rows_done), with_errors(status.errors));
    }
    let of_state = |state: PartState| status.claimed.iter().filter(|work| work.state == state).count();
    let elsewhere = match of_state(PartState::AtWork) {
        0 => String::new(),
        1 => "; 1 part is at work in another process".to_owned(),
        count => format!("; {count} parts are at work in other processes"),
    };
    let lost = match status.lost.as_slice() {
        [] => String::new(),
        [Lost { problem, .. }, rest @ ..] => {
            let more =
                if rest.is_empty() { String::new() } else { format!(", and {} more parts are lost", rest.len()) };
            format!("; {problem}{more}; run the same command again")
        }
    };
    let (done, all) = (status.rows_done, rows(status.rows - status.left_out));
    format!("{work}; {folder} has {done} of {all}{}{elsewhere}{lost}", with_errors(status.errors))
}

fn rows(count: u64) -> String {
    if count == 1 { "1 row".to_owned() } else { format!("{count} rows") }
}
