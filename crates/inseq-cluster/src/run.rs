//! `inseq-cluster run`: prepares the folder of results, and has the parts that are left done by executors.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use inseq_cli::attribute_dataset::{FolderRun, Place, Reporter};
use inseq_cli::{Failure, watch_interrupts};
use inseq_datasets::{Error, News, Results, RunProgress, Status, Summary};

use crate::arguments::{Address, SubmitArguments};
use crate::job::Job;
use crate::problem::Problem;
use crate::submission::{Refusal, State, Submission};

/// Largest number of shards, unless it is given. A scheduler goes through all tasks of a job for each one that returns.
const MOST_SHARDS: u64 = 4096;
/// Longest time between two jobs of a run.
const LONGEST_PAUSE: Duration = Duration::from_secs(16);
/// Time between two questions to the scheduler.
const PAUSE: Duration = Duration::from_millis(200);
/// Time between two looks into the folder, and how much of the time they may take, as one part of so many.
const LOOK: Duration = Duration::from_secs(1);
const SHARE_OF_LOOKS: u32 = 20;

/// Attributes the rows that are not done.
pub fn run(arguments: &SubmitArguments, line: Vec<OsString>) -> Result<(), Problem> {
    let dataset = &arguments.dataset;
    let refused = |said: &str| Problem::from(Failure::Argument(said.to_owned()));
    let Place::Folder(folder) = dataset.place() else {
        return Err(refused("a cluster writes a folder of results; name one with -o, such as -o /shared/results/"));
    };
    dataset.check()?;
    if dataset.run.shard.is_some() {
        return Err(refused(
            "--shard is for a process that works alone; --shards sets the number of shards of the cluster",
        ));
    }
    if dataset.run.retry_errors {
        return Err(refused("--retry-errors needs no cluster; use inseq attribute-dataset with the same flags"));
    }
    if dataset.call.dry_run {
        return Err(refused("--dry-run needs no cluster; use inseq attribute-dataset with the same flags"));
    }
    if dataset.run.shards == Some(0) {
        return Err(refused("--shards is 0; it must be at least 1"));
    }
    let work = FolderRun::prepare(dataset, folder, || Ok(Arc::new(dataset.call.load()?)))?;
    let results = work.results();
    let shards = dataset.run.shards.unwrap_or(MOST_SHARDS).clamp(1, results.parts().max(1));
    let job = Job::of(line, shards).map_err(Failure::Argument)?;
    let before = results.status()?;
    let mut client = Client {
        address: &arguments.scheduler,
        patience: Duration::from_secs(arguments.scheduler_timeout),
        job: &job,
        results,
        reporter: Reporter::new(dataset.run.progress, watch_interrupts()?),
        before: &before,
        next_look: Instant::now(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Problem::of_system("the client has no event loop", &error))?;
    let done = runtime.block_on(client.run());
    drop(client);
    done.map_err(|problem| match problem {
        Problem::Command(Failure::Attribution(error)) => work.stopped(Error::Attribution(error)).into(),
        other => other,
    })?;
    let after = results.status()?;
    let summary = Summary::default()
        .parts(after.done.saturating_sub(before.done))
        .rows(after.rows_done.saturating_sub(before.rows_done))
        .errors(after.errors.saturating_sub(before.errors));
    Ok(work.finish(dataset, summary, true)?)
}

/// The side of a run that waits.
struct Client<'a> {
    address: &'a Address,
    patience: Duration,
    job: &'a Job,
    results: &'a Results,
    reporter: Reporter,
    before: &'a Status,
    next_look: Instant,
}

