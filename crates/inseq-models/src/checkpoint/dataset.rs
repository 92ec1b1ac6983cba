//! The files of a dataset on the hub.

use std::path::PathBuf;

use super::folder::inside;
use super::hub::{HubName, HubOptions, Kind, Snapshot};
use crate::{Error, Result};

/// Depth of folders that are searched for the files of a dataset in the cache.
const MOST_DEPTH: usize = 16;

/// The files of a dataset on the hub, at one commit. They are downloaded when they are asked for.
#[derive(Clone, Debug)]
pub struct DatasetRepository {
    name: String,
    snapshot: Snapshot,
}

impl DatasetRepository {
    /// Opens `name`, `organisation/name`, or either with `@revision`. Only the names of the files are downloaded.
    ///
    /// # Errors
    /// The name is malformed, the hub has no such dataset or refuses it, or only the cache is used and does not have it.
    pub fn open(name: &str, options: &HubOptions) -> Result<Self> {
        let snapshot = Snapshot::open(HubName::parse(Kind::Dataset, name)?, options)?;
        Ok(Self { name: name.to_owned(), snapshot })
    }

    /// As [`open`](Self::open); `None` if the hub has no such dataset or revision, or if only the cache is used and does not have it.
    ///
    /// # Errors
    /// The name is malformed, or the hub refuses the dataset.
    pub fn find(name: &str, options: &HubOptions) -> Result<Option<Self>> {
        let snapshot = Snapshot::find(HubName::parse(Kind::Dataset, name)?, options)?;
        Ok(snapshot.ok().map(|snapshot| Self { name: name.to_owned(), snapshot }))
    }

    /// The name, with the revision where one was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The commit of the files.
    pub fn commit(&self) -> String {
        self.snapshot.folder().file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// Whether only the files in the cache can be read.
    pub fn is_cached(&self) -> bool {
        self.snapshot.listed().is_none()
    }

    /// The names of the files; a file in a folder has the name `folder/name`.
    ///
    /// # Errors
    /// The cache cannot be read.
    pub fn files(&self) -> Result<Vec<String>> {
        self.snapshot.files(MOST_DEPTH)
    }

    /// The path of a file in the cache; it is downloaded first if only the hub has it.
    ///
    /// # Errors
    /// There is no such file, or the download fails.
    pub fn fetch(&self, file: &str) -> Result<PathBuf> {
        let path = self.snapshot.fetched(inside(self.snapshot.folder(), file, "dataset")?, file)?;
        if path.exists() {
            return Ok(path);
        }
        let message = if self.is_cached() {
            format!(
                "`{file}` is not in the cache, and only the cache was looked at; fetch it once with the hub, or give a local folder"
            )
        } else {
            format!("there is no file `{file}`")
        };
        Err(Error::Hub { name: self.name.clone(), message })
    }
}
