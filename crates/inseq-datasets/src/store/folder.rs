//! The folder of a run, as its results and its claims share it.

use std::sync::Arc;
use std::time::Duration;

use super::manifest::Manifest;
use super::storage::Storage;
use crate::{Error, Result};

/// What claims and results share.
#[derive(Debug)]
pub(super) struct Folder {
    /// Where the files are.
    pub storage: Arc<dyn Storage>,
    /// What the run is.
    pub manifest: Manifest,
    /// Time without a sign of life after which a claim is taken over.
    pub timeout: Duration,
}

impl Folder {
    /// Checks that the folder is still there, and is still that of the run.
    ///
    /// # Errors
    /// The folder was moved, removed or replaced since it was opened.
    pub(super) fn check(&self) -> Result<()> {
        let what = match Manifest::of(&*self.storage)? {
            Some(manifest) if manifest.is_again(&self.manifest) => return Ok(()),
            Some(_) => "has changed",
            None => "is gone",
        };
        Err(Error::Results(format!(
            "{} {what}: the folder of results was moved, removed or replaced while this process worked on it; put it back, or name the \
             folder where it is now, and run the same command again",
            self.storage.place(Manifest::FILE).display()
        )))
    }

    /// The error of work in this folder: that the folder is not there any more, if this is so.
    pub(super) fn reason(&self, error: Error) -> Error {
        self.check().err().unwrap_or(error)
    }
}
