//! The right to attribute a part, and the way to complete it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;

use super::completion::{Completion, clear_staging};
use super::folder::Folder;
use super::process::Process;
use super::storage::Hold;
use super::tables;
use super::ticket::{Ticket, clear_claims};
use crate::{AttributedRow, Error, Result};

/// The right of this process to attribute the rows of a part. Other processes leave the part alone as long as the claim lives;
/// dropping it gives the part back.
pub struct Claim {
    folder: Arc<Folder>,
    part: u64,
    ticket: Ticket,
    heartbeat: Option<Heartbeat>,
}

impl fmt::Debug for Claim {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Claim").field("part", &self.part).finish_non_exhaustive()
    }
}

impl Claim {
    /// See [`Results::claim`](super::Results::claim). A part that is done with the record `again` is open, too.
    pub(super) fn take(folder: &Arc<Folder>, part: u64, again: Option<&Completion>) -> Result<Option<Self>> {
        Self::take_in(folder, part, again).map_err(|error| folder.reason(error))
    }

    fn take_in(folder: &Arc<Folder>, part: u64, again: Option<&Completion>) -> Result<Option<Self>> {
        let storage = &*folder.storage;
        let is_again = |record: &Completion| again == Some(record);
        if let Record::Whole(record) = Record::of(folder, part)?
            && !is_again(&record)
        {
            return Ok(None);
        }
        folder.check()?;
        let Some(mut ticket) = Ticket::take(storage, part, folder.timeout)? else { return Ok(None) };
        let hold = ticket.hold.take();
        let mut claim = Self { folder: folder.clone(), part, ticket, heartbeat: None };
        claim.heartbeat = hold.map(|hold| Heartbeat::start(hold, folder.timeout / 4)).transpose()?;
        // The commit is read before the record: a commit that came after the record is of an attempt that lost.
        let commit = claim.commit()?;
        let record = Record::of(folder, part)?;
        let is_done = match &record {
            Record::Whole(record) if !is_again(record) => return Ok(None),
            Record::Whole(_) => true,
            Record::Lost | Record::Absent => false,
        };
        if !matches!(record, Record::Absent) {
            storage.remove(&Completion::name(part))?;
        }
        match commit {
            Some(Ok(commit)) if !is_done && commit.is_whole(storage)? => {
                commit.publish(storage)?;
                Ok(None)
            }
            damaged => {
                if damaged.is_some() {
                    storage.remove(&Completion::commit(part))?;
                    clear_staging(storage, part, None)?;
                }
                if let Some(dead) = &claim.ticket.dead {
                    clear_staging(storage, part, Some(dead))?;
                    ["", "claims", "commits", "done"]
                        .iter()
                        .try_for_each(|name| storage.sweep(name, folder.timeout))?;
                }
                Ok(Some(claim))
            }
        }
    }

    /// The part.
    pub fn part(&self) -> u64 {
        self.part
    }

    /// The rows of the part.
    pub fn rows(&self) -> Range<u64> {
        self.folder.manifest.rows_of(self.part)
    }

    /// Reduces an attribution to what the part keeps: to one score per token, unless scores before aggregation are kept. Rows that
    /// wait for [`finish`](Self::finish) then take little memory.
    #[must_use]
    pub fn compact(&self, mut row: AttributedRow) -> AttributedRow {
        if !self.folder.manifest.raw {
            row.outcome = row.outcome.and_then(|sequence| sequence.aggregate().map_err(|error| error.to_string()));
        }
        row
    }

    /// Completes the part with its rows, in any order; if the run has a filter, with those that it keeps. If another process completed it meanwhile, because it took this one for
    /// dead, the record is the other's and these rows are dropped.
    ///
    /// # Errors
    /// The rows are not those of the part, or a file cannot be written. The part is then attributed again.
    pub fn finish(self, rows: Vec<AttributedRow>) -> Result<Completion> {
        let folder = &*self.folder;
        let storage = &*folder.storage;
        let rows = self.in_order(rows)?;
        folder.check()?;
        let attempt = (self.part, &*self.ticket.id);
        let (files, errors) = tables::stage(storage, &folder.manifest, attempt, &rows).map_err(|error| {
            // What is left is in nobody's way, but takes space.
            let _ = clear_staging(storage, self.part, Some(&self.ticket.id));
            folder.reason(with_way_out(error))
        })?;
        let completion = Completion {
            part: self.part,
            first_row: self.rows().start,
            rows: rows.len() as u64,
            left_out: (self.rows().end - self.rows().start) - rows.len() as u64,
            errors,
            files,
            started: self.ticket.since.clone(),
            finished: super::process::now(),
            process: Process::this(),
        };
        self.adopt(completion)
    }

    /// Name of this attempt on the part.
    pub(super) fn attempt(&self) -> &str {
        &self.ticket.id
    }

    /// Completes the part with files that this attempt staged.
    pub(super) fn adopt(self, completion: Completion) -> Result<Completion> {
        let steps = || {
            self.folder.check()?;
            let completion = self.decide(completion).map_err(with_way_out)?;
            clear_claims(&*self.folder.storage, self.part)?;
            Ok(completion)
        };
        steps().map_err(|error| self.folder.reason(error))
    }

