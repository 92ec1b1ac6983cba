//! Models of the Hugging Face hub.

use std::path::PathBuf;

use crate::checkpoint::HubOptions;
use crate::{Error, Result};

/// The folder that holds the files of a model of the hub.
pub(crate) fn fetch(name: &str, _options: &HubOptions) -> Result<PathBuf> {
    Err(Error::Argument(format!("`{name}` is no folder")))
}
