//! How far a run is.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::completion::Completion;
use super::process::Process;
use super::results::Results;
use super::ticket::{Found, part_of};
use crate::Result;

/// How far a run is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// Number of parts.
    pub parts: u64,
    /// Parts that are done.
    pub done: u64,
    /// Parts that nobody has claimed.
    pub open: u64,
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
    /// The folder cannot be read, or a completion record is damaged.
    pub fn status(&self) -> Result<Status> {
        let records = self.completions()?;
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
    /// The folder cannot be read.
    pub fn parts_left(&self) -> Result<Vec<u64>> {
        let done: BTreeSet<u64> = self.folder.storage.list("done")?.iter().filter_map(|name| part_of(name)).collect();
        Ok((0..self.parts()).filter(|part| !done.contains(part)).collect())
    }

    /// The completion records, by part.
    pub(super) fn completions(&self) -> Result<BTreeMap<u64, Completion>> {
        let storage = &*self.folder.storage;
        let mut records = BTreeMap::new();
        for name in storage.list("done")? {
            let part = name.strip_suffix(".json").and_then(|part| part.parse().ok());
            let Some(part) = part.filter(|part| *part < self.parts()) else { continue };
            if let Some(record) = Completion::read(storage, &Completion::name(part))? {
                records.insert(part, record);
            }
        }
        Ok(records)
    }
}
