//! A run over the parts of a dataset.

use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use inseq_methods::{AttributionModel, AttributionRequest};
use serde_json::{Map, Value};

use super::news::{News, RunProgress};
use super::shard::Shard;
use super::whole::{Aggregate, Attributing};
use crate::{AttributedRow, Claim, Completion, Dataset, Error, Result, Results, Row};

/// A run: a model attributes the rows of a dataset, part by part, into a folder of results.
///
/// The next part is read, and the last one is written, while the model works on one. So three parts are in memory at a time, for any
/// number of rows.
#[non_exhaustive]
pub struct Run<'a> {
    /// The model.
    pub model: &'a AttributionModel,
    /// The request of every part, without input texts. `generated_texts` is empty, and `None` if the rows have none.
    pub request: &'a AttributionRequest,
    /// The rows.
    pub dataset: &'a Dataset,
    /// The folder.
    pub results: &'a Results,
    /// Aggregates the scores of each text when it is finished; `None` keeps them as the method gives them.
    pub aggregate: Option<&'a Aggregate<'a>>,
    /// The parts of this process; `None` shares all parts with other processes on the same folder.
    pub shard: Option<Shard>,
    /// Whether the first row that has no attribution ends the run.
    pub strict: bool,
    /// Whether parts that are done and have rows with an error are attributed again.
    pub retry_errors: bool,
}

inseq_core::setters! {
    Run<'a> {
        model: &'a AttributionModel,
        request: &'a AttributionRequest,
        dataset: &'a Dataset,
        results: &'a Results,
        shard: impl Into<Option<Shard>>,
        strict: bool,
        retry_errors: bool,
    }
    some { aggregate: &'a Aggregate<'a> }
}

impl std::fmt::Debug for Run<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Run").field("shard", &self.shard).field("strict", &self.strict).finish_non_exhaustive()
    }
}

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Parts that this process wrote.
    pub parts: u64,
    /// Rows of these parts.
    pub rows: u64,
    /// Rows among them that have an error.
    pub errors: u64,
}

inseq_core::setters! {
    Summary { parts: u64, rows: u64, errors: u64 }
}

/// A part that is claimed and read.
type Read = (Claim, Vec<Row>);
/// A part that is attributed.
type Attributed = (Claim, Vec<AttributedRow>);

/// Largest number of different warnings that a run says.
const MOST_WARNINGS: usize = 100;

impl<'a> Run<'a> {
    /// A run over all rows that keeps the scores as the method gives them, and goes on after a row that has no attribution.
    #[must_use]
    pub fn new(
        model: &'a AttributionModel,
        request: &'a AttributionRequest,
        dataset: &'a Dataset,
        results: &'a Results,
    ) -> Self {
        Self { model, request, dataset, results, aggregate: None, shard: None, strict: false, retry_errors: false }
    }

    /// Attributes every part that is neither done nor claimed by another process. `news` says whether to go on.
    ///
    /// # Errors
    /// An option of the request is invalid, the data cannot be read, the results cannot be written, or the run is cancelled; and, if
    /// `strict`, the first row that has no attribution, also in parts that were done before. Parts that were written stay, and the same run goes on from them.
    pub fn run(&self, news: &mut dyn FnMut(News) -> ControlFlow<()>) -> Result<Summary> {
        facts(self.model, self.request, self.dataset)?;
        let failed = if self.retry_errors { self.results.failed_parts()? } else { BTreeMap::new() };
        let reader = Reader {
            dataset: self.dataset,
            results: self.results,
            shard: self.shard,
            failed,
            rows_left: AtomicU64::new(0),
        };
        let stays = |part| reader.has(part) && !reader.failed.contains_key(&part);
        if self.strict
            && let Some((number, problem)) = self.results.first_error(stays)?
        {
            return Err(Error::Row { number, problem });
        }
        reader.rows_left.store(reader.parts().map(|part| length(&self.results.rows_of(part))).sum(), Ordering::Relaxed);
        let (read, parts) = sync_channel::<Result<Read>>(0);
        let (attributed, to_write) = sync_channel::<Attributed>(0);
        let summary = std::thread::scope(|scope| {
            let reader = &reader;
            scope.spawn(move || reader.read(&read));
            let writer = scope.spawn(move || write(&to_write));
            let mut worker = Worker {
                attributing: Attributing {
                    model: self.model,
                    template: self.request,
                    aggregate: self.aggregate,
                    strict: self.strict,
                },
                rows_left: &reader.rows_left,
                done: RunProgress::default(),
                said: HashSet::new(),
                is_first: self.results.status()?.rows_done == 0,
            };
            let worked = worker.attribute(&parts, &attributed, news);
            // Ends the two threads: what one sends, and what the other waits for, has no other end any more.
            drop((parts, attributed));
            let written = writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            // A writer that fails stops the work, too; its error says why.
            let summary = written?;
            worked.map(|()| summary)
        })?;
        self.results.note_end()?;
        Ok(summary)
    }
}

