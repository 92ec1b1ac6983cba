//! Merging folders of results.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;

use super::completion::{Completion, PartFile, Table, tables};
use super::results::Results;
use super::storage::Storage;
use crate::{Error, Result};

impl Results {
    /// Copies the parts that are done in several folders of the same run into one folder, which may be new. Each file is checked
    /// before anything is written.
    ///
    /// # Errors
    /// The folders are of different runs, a part has different files in two folders, a process works on it, a file is damaged, or
    /// the folder cannot be written to.
    pub fn merge(sources: &[Self], into: &Path) -> Result<Self> {
        let Some(first) = sources.first() else {
            return Err(Error::Results("there are no folders of results to merge".to_owned()));
        };
        for source in sources {
            let differences = first.manifest().differences(source.manifest());
            if !differences.is_empty() {
                return Err(Error::Results(format!(
                    "{} and {} have the results of different runs and cannot be merged: {}; there is the first folder, here the \
                     second",
                    first.place().display(),
                    source.place().display(),
                    differences.join("; ")
                )));
            }
        }
        let parts = parts_of(sources)?;
        let merged = Self::create_or_resume(into, first.manifest())?;
        for (source, completion) in &parts {
            merged.take_over(source, completion)?;
        }
        merged.note_end()?;
        Ok(merged)
    }

    /// Copies a part of another folder.
    fn take_over(&self, source: &Self, completion: &Completion) -> Result<()> {
        let part = completion.part;
        let storage = &*self.folder.storage;
        let Some(claim) = self.claim(part)? else {
            let Some(own) = Completion::read(storage, self.manifest(), part)? else {
                return Err(Error::Results(format!(
                    "{}: a process works on part {part}; merge again when it has ended",
                    self.place().display()
                )));
            };
            return same(&own, self, completion, source);
        };
        let mut files = Vec::new();
        for table in tables(self.manifest()) {
            files.push(source.copy(completion, table, storage, claim.attempt())?);
        }
        claim.adopt(Completion { files, ..completion.clone() }).map(drop)
    }

    /// Copies a file of a part into the staging folder of another storage.
    fn copy(&self, completion: &Completion, table: Table, to: &dyn Storage, attempt: &str) -> Result<PartFile> {
        let fetched = completion.fetch(&*self.folder.storage, table)?;
        let copied = PartFile::stage(to, (completion.part, attempt), table, &mut |target| {
            io::copy(&mut File::open(fetched.path())?, target)?;
            Ok(())
        })?;
        if completion.files.iter().any(|file| file.name == copied.name && file.blake3 == copied.blake3) {
            return Ok(copied);
        }
        Err(Error::Results(format!(
            "{}: the file changed while it was copied; merge again when no process writes to the folder",
            self.folder.storage.place(&copied.name).display()
        )))
    }
}

/// The parts that are done in the folders, each once. Every file is checked, so that nothing is written if one is damaged.
fn parts_of(sources: &[Results]) -> Result<Vec<(&Results, Completion)>> {
    let mut parts: BTreeMap<u64, (&Results, Completion)> = BTreeMap::new();
    for source in sources {
        for (part, completion) in source.completions()? {
            for table in tables(source.manifest()) {
                completion.fetch(&*source.folder.storage, table)?;
            }
            match parts.get(&part) {
                Some((earlier, own)) => same(own, earlier, &completion, source)?,
                None => drop(parts.insert(part, (source, completion))),
            }
        }
    }
    Ok(parts.into_values().collect())
}

/// Checks that a part has the same files in two folders.
fn same(own: &Completion, folder: &Results, other: &Completion, source: &Results) -> Result<()> {
    let content = |completion: &Completion| -> Vec<(String, String)> {
        completion.files.iter().map(|file| (file.name.clone(), file.blake3.clone())).collect()
    };
    if content(own) == content(other) {
        return Ok(());
    }
    Err(Error::Results(format!(
        "{}: part {} is there already, with other files than in {}; merge folders that have different parts",
        folder.place().display(),
        own.part,
        source.place().display()
    )))
}
