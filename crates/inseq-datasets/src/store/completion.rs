//! Completion records of parts.

use std::fs::File;
use std::io::{self, Seek, Write};

use serde::{Deserialize, Serialize};

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

    /// Name of the commit of a part.
    pub(super) fn commit(part: u64) -> String {
        format!("commits/{part:05}.json")
    }

    /// The record at this name, or `None`.
    pub(super) fn read(storage: &dyn Storage, name: &str) -> Result<Option<Self>> {
        let Some(bytes) = storage.read(name)? else { return Ok(None) };
        let record = serde_json::from_slice(&bytes).map_err(|error| {
            Error::Results(format!(
                "{}: the completion record is damaged ({error}); remove the file and run the same command again, which \
                 attributes the part anew",
                storage.place(name).display()
            ))
        });
        record.map(Some)
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
    let own = format!("{part:05}.{}", attempt.unwrap_or_default());
    for name in storage.list("staging")?.iter().filter(|name| name.starts_with(&own)) {
        storage.remove(&format!("staging/{name}"))?;
    }
    Ok(())
}

impl PartFile {
    /// Stages a file for an attempt on a part.
    pub(super) fn stage(
        storage: &dyn Storage,
        (part, attempt): (u64, &str),
        (table, end): (&str, &str),
        content: Content,
    ) -> Result<Self> {
        let staged = format!("staging/{part:05}.{attempt}.{table}");
        let (mut bytes, mut blake3) = (0, String::new());
        storage.write(&staged, &mut |file| {
            content(file)?;
            bytes = file.metadata()?.len();
            file.rewind()?;
            blake3 = hash(file)?;
            Ok(())
        })?;
        Ok(Self { name: format!("{table}/part-{part:05}.{end}"), bytes, blake3, staged })
    }

    /// The file of this name if it is as it was written; or what is wrong with it.
    pub(super) fn fetch(&self, storage: &dyn Storage, name: &str) -> Result<Result<Fetched, String>> {
        let Some(fetched) = storage.fetch(name)? else { return Ok(Err("is missing".to_owned())) };
        let read = || -> io::Result<Option<String>> {
            let mut file = File::open(fetched.path())?;
            let bytes = file.metadata()?.len();
            if bytes != self.bytes {
                return Ok(Some(format!("has {bytes} bytes instead of {}", self.bytes)));
            }
            Ok((hash(&mut file)? != self.blake3).then(|| "has another content than was written".to_owned()))
        };
        match read() {
            // It was renamed or removed after it was fetched.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Err("is missing".to_owned())),
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
