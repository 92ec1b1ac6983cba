//! How far a run is.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::completion::{Completion, tables};
use super::manifest::Manifest;
use super::process::Process;
use super::results::Results;
use super::ticket::{Found, part_of};
use crate::{Error, Result};

/// How far a run is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// Number of parts.
    pub parts: u64,
    /// Parts that are done.
    pub done: u64,
    /// Parts that nobody has claimed, and that are not done.
    pub open: u64,
    /// Parts that were done and of which a file is missing or has another size, in order. They are not done any more.
    pub lost: Vec<Lost>,
    /// Parts that are claimed and not done, in order.
    pub claimed: Vec<Work>,
    /// Rows of the run, before a filter leaves some out.
    pub rows: u64,
    /// Rows of the parts that are done.
    pub rows_done: u64,
    /// Rows that the filter left out of these parts.
    pub left_out: u64,
    /// Rows of these that have an error.
    pub errors: u64,
    /// Bytes of the files of these parts.
    pub bytes: u64,
    /// When the last part was done, in RFC 3339, if all are.
    pub finished: Option<String>,
}

/// A part that was done and whose files are not there any more as they were written. The next run attributes it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Lost {
    /// The part.
    pub part: u64,
    /// Which file, and what is wrong with it.
    pub problem: String,
}

/// A part that is claimed and not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Work {
    /// The part.
    pub part: u64,
    /// Whether its process is at work.
    pub state: PartState,
    /// The process; `None` if the claim is damaged.
    pub process: Option<Process>,
    /// When it claimed the part, in RFC 3339.
    pub since: Option<String>,
}

/// State of a claimed part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PartState {
    /// A process works on it.
    AtWork,
    /// Its process is dead, or gave no sign of life for too long; the next process takes it over.
    Stale,
}

impl std::fmt::Display for PartState {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::AtWork => "at work",
            Self::Stale => "stale",
        })
    }
}

impl Status {
    /// Whether every part is done.
    pub fn is_complete(&self) -> bool {
        self.done == self.parts
    }
}

impl Results {
    /// How far the run is.
    ///
    /// # Errors
    /// The folder cannot be read, or was moved or removed; or a completion record is damaged.
    pub fn status(&self) -> Result<Status> {
        let (records, lost) = self.done_and_lost()?;
        let storage = &*self.folder.storage;
        let claims: BTreeSet<u64> = storage.list("claims")?.iter().filter_map(|name| part_of(name)).collect();
        let mut claimed = Vec::new();
        for part in claims.into_iter().filter(|part| *part < self.parts() && !records.contains_key(part)) {
            let Some(found) = Found::current(storage, part)? else { continue };
            let state =
                if found.is_stale(storage, self.folder.timeout)? { PartState::Stale } else { PartState::AtWork };
            let (process, since) = found.holder.map(|holder| (holder.process, holder.since)).unzip();
            claimed.push(Work { part, state, process, since });
        }
        let sum = |of: fn(&Completion) -> u64| records.values().map(of).sum();
        let done = records.len() as u64;
        let last = records.values().map(|record| record.finished.clone()).max();
        Ok(Status {
            parts: self.parts(),
            done,
            open: self.parts().saturating_sub(done).saturating_sub(claimed.len() as u64),
            claimed,
            lost,
            rows: self.manifest().rows,
            rows_done: sum(|record| record.rows),
            left_out: sum(|record| record.left_out),
            errors: sum(|record| record.errors),
            bytes: sum(|record| record.files.iter().map(|file| file.bytes).sum()),
            finished: last.filter(|_| done == self.parts()),
        })
    }

    /// Parts that are not done, in order.
    ///
    /// # Errors
    /// As [`status`](Self::status).
    pub fn parts_left(&self) -> Result<Vec<u64>> {
        let (done, _) = self.done_and_lost()?;
        Ok((0..self.parts()).filter(|part| !done.contains_key(part)).collect())
    }

    /// The completion records of parts that have rows with an error, by part.
    ///
    /// # Errors
    /// As [`status`](Self::status).
    pub fn failed_parts(&self) -> Result<BTreeMap<u64, Completion>> {
        let (mut done, _) = self.done_and_lost()?;
        done.retain(|_, record| record.errors > 0);
        Ok(done)
    }

    /// The completion records, by part; and the parts whose files are lost. Contents of files are not read.
    pub(super) fn done_and_lost(&self) -> Result<(BTreeMap<u64, Completion>, Vec<Lost>)> {
        let storage = &*self.folder.storage;
        // A record comes after its files, so they are looked at after it.
        let mut records = self.completions()?;
        let mut sizes = BTreeMap::new();
        for table in tables(self.manifest()) {
            let folder = table.folder;
            sizes.extend(storage.sizes(folder)?.into_iter().map(|(name, size)| (format!("{folder}/{name}"), size)));
        }
        let mut lost = Vec::new();
        for (&part, record) in &records {
            let problem = record.loss(|name| Ok(sizes.get(name).copied()))?;
            lost.extend(problem.map(|problem| Lost { part, problem }));
        }
        for Lost { part, .. } in &lost {
            records.remove(part);
        }
        Ok((records, lost))
    }

    /// The completion records, by part.
    pub(super) fn completions(&self) -> Result<BTreeMap<u64, Completion>> {
        self.folder.check()?;
        let storage = &*self.folder.storage;
        let mut records = BTreeMap::new();
        for name in storage.list("done")?.iter().map(|name| format!("done/{name}")) {
            // Others are no names of records.
            let Some(part) = Completion::part_of(&name) else { continue };
            if part >= self.parts() {
                let Manifest { rows, part_rows, .. } = self.manifest();
                return Err(Error::Results(format!(
                    "{}: there is no part {part} by {}, where `rows` is {rows} and `part_rows` is {part_rows}; restore {} if it was \
                     changed, or remove the file",
                    storage.place(&name).display(),
                    Manifest::FILE,
                    Manifest::FILE
                )));
            }
            if let Some(record) = Completion::read(storage, self.manifest(), part)? {
                records.insert(part, record);
            }
        }
        Ok(records)
    }
}
