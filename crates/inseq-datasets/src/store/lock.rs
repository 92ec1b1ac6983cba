//! Locks of this machine for objects elsewhere: whether the process that made an object still runs.

use std::fs::{self, File, TryLockError};
use std::path::PathBuf;

/// A lock that ends with its process. Its file stays, so that others see that the process has ended.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    /// Takes the lock of a content that no other process has; `None` on a machine without locks.
    pub(super) fn take(content: &[u8]) -> Option<Self> {
        let path = Self::path(content);
        let file = File::options().write(true).create_new(true).open(&path).ok()?;
        file.try_lock().ok()?;
        Some(Self { path, _file: file })
    }

    /// Removes the file of a lock that nobody asks for any more.
    pub(super) fn remove(&self) {
        // An empty file that is left is in nobody's way.
        let _ = fs::remove_file(&self.path);
    }

    /// Whether a process of this machine has the lock; `None` if none is known to have had it.
    pub(super) fn is_taken(content: &[u8]) -> Option<bool> {
        match File::open(Self::path(content)).ok()?.try_lock_shared() {
            Ok(()) => Some(false),
            Err(TryLockError::WouldBlock) => Some(true),
            Err(TryLockError::Error(_)) => None,
        }
    }

    fn path(content: &[u8]) -> PathBuf {
        std::env::temp_dir().join(format!("inseq-claim-{}", &blake3::hash(content).to_hex()[..32]))
    }
}
