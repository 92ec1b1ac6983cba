//! Locks of this machine for objects elsewhere: whether the process that made an object still runs.

use std::fs::{self, File, TryLockError};
use std::path::PathBuf;
use std::sync::Once;
use std::time::Duration;

/// Start of the names of locks.
const PREFIX: &str = "inseq-claim-";

/// Age after which the lock of a process that has ended is removed. Claims are taken over by their age long before.
const LEFT_BEHIND: Duration = Duration::from_secs(24 * 60 * 60);

/// Removes the locks of killed processes, once per process.
static SWEEP: Once = Once::new();

/// A lock that ends with its process. Its file stays, so that others see that the process has ended.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    /// Takes the lock of a content that no other process has; `None` on a machine without locks.
    pub(super) fn take(content: &[u8]) -> Option<Self> {
        SWEEP.call_once(sweep);
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
        std::env::temp_dir().join(format!("{PREFIX}{}", &blake3::hash(content).to_hex()[..32]))
    }
}

/// Removes locks that no process has and that are [old](LEFT_BEHIND). A lock that cannot be looked at stays.
fn sweep() {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else { return };
    let locks = entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
    for path in locks.map(|entry| entry.path()) {
        let Ok(file) = File::open(&path) else { continue };
        let modified = file.metadata().and_then(|metadata| metadata.modified()).ok();
        let is_old = modified.and_then(|time| time.elapsed().ok()).is_some_and(|age| age > LEFT_BEHIND);
        if is_old && file.try_lock().is_ok() {
            // An empty file that is left is in nobody's way.
            let _ = fs::remove_file(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn old_locks_of_ended_processes_are_swept() {
        let old = SystemTime::now() - 2 * LEFT_BEHIND;
        let process = std::process::id();
        let lock = |name: &str, modified: SystemTime| {
            let path = Lock::path(format!("{name} of {process}").as_bytes());
            let file = File::create(&path).unwrap();
            file.set_modified(modified).unwrap();
            (path, file)
        };
        let [left, held, new] = [lock("left", old), lock("held", old), lock("new", SystemTime::now())];
        held.1.lock().unwrap();
        sweep();
        let is_there = [&left, &held, &new].map(|(path, _)| path.exists());
        [held, new].iter().for_each(|(path, _)| fs::remove_file(path).unwrap());
        assert_eq!(is_there, [false, true, true]);
    }
}