/// Claims and reads parts.
struct Reader<'a> {
    dataset: &'a Dataset,
    results: &'a Results,
    shard: Option<Shard>,
    /// Parts that are attributed again, with their records when the run began.
    failed: BTreeMap<u64, Completion>,
    /// Rows of the shard, without those that were done or at work elsewhere when the reader came to them.
    rows_left: AtomicU64,
}

impl Reader<'_> {
    fn has(&self, part: u64) -> bool {
        self.shard.is_none_or(|shard| shard.has(part))
    }

    fn parts(&self) -> impl Iterator<Item = u64> {
        (0..self.results.parts()).filter(|&part| self.has(part))
    }

    /// Claims and reads parts one after the other, until nobody takes them any more or none is left. A part that another process gave
    /// up meanwhile is found in the next round.
    fn read(&self, read: &SyncSender<Result<Read>>) {
        let mut is_first_round = true;
        loop {
            let mut is_idle = true;
            for part in self.parts() {
                let part = match self.claim_and_read(part) {
                    Ok(None) => {
                        if is_first_round {
                            self.rows_left.fetch_sub(length(&self.results.rows_of(part)), Ordering::Relaxed);
                        }
                        continue;
                    }
                    Ok(Some(part)) => Ok(part),
                    Err(error) => Err(error),
                };
                is_idle = false;
                let is_end = part.is_err();
                if read.send(part).is_err() || is_end {
                    return;
                }
            }
            if is_idle {
                return;
            }
            is_first_round = false;
        }
    }

    fn claim_and_read(&self, part: u64) -> Result<Option<Read>> {
        let claim = match self.failed.get(&part) {
            Some(record) => self.results.claim_again(record)?,
            None => self.results.claim(part)?,
        };
        let Some(claim) = claim else { return Ok(None) };
        let range = self.results.rows_of(part);
        let rows = self.dataset.rows(range.clone())?.collect::<Result<Vec<Row>>>();
        // A file that changes explains what its rows are.
        self.dataset.check_unchanged(&range)?;
        let rows = rows?;
        // A filter leaves out some.
        self.rows_left.fetch_sub(length(&range).saturating_sub(rows.len() as u64), Ordering::Relaxed);
        Ok(Some((claim, rows)))
    }
}

/// Attributes parts.
struct Worker<'a> {
    attributing: Attributing<'a>,
    rows_left: &'a AtomicU64,
    /// The work that is done.
    done: RunProgress,
    /// Warnings that were said.
    said: HashSet<String>,
    /// Whether no part of the folder is done, so that the next one shows whether the call is at fault.
    is_first: bool,
}

