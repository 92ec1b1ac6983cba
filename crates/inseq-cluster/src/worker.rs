//! What an executor keeps from shard to shard: the model, and the run of the job that it works on.

use std::ffi::OsString;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use inseq_cli::Failure;
use inseq_cli::attribute_dataset::{AttributeDatasetArguments, FolderRun, Place};
use inseq_datasets::{News, Shard, Summary};

use crate::arguments::{Arguments, Command};
use crate::job::Job;

/// The worker of an executor process.
#[derive(Debug, Default)]
pub struct Worker {
    current: Mutex<Option<Arc<Current>>>,
}

/// A job that was begun.
#[derive(Debug)]
struct Current {
    job: Job,
    arguments: AttributeDatasetArguments,
    run: FolderRun,
}

/// Why a shard is not done.
#[derive(Debug)]
pub struct Stop {
    /// In words.
    pub reason: String,
    /// Whether another try may succeed.
    pub may_pass: bool,
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self { reason: failure.to_string(), may_pass: may_pass(&failure) }
    }
}

impl From<inseq_datasets::Error> for Stop {
    fn from(error: inseq_datasets::Error) -> Self {
        Failure::from(error).into()
    }
}

impl Worker {
    /// Attributes the parts of a shard that are neither done nor claimed by another process.
    pub fn attribute(&self, job: &Job, shard: u64) -> Result<Summary, Stop> {
        let shard = Shard::new(shard, job.shards).map_err(Failure::Argument)?;
        let current = self.begin(job)?;
        let summary = current.run.run(Some(shard), &mut |news| {
            if let News::Warning(warning) = news {
                log::warn!("{warning}");
            }
            ControlFlow::Continue(())
        })?;
        Ok(summary)
    }

    /// Drops the job and the model, whose state is unknown after a panic.
    pub fn forget(&self) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The job, begun once. The lock is held meanwhile, so no model is loaded twice.
    fn begin(&self, job: &Job) -> Result<Arc<Current>, Stop> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        match &*current {
            Some(current) if current.job == *job => Ok(current.clone()),
            last => {
                let begun = Arc::new(Current::begin(job, last.as_deref())?);
                *current = Some(begun.clone());
                Ok(begun)
            }
        }
    }
}

impl Current {
    /// Opens the data and the folder of a job, and loads its model unless the last job has the same.
    fn begin(job: &Job, last: Option<&Self>) -> Result<Self, Stop> {
        let line = job.line.iter().map(OsString::from);
        let arguments: Arguments = inseq_cli::read(line).map_err(|error| Failure::Argument(error.to_string()))?;
        let Command::Run(arguments) = arguments.command else {
            return Err(Failure::Argument("the job is no run".to_owned()).into());
        };
        let arguments = arguments.dataset;
        let Place::Folder(folder) = arguments.place() else {
            return Err(Failure::Argument("the job has no folder of results".to_owned()).into());
        };
        enter(&job.directory, folder)?;
        let call = &arguments.call;
        let is_same = |last: &&Self| last.job.directory == job.directory && last.arguments.call.model == call.model;
        let run = FolderRun::prepare(&arguments, folder, || match last.filter(is_same) {
            Some(last) => Ok(last.run.model().clone()),
            None => {
                log::info!("loading the model");
                Ok(Arc::new(call.load()?))
            }
        })?;
        Ok(Self { job: job.clone(), run, arguments })
    }
}

/// Makes relative paths mean what they mean for the client. An executor works on one shard at a time, so no other job is disturbed.
fn enter(directory: &Path, results: &Path) -> Result<(), Stop> {
    let Err(error) = std::env::set_current_dir(directory) else { return Ok(()) };
    let problem = format!(
        "the folder {} in which the run was started cannot be entered on this machine ({error})",
        directory.display()
    );
    // Results in another folder than the client's would not be found.
    if results.is_absolute() || results.to_string_lossy().contains("://") {
        log::warn!("{problem}; relative paths of the run start elsewhere");
        return Ok(());
    }
    Err(Failure::Argument(format!(
        "{problem}; start the run in a folder that all machines share, or name absolute paths"
    ))
    .into())
}

/// Whether the same work may succeed later or on another machine: files, networks and devices recover, arguments and texts do not.
fn may_pass(failure: &Failure) -> bool {
    use inseq_datasets::Error as Dataset;
    use inseq_methods::Error as Call;
    let of_model = |error: &inseq_models::Error| {
        use inseq_models::Error;
        matches!(error, Error::Io { .. } | Error::Hub { .. } | Error::Device { .. })
    };
    match failure {
        Failure::File { .. } | Failure::Stream { .. } | Failure::Dataset(Dataset::File { .. }) => true,
        Failure::Attribution(Call::Device { .. }) => true,
        Failure::Attribution(Call::Model(error)) | Failure::Dataset(Dataset::Hub(error)) => of_model(error),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_networks_recover_and_arguments_do_not() {
        let file = || inseq_datasets::Error::File { path: "x".into(), source: std::io::Error::other("no route") };
        assert!(Stop::from(file()).may_pass);
        let row = inseq_datasets::Error::Row { number: 3, problem: "too long".into() };
        assert!(!Stop::from(row).may_pass);
        assert!(!Stop::from(inseq_datasets::Error::Results("of another run".into())).may_pass);
        assert!(!Stop::from(Failure::Argument("no".into())).may_pass);
    }

    #[test]
    fn a_shard_that_is_not_there_and_a_folder_that_is_not_there_end_the_job() {
        let line = "inseq-cluster run -d rows.jsonl -in text -o results/".split(' ').map(str::to_owned).collect();
        let job = Job { line, directory: "/no/such/folder".into(), shards: 2, start: String::new() };
        let stop = Worker::default().attribute(&job, 2).unwrap_err();
        assert!(!stop.may_pass && stop.reason.contains("the last one is 1/2"), "{stop:?}");
        let stop = Worker::default().attribute(&job, 1).unwrap_err();
        assert!(!stop.may_pass && stop.reason.contains("/no/such/folder"), "{stop:?}");
    }
}
