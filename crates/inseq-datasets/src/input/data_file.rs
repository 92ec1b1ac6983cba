//! Facts about a data file.

use serde::{Deserialize, Serialize};

/// A file of a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DataFile {
    /// Path of the file, or its address on the hub with the commit.
    pub path: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Time of the last change in RFC 3339, of a file of this machine.
    pub modified: Option<String>,
    /// BLAKE3 hash of the bytes, in hexadecimal digits; of a file of the hub its hash there.
    pub hash: String,
}