impl Worker<'_> {
    /// Attributes parts as they come.
    fn attribute(
        &mut self,
        parts: &Receiver<Result<Read>>,
        attributed: &SyncSender<Attributed>,
        news: &mut dyn FnMut(News) -> ControlFlow<()>,
    ) -> Result<()> {
        while let Ok(part) = parts.recv() {
            let (claim, rows) = part?;
            let (done, rows_left) = (self.done, self.rows_left);
            let so_far =
                |rows: u64| RunProgress { rows: done.rows + rows, total: rows_left.load(Ordering::Relaxed), ..done };
            let mut warnings = Vec::new();
            let rows = self.attributing.part(
                rows,
                &mut |finished| news(News::Progress(so_far(finished))),
                &mut |warning| warnings.push(warning.to_owned()),
            )?;
            for warning in warnings {
                if self.said.len() < MOST_WARNINGS && self.said.insert(warning.clone()) {
                    let _ = news(News::Warning(warning));
                }
            }
            if self.is_first {
                check_reasons(&rows)?;
                self.is_first = false;
            }
            self.done = so_far(rows.len() as u64);
            self.done.errors += rows.iter().filter(|row| row.outcome.is_err()).count() as u64;
            let is_asked_to_stop = news(News::Progress(self.done)).is_break();
            if attributed.send((claim, rows)).is_err() {
                // The writer has ended with an error.
                return Ok(());
            }
            if is_asked_to_stop {
                return Err(inseq_methods::Error::Cancelled.into());
            }
        }
        Ok(())
    }
}

/// Refuses a part whose rows all fail for one reason, although their texts differ.
fn check_reasons(rows: &[AttributedRow]) -> Result<()> {
    let (Some(first), count) = (rows.first(), rows.len()) else { return Ok(()) };
    let Err(problem) = &first.outcome else { return Ok(()) };
    let is_same = |row: &AttributedRow| row.outcome.as_ref().err() == Some(problem) && row.row.texts.is_ok();
    let texts_differ = rows.iter().any(|row| row.row.texts != first.row.texts);
    match texts_differ && rows.iter().all(is_same) {
        true => Err(Error::EveryRow { rows: count, problem: problem.clone() }),
        false => Ok(()),
    }
}

/// Writes parts as they come.
fn write(parts: &Receiver<Attributed>) -> Result<Summary> {
    let mut summary = Summary::default();
    while let Ok((claim, rows)) = parts.recv() {
        let completion = claim.finish(rows)?;
        summary.parts += 1;
        summary.rows += completion.rows;
        summary.errors += completion.errors;
    }
    Ok(summary)
}

/// Checks the options of a request without texts, and returns the facts of its results. Its generated texts say whether the rows have
/// some.
///
/// # Errors
/// There are no rows; an option is invalid, whatever the texts are; or an argument has not one value for each row.
pub(super) fn facts(
    model: &AttributionModel,
    request: &AttributionRequest,
    dataset: &Dataset,
) -> Result<Map<String, Value>> {
    if dataset.is_empty() {
        return Err(Error::Dataset(format!(
            "the split `{}` has no rows, so that there is nothing to attribute; choose a slice that has rows",
            dataset.source().split
        )));
    }
    if let Some((name, length)) =
        request.lists_of_texts().into_iter().find(|(_, length)| *length as u64 != dataset.len())
    {
        return Err(Error::Dataset(format!(
            "`{name}` has {length} values, and the split has {} rows; give one value for each row, or take texts from a column with \
             `--argument-fields {name}=COLUMN`",
            dataset.len()
        )));
    }
    let of_columns = &dataset.columns().arguments;
    let is_given = |name: &&String| {
        [&request.attributed_fn_args, &request.step_scores_args].iter().any(|given| given.contains_key(name.as_str()))
    };
    if let Some(name) = of_columns.keys().find(is_given) {
        return Err(Error::Dataset(format!("`{name}` is given twice: as an argument, and by a column; leave one out")));
    }
    let text = || vec!["a".to_owned()];
    let mut one = request.of_texts(&[0]).input_texts(text());
    one.generated_texts = request.generated_texts.as_ref().map(|_| text());
    let unused = one.add_keywords(&of_columns.keys().map(|name| (name.clone(), text().into())).collect(), &[])?;
    if let Some(unused) = unused.first() {
        return Err(Error::Dataset(format!("`--argument-fields`: {unused}")));
    }
    let mut facts = model.facts(&one)?;
    // The values of one text are no fact of the run.
    for (name, arguments) in
        [("attributed_fn_args", &request.attributed_fn_args), ("step_scores_args", &request.step_scores_args)]
    {
        facts.insert(name.to_owned(), arguments.clone().into());
    }
    Ok(facts)
}

fn length(range: &std::ops::Range<u64>) -> u64 {
    range.end.saturating_sub(range.start)
}
