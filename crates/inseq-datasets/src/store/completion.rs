//! Completion records of parts.

use std::fs::File;
use std::io::{self, Seek, Write};

use serde::{Deserialize, Serialize};

use super::manifest::Manifest;
use super::process::Process;
use super::storage::{Content, Fetched, Storage};
use crate::{Error, Result};

/// What was written of a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Completion {
    /// The part.
    pub part: u64,
    /// Its first row.
    pub first_row: u64,
    /// Number of rows.
    pub rows: u64,
    /// Number of rows that the filter left out.
    #[serde(default)]
    pub left_out: u64,
    /// Number of rows that have an error.
    pub errors: u64,
    /// The files.
    pub files: Vec<PartFile>,
    /// When the part was claimed, in RFC 3339.
    pub started: String,
    /// When its files were written, in RFC 3339.
    pub finished: String,
    /// The process that wrote them.
    pub process: Process,
}

/// A file of a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PartFile {
    /// Name in the folder of results, such as `scores/part-00000.parquet`.
    pub name: String,
    /// Size in bytes.
    pub bytes: u64,
    /// BLAKE3 hash in hexadecimal.
    pub blake3: String,
    /// Name of the file before it had its final name.
    pub(super) staged: String,
}

impl Completion {
    /// Name of the record of a part.
    pub(super) fn name(part: u64) -> String {
        format!("done/{part:05}.json")
    }

    /// The part whose record has this name.
    pub(super) fn part_of(name: &str) -> Option<u64> {
        let part = name.strip_prefix("done/")?.strip_suffix(".json")?.parse().ok()?;
        (Self::name(part) == name).then_some(part)
    }

    /// Name of the commit of a part.
    pub(super) fn commit(part: u64) -> String {
        format!("commits/{part:05}.json")
    }

    /// The record of a part of a run, or `None`.
    pub(super) fn read(storage: &dyn Storage, manifest: &Manifest, part: u64) -> Result<Option<Self>> {
        let name = Self::name(part);
        let Some(bytes) = storage.read(&name)? else { return Ok(None) };
        let record = Self::parse(&bytes, manifest, part).map_err(|problem| {
            Error::Results(format!(
                "{}: the completion record is damaged ({problem}); remove the file and run the same command again, which \
                 attributes the part anew, or restore {} if it was changed",
                storage.place(&name).display(),
                Manifest::FILE
            ))
        });
        record.map(Some)
    }

    /// Reads a completion record or a commit; or says why it is not one of this part of the run.
    pub(super) fn parse(bytes: &[u8], manifest: &Manifest, part: u64) -> Result<Self, String> {
        let record: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let rows = manifest.rows_of(part);
        for (field, found, expected) in [("part", record.part, part), ("first_row", record.first_row, rows.start)] {
            if found != expected {
                return Err(format!("`{field}` is {found}; expected {expected}"));
            }
        }
        let (own, length) = (record.rows, rows.end - rows.start);
        if own.checked_add(record.left_out) != Some(length) || (record.left_out > 0 && manifest.filter.is_none()) {
            let left_out = record.left_out;
            return Err(format!(
                "`rows` is {own} and `left_out` is {left_out}; by {} the part has {length} rows{}",
                Manifest::FILE,
                if manifest.filter.is_none() { ", and there is no filter" } else { "" }
            ));
        }
        if record.errors > own {
            return Err(format!("`errors` is {}; expected at most {own}, the number of rows", record.errors));
        }
        let names: Vec<&str> = record.files.iter().map(|file| &*file.name).collect();
        let expected: Vec<String> = tables(manifest).map(|table| table.file(part)).collect();
        if names != expected {
            return Err(format!("`files` names {names:?}; expected {expected:?}"));
        }
        let own = staged_of(part);
        let is_staged = |name: &str| name.strip_prefix(&own).is_some_and(|rest| !rest.contains(['/', '\\']));
        match record.files.iter().find(|file| !is_staged(&file.staged)) {
            Some(file) => Err(format!("`staged` is {:?}; expected a name that begins with {own:?}", file.staged)),
            None => Ok(record),
        }
    }

    /// What is wrong with a file of the part, by its size only. `size` is the size of a file; `None` if there is none.
    pub(super) fn loss(&self, mut size: impl FnMut(&str) -> Result<Option<u64>>) -> Result<Option<String>> {
        for file in &self.files {
            if let Some(problem) = file.problem(size(&file.name)?) {
                return Ok(Some(format!("{} {problem}", file.name)));
            }
        }
        Ok(None)
    }

    /// What to do about a part with damaged files.
    pub(super) fn way_out(&self, storage: &dyn Storage) -> String {
        let record = storage.place(&Self::name(self.part));
        format!("remove {} and run the same command again, which attributes the part anew", record.display())
    }

    /// A file of the part.
    ///
    /// # Errors
    /// It is not as it was written; the error says the way out.
    pub(super) fn fetch(&self, storage: &dyn Storage, table: Table) -> Result<Fetched> {
        let name = table.file(self.part);
        let found = match self.files.iter().find(|file| file.name == name) {
            Some(file) => file.fetch(storage, &name)?,
            None => Err("is not in the completion record".to_owned()),
        };
        found.map_err(|problem| {
            let place = storage.place(&name);
            Error::Results(format!("{}: {problem}; {}", place.display(), self.way_out(storage)))
        })
    }

