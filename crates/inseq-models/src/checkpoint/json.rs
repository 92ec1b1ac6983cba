//! JSON files of a repository.

use inseq_core::mismatch;
use serde::de::DeserializeOwned;

use super::foreign;
use crate::{Error, Result};

/// Parses a JSON file as Python does, which accepts `NaN`, `Infinity` and `-Infinity`: these are texts here. `kind` says what the
/// file is not, if it cannot be parsed.
///
/// # Errors
/// The file is something else, or does not fit the type; the error names the place.
pub(crate) fn parse<T: DeserializeOwned>(file: &str, bytes: &[u8], kind: &str) -> Result<T> {
    if let Some(found) = foreign::described_text(bytes) {
        return Err(Error::checkpoint(file, found.into()));
    }
    mismatch::parse_python(bytes).map_err(|e| Error::checkpoint(file, format!("{kind}: {e}")).caused_by(e))
}
