//! The place where results are kept: the few operations that a folder of results needs.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::Result;

/// Writes the content of a new file.
pub(crate) type Content<'a> = &'a mut dyn FnMut(&mut File) -> inseq_core::Result<()>;

/// A folder of results, by names such as `done/00000.json`. It is made with its first file without a folder, the manifest; a file in a
/// folder of it makes that folder only.
///
/// A local folder keeps these promises by temporary files, renames and locks, an object store by conditional writes:
/// [`create_new`](Self::create_new) is a write that fails if the object exists, [`rename`](Self::rename) a copy and a removal.
pub(crate) trait Storage: Debug + Send + Sync {
    /// Path or address of a file, for messages.
    fn place(&self, name: &str) -> PathBuf;

    /// The content of a small file; `None` if there is no such file.
    fn read(&self, name: &str) -> Result<Option<Vec<u8>>>;

    /// A file as a local one, for random access; `None` if there is no such file.
    fn fetch(&self, name: &str) -> Result<Option<Fetched>>;

    /// Creates a file with this content, durably. Returns false, and changes nothing, if the file exists. Nobody sees half of
    /// it. Of several processes, only one creates the file.
    fn create_new(&self, name: &str, content: Content) -> Result<bool>;

    /// Writes a file of a name that nobody else uses, durably. Only its writer reads it until then.
    fn write(&self, name: &str, content: Content) -> Result<()>;

    /// Gives a file another name, durably; a file of that name is replaced. Returns false if there is no such file. A rename that
    /// was interrupted can be repeated.
    fn rename(&self, from: &str, to: &str) -> Result<bool>;

    /// Removes a file; no error if there is none.
    fn remove(&self, name: &str) -> Result<()>;

    /// Names of the files and folders in a folder, sorted, without files that are being written; empty if there is no such folder.
    /// The name of the whole is empty.
    fn list(&self, folder: &str) -> Result<Vec<String>>;

    /// Size of a file in bytes; `None` if there is no such file.
    fn size(&self, name: &str) -> Result<Option<u64>>;

    /// Sizes of the files in a folder in bytes, by their names there; empty if there is no such folder.
    fn sizes(&self, folder: &str) -> Result<BTreeMap<String, u64>>;

    /// Removes what processes that were killed left behind in a folder while they created files, if it is older than this.
    fn sweep(&self, folder: &str, older: Duration) -> Result<()>;

    /// Time since the file was created or [renewed](Hold::renew), by the clock of the storage; `None` if there is no such file.
    fn age(&self, name: &str) -> Result<Option<Duration>>;

    /// As [`create_new`](Self::create_new), for a file that stands for a living process. The file is held until the returned value
    /// is dropped or its process ends. `None` if the file exists.
    fn hold(&self, name: &str, content: &[u8]) -> Result<Option<Box<dyn Hold>>>;

    /// Whether a process of this machine holds the file; `None` if the storage cannot know.
    fn is_held(&self, name: &str) -> Option<bool>;
}

/// A file that is [held](Storage::hold).
pub(crate) trait Hold: Debug + Send {
    /// Sets the age of the file to 0.
    fn renew(&mut self) -> Result<()>;
}

/// A local file with the content of a stored one.
#[derive(Debug)]
pub(crate) enum Fetched {
    /// The stored file itself.
    Stored(PathBuf),
    /// A copy, which is removed with this value.
    #[cfg(feature = "cloud")]
    Copy(tempfile::NamedTempFile),
}

impl Fetched {
    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Stored(path) => path,
            #[cfg(feature = "cloud")]
            Self::Copy(file) => file.path(),
        }
    }
}
