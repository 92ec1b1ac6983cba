//! The folder of a run, as its results and its claims share it.

use std::sync::Arc;
use std::time::Duration;

use super::manifest::Manifest;
use super::storage::Storage;

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