    /// Creates the record under this name; false if there is one.
    pub(super) fn create(&self, storage: &dyn Storage, name: &str) -> Result<bool> {
        let mut text = serde_json::to_vec_pretty(self).map_err(|error| Error::Results(error.to_string()))?;
        text.push(b'\n');
        storage.create_new(name, &mut |file| Ok(file.write_all(&text)?))
    }

    /// Whether every file is there as it was written, under its final or its staged name.
    pub(super) fn is_whole(&self, storage: &dyn Storage) -> Result<bool> {
        for file in &self.files {
            let is_as_written = |name| Ok::<_, Error>(file.fetch(storage, name)?.is_ok());
            if !is_as_written(&file.staged)? && !is_as_written(&file.name)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Gives the files their final names, writes the record, and removes what else there is of the part.
    pub(super) fn publish(&self, storage: &dyn Storage) -> Result<()> {
        for file in &self.files {
            // Files without their staged name have their final one already.
            storage.rename(&file.staged, &file.name)?;
        }
        self.create(storage, &Self::name(self.part))?;
        storage.remove(&Self::commit(self.part))?;
        clear_staging(storage, self.part, None)
    }
}

/// Removes the staged files of a part, or of one attempt on it.
pub(super) fn clear_staging(storage: &dyn Storage, part: u64, attempt: Option<&str>) -> Result<()> {
    let own = format!("{}{}", staged_of(part), attempt.unwrap_or_default());
    for name in storage.list("staging")?.iter().map(|name| format!("staging/{name}")) {
        if name.starts_with(&own) {
            storage.remove(&name)?;
        }
    }
    Ok(())
}

/// Beginning of the names of the staged files of a part.
fn staged_of(part: u64) -> String {
    format!("staging/{part:05}.")
}

/// A kind of file that each part has, in a folder of its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table {
    /// Name of the folder.
    pub folder: &'static str,
    extension: &'static str,
}

/// The table of sequences.
pub(super) const SEQUENCES: Table = Table { folder: "sequences", extension: "parquet" };
/// The table of scores.
pub(super) const SCORES: Table = Table { folder: "scores", extension: "parquet" };
/// Scores before aggregation.
pub(super) const RAW: Table = Table { folder: "raw", extension: "safetensors" };

/// The kinds of files that the parts of a run have, in the order in which records name them.
pub(super) fn tables(manifest: &Manifest) -> impl Iterator<Item = Table> {
    [SEQUENCES, SCORES].into_iter().chain(manifest.raw.then_some(RAW))
}

impl Table {
    /// Name of the file of a part.
    pub(super) fn file(self, part: u64) -> String {
        format!("{}/part-{part:05}.{}", self.folder, self.extension)
    }
}

impl PartFile {
    /// Stages a file for an attempt on a part.
    pub(super) fn stage(
        storage: &dyn Storage,
        (part, attempt): (u64, &str),
        table: Table,
        content: Content,
    ) -> Result<Self> {
        let staged = format!("{}{attempt}.{}", staged_of(part), table.folder);
        let (mut bytes, mut blake3) = (0, String::new());
        storage.write(&staged, &mut |file| {
            content(file)?;
            bytes = file.metadata()?.len();
            file.rewind()?;
            blake3 = hash(file)?;
            Ok(())
        })?;
        Ok(Self { name: table.file(part), bytes, blake3, staged })
    }

    /// What is wrong with a file of this size; `None` if it is as long as it was written.
    fn problem(&self, size: Option<u64>) -> Option<String> {
        match size {
            None => Some("is missing".to_owned()),
            Some(size) if size != self.bytes => Some(format!("has {size} bytes instead of {}", self.bytes)),
            Some(_) => None,
        }
    }

    /// The file of this name if it is as it was written; or what is wrong with it.
    pub(super) fn fetch(&self, storage: &dyn Storage, name: &str) -> Result<Result<Fetched, String>> {
        let missing = || Ok(Err(self.problem(None).unwrap_or_default()));
        let Some(fetched) = storage.fetch(name)? else { return missing() };
        let read = || -> io::Result<Option<String>> {
            let mut file = File::open(fetched.path())?;
            if let Some(problem) = self.problem(Some(file.metadata()?.len())) {
                return Ok(Some(problem));
            }
            Ok((hash(&mut file)? != self.blake3).then(|| "has another content than was written".to_owned()))
        };
        match read() {
            // It was renamed or removed after it was fetched.
            Err(error) if error.kind() == io::ErrorKind::NotFound => missing(),
            Err(source) => Err(Error::File { path: storage.place(name), source }),
            Ok(Some(problem)) => Ok(Err(problem)),
            Ok(None) => Ok(Ok(fetched)),
        }
    }
}

fn hash(file: &mut File) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    io::copy(file, &mut hasher)?;
    Ok(hasher.finalize().to_hex().to_string())
}