    /// Commits and publishes these files, or those of an attempt that came before.
    fn decide(&self, own: Completion) -> Result<Completion> {
        let storage = &*self.folder.storage;
        let is_first = own.create(storage, &Completion::commit(self.part)).inspect_err(|_| {
            // Without a commit nobody needs the files, and on a full disk they are in the way.
            if matches!(storage.read(&Completion::commit(self.part)), Ok(None)) {
                let _ = clear_staging(storage, self.part, Some(&self.ticket.id));
            }
        })?;
        let commit = if is_first { Some(Ok(own)) } else { self.commit()? };
        if let Some(done) = Completion::read(storage, &self.folder.manifest, self.part)? {
            if is_first {
                storage.remove(&Completion::commit(self.part))?;
            }
            clear_staging(storage, self.part, Some(&self.ticket.id))?;
            return Ok(done);
        }
        match commit {
            Some(Ok(commit)) => {
                commit.publish(storage)?;
                Ok(commit)
            }
            Some(Err(problem)) => Err(Error::Results(format!(
                "{}: the commit of the part is damaged ({problem}); run the same command again, which replaces it and attributes the \
                 part anew",
                storage.place(&Completion::commit(self.part)).display()
            ))),
            None => Err(Error::Results(format!(
                "part {} was taken from this process, and is being attributed again by another one; run the same command again to \
                 see how far it is",
                self.part
            ))),
        }
    }

    /// The decision about the part, if there is one; or what is wrong with it. A damaged one was never acted on, or its part is done.
    fn commit(&self) -> Result<Option<Result<Completion, String>>> {
        let bytes = self.folder.storage.read(&Completion::commit(self.part))?;
        Ok(bytes.map(|bytes| Completion::parse(&bytes, &self.folder.manifest, self.part)))
    }

    /// The rows by their numbers.
    fn in_order(&self, mut rows: Vec<AttributedRow>) -> Result<Vec<AttributedRow>> {
        rows.sort_by_key(|row| row.row.number);
        let expected = self.rows();
        let mut wanted = expected.clone();
        let is_filtered = self.folder.manifest.filter.is_some();
        let wrong = |problem: String| {
            Err(Error::Results(format!(
                "part {} has the rows {} to {}, but {problem}",
                self.part, expected.start, expected.end
            )))
        };
        for row in &rows {
            let number = row.row.number;
            if is_filtered && wanted.contains(&number) {
                wanted.start = number;
            }
            match wanted.next() {
                Some(next) if next == number => {}
                Some(next) if next < number => return wrong(format!("row {next} is missing")),
                _ => return wrong(format!("row {number} is not one of them, or is there twice")),
            }
        }
        match wanted.next() {
            // The filter left out what follows.
            _ if is_filtered => Ok(rows),
            Some(missing) => wrong(format!("row {missing} is missing")),
            None => Ok(rows),
        }
    }
}

/// What there is of a part.
enum Record {
    /// No completion record.
    Absent,
    /// A completion record, and a file that is missing or has another size. The part is attributed again.
    Lost,
    /// A completion record, and files of the right sizes.
    Whole(Box<Completion>),
}

impl Record {
    fn of(folder: &Folder, part: u64) -> Result<Self> {
        let storage = &*folder.storage;
        let Some(record) = Completion::read(storage, &folder.manifest, part)? else { return Ok(Self::Absent) };
        let loss = record.loss(|name| storage.size(name))?;
        Ok(if loss.is_some() { Self::Lost } else { Self::Whole(Box::new(record)) })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // An error leaves a stale claim, which others take over.
        let _ = self.ticket.give_back(&*self.folder.storage);
    }
}

/// The error, with what to do about a full disk or a folder that cannot be written to.
fn with_way_out(error: Error) -> Error {
    use std::io::ErrorKind as Kind;
    let Error::File { path, source } = error else { return error };
    let way_out = match source.kind() {
        Kind::StorageFull | Kind::QuotaExceeded | Kind::FileTooLarge => "make room",
        Kind::ReadOnlyFilesystem | Kind::PermissionDenied => "let this user write to the folder",
        _ => return Error::File { path, source },
    };
    let text = format!("{source}; the parts that are done stay as they are: {way_out} and run the same command again");
    Error::File { path, source: std::io::Error::new(source.kind(), text) }
}

/// Renews a claim in the background.
#[derive(Debug)]
struct Heartbeat {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Heartbeat {
    fn start(mut hold: Box<dyn Hold>, interval: std::time::Duration) -> Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let beat = move || {
            while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                // A claim that cannot be renewed becomes stale; the commit decides then.
                let _ = hold.renew();
            }
        };
        let thread = std::thread::Builder::new().name("claim".to_owned()).spawn(beat);
        let thread = thread.map_err(|error| Error::Results(format!("the claim cannot be kept alive: {error}")))?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It ends at once, and has nothing to say.
            let _ = thread.join();
        }
    }
}
