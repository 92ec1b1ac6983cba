//! Merging folders of results.

use std::fs::File;
use std::io;
use std::path::Path;

use super::completion::{Completion, PartFile};
use super::results::Results;
use crate::{Error, Result};

impl Results {
    /// Copies the parts that are done in several folders of the same run into one folder, which may be new. Each file is checked
    /// on the way.
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
        let merged = Self::create_or_resume(into, first.manifest())?;
        for source in sources {
            for completion in source.completions()?.values() {
                merged.take_over(source, completion)?;
            }
        }
        Ok(merged)
    }

    /// Copies a part of another folder.
    fn take_over(&self, source: &Self, completion: &Completion) -> Result<()> {
        let part = completion.part;
        let storage = &*self.folder.storage;
        let Some(claim) = self.claim(part)? else {
            let Some(own) = Completion::read(storage, &Completion::name(part))? else {
                return Err(Error::Results(format!("{}: a process works on part {part}", self.place().display())));
            };
            let content = |completion: &Completion| -> Vec<(String, String)> {
                completion.files.iter().map(|file| (file.name.clone(), file.blake3.clone())).collect()
            };
            if content(&own) == content(completion) {
                return Ok(());
            }
            return Err(Error::Results(format!(
                "{}: part {part} is there already, with other files than in {}; merge folders that have different parts",
                self.place().display(),
                source.place().display()
            )));
        };
        let mut files = Vec::new();
        for file in &completion.files {
            files.push(source.copy(file, storage, (part, claim.attempt()))?);
        }
        claim.adopt(Completion { files, ..completion.clone() }).map(drop)
    }

    /// Copies a file into the staging folder of another storage.
    fn copy(&self, file: &PartFile, to: &dyn super::storage::Storage, attempt: (u64, &str)) -> Result<PartFile> {
        let place = self.folder.storage.place(&file.name);
        let damaged =
            |problem: &str| Error::Results(format!("{}: the file {problem}; the part is damaged", place.display()));
        let fetched = file.fetch(&*self.folder.storage, &file.name)?.map_err(|problem| damaged(&problem))?;
        let (table, end) = match (file.name.split_once('/'), file.name.rsplit_once('.')) {
            (Some((table, _)), Some((_, end))) => (table, end),
            _ => return Err(damaged("has a name without folder and extension")),
        };
        let copied = PartFile::stage(to, attempt, (table, end), &mut |target| {
            io::copy(&mut File::open(fetched.path())?, target)?;
            Ok(())
        })?;
        if copied.blake3 == file.blake3 && copied.name == file.name {
            Ok(copied)
        } else {
            Err(damaged("changed while it was copied"))
        }
    }
}