impl Client<'_> {
    /// Has the parts that are left done until none is left. The folder decides: a scheduler that says that it has returned every
    /// shard may have met parts that a lost executor still held.
    async fn run(&mut self) -> Result<(), Problem> {
        let mut silent_since = None;
        let (mut left_before, mut pause) = (None, LOOK);
        loop {
            let left = self.results.parts_left()?;
            if left.is_empty() {
                return Ok(());
            }
            if let Some(before) = left_before {
                // A part that nobody can take yet will not be free the sooner for being asked for.
                pause = if left.len() < before || silent_since.is_some() { LOOK } else { LONGEST_PAUSE.min(2 * pause) };
                self.wait(pause).await?;
            }
            left_before = Some(left.len());
            let shards: BTreeSet<u64> = left.iter().map(|part| part % self.job.shards).collect();
            match self.submit(&shards.into_iter().collect::<Vec<_>>()).await {
                Ok(submission) => {
                    silent_since = None;
                    self.watch(submission).await?;
                }
                Err(Refusal::Final(problem)) => return Err(problem),
                Err(Refusal::NoAnswer(reason)) => self.lost(&mut silent_since, &reason)?,
            }
        }
    }

    async fn submit(&self, shards: &[u64]) -> Result<Submission, Refusal> {
        let plan = self.job.plan(shards);
        let plan = plan.map_err(|error| Refusal::Final(Problem::Cluster(format!("the plan of the run: {error}"))))?;
        Submission::new(self.address, &self.results.place().display().to_string(), plan).await
    }

    /// Waits until a job has ended in one way or another, or until no part is left.
    async fn watch(&mut self, mut submission: Submission) -> Result<(), Problem> {
        loop {
            if let Err(stopped) = self.wait(PAUSE).await {
                submission.cancel().await;
                return Err(stopped);
            }
            match submission.state().await {
                State::Going if self.results_are_complete()? => {
                    submission.cancel().await;
                    return Ok(());
                }
                State::Going => {}
                State::Returned => return Ok(()),
                State::Failed(error) => {
                    return Err(Problem::Cluster(format!("the cluster gave up: {}", first_cause(&error))));
                }
                State::Unknown => {
                    self.say(&format!(
                        "the scheduler at {} was started again; the run goes on with what is left",
                        self.address
                    ));
                    return Ok(());
                }
                // The next submission says so if it is not there again.
                State::NoAnswer => return Ok(()),
            }
        }
    }

    /// Whether the folder is complete, looked up from time to time only.
    fn results_are_complete(&mut self) -> Result<bool, Problem> {
        if Instant::now() < self.next_look {
            return Ok(false);
        }
        let started = Instant::now();
        let status = self.results.status()?;
        self.next_look = Instant::now() + LOOK.max(started.elapsed() * SHARE_OF_LOOKS);
        let Status { rows_done, errors, rows, left_out, .. } = status;
        let progress = RunProgress::default()
            .rows(rows_done.saturating_sub(self.before.rows_done))
            .errors(errors.saturating_sub(self.before.errors))
            .total(rows.saturating_sub(left_out).saturating_sub(self.before.rows_done));
        // An interrupt is seen while waiting.
        let _ = self.reporter.update(News::Progress(progress));
        Ok(status.is_complete())
    }

    /// Says once that the scheduler does not answer, and gives up when it has not for too long.
    fn lost(&mut self, silent_since: &mut Option<Instant>, reason: &str) -> Result<(), Problem> {
        let (address, patience) = (self.address, self.patience);
        match silent_since {
            None => {
                self.say(&format!(
                    "the scheduler at {address} does not answer ({reason}); waiting up to {} s for it; parts that are done stay",
                    patience.as_secs()
                ));
                *silent_since = Some(Instant::now());
                Ok(())
            }
            Some(since) if since.elapsed() >= patience => Err(Problem::Cluster(format!(
                "the scheduler at {address} does not answer ({reason}); the parts that are done stay: start the scheduler and run the \
                 same command again"
            ))),
            Some(_) => Ok(()),
        }
    }

    /// Waits; an error if the run is interrupted.
    async fn wait(&mut self, time: Duration) -> Result<(), Problem> {
        let end = Instant::now() + time;
        loop {
            if self.reporter.check().is_break() {
                return Err(Failure::Attribution(inseq_methods::Error::Cancelled).into());
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            tokio::time::sleep(left.min(PAUSE)).await;
        }
    }

    fn say(&mut self, line: &str) {
        let _: ControlFlow<()> = self.reporter.update(News::Warning(line.to_owned()));
    }
}

/// The reason in a message of Ballista, which wraps it in the names of stages, tasks and error types.
fn first_cause(message: &str) -> &str {
    ["Execution error: ", "IO error: "]
        .iter()
        .fold(message, |said, wrapper| said.rsplit(wrapper).next().unwrap_or(said))
}
