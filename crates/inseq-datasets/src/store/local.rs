//! Results in a local folder, or in a shared one that every process has mounted.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use inseq_core::write_whole;

use super::storage::{Content, Fetched, Hold, Storage};
use crate::{Error, Result};

/// Beginning of the names of files that are being written.
pub(super) const TEMPORARY: &str = ".tmp";

/// A folder of the file system.
#[derive(Debug)]
pub(crate) struct LocalFolder {
    root: PathBuf,
}

impl LocalFolder {
    /// The folder at a path, which need not exist.
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The path of a file, in a folder that exists.
    fn place_in_folder(&self, name: &str) -> Result<PathBuf> {
        let made = match name.rsplit_once('/') {
            None => fs::create_dir_all(&self.root).map_err(at(&self.root)),
            // The root of a run that was moved or removed does not come back.
            Some((folder, _)) => {
                let folder = self.place(folder);
                match fs::create_dir(&folder) {
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                    made => made.map_err(at(&folder)),
                }
            }
        };
        made.map(|()| self.place(name))
    }

    /// The clock of the file system, which on a network differs from the clock of this machine.
    fn now(&self) -> SystemTime {
        let written = || tempfile::tempfile_in(&self.root)?.metadata()?.modified();
        // In a folder that cannot be written to, the clock of this machine is the best there is.
        written().unwrap_or_else(|_| SystemTime::now())
    }
}

impl Storage for LocalFolder {
    fn place(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let path = self.place(name);
        found(fs::read(&path)).map_err(at(&path))
    }

    fn fetch(&self, name: &str) -> Result<Option<Fetched>> {
        let path = self.place(name);
        Ok(found(fs::metadata(&path)).map_err(at(&path))?.map(|_| Fetched::Stored(path)))
    }

    fn create_new(&self, name: &str, content: Content) -> Result<bool> {
        let path = self.place_in_folder(name)?;
        match write_whole(&path, false, |file| content(file)) {
            Ok(()) => synchronize_folder(&path).map(|()| true),
            Err(inseq_core::Error::Exists(_)) => Ok(false),
            Err(error) => Err(written(&path, error)),
        }
    }

    fn write(&self, name: &str, content: Content) -> Result<()> {
        let path = self.place_in_folder(name)?;
        let mut file = File::options().read(true).write(true).create_new(true).open(&path).map_err(at(&path))?;
        let steps = content(&mut file).and_then(|()| Ok(file.sync_all()?));
        if let Err(error) = steps {
            // The first error says more than one about removing what is left.
            let _ = fs::remove_file(&path);
            return Err(written(&path, error));
        }
        synchronize_folder(&path)
    }

    fn rename(&self, from: &str, to: &str) -> Result<bool> {
        let path = self.place_in_folder(to)?;
        match found(fs::rename(self.place(from), &path)).map_err(at(&path))? {
            Some(()) => synchronize_folder(&path).map(|()| true),
            None => Ok(false),
        }
    }

    fn remove(&self, name: &str) -> Result<()> {
        let path = self.place(name);
        found(fs::remove_file(&path)).map(drop).map_err(at(&path))
    }

    fn list(&self, folder: &str) -> Result<Vec<String>> {
        let path = self.place(folder);
        let Some(entries) = found(fs::read_dir(&path)).map_err(at(&path))? else { return Ok(Vec::new()) };
        let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        let mut names: Vec<String> = names.collect::<io::Result<_>>().map_err(at(&path))?;
        names.retain(|name| !name.starts_with(TEMPORARY));
        names.sort_unstable();
        Ok(names)
    }

    fn size(&self, name: &str) -> Result<Option<u64>> {
        let path = self.place(name);
        Ok(found(fs::metadata(&path)).map_err(at(&path))?.map(|found| found.len()))
    }

    fn sizes(&self, folder: &str) -> Result<BTreeMap<String, u64>> {
        let mut sizes = BTreeMap::new();
        for name in self.list(folder)? {
            // One that was removed since has no size.
            if let Some(size) = self.size(&format!("{folder}/{name}"))? {
                sizes.insert(name, size);
            }
        }
        Ok(sizes)
    }

    fn sweep(&self, folder: &str, older: Duration) -> Result<()> {
        let path = self.place(folder);
        let Some(entries) = found(fs::read_dir(&path)).map_err(at(&path))? else { return Ok(()) };
        let now = self.now();
        for entry in entries {
            let entry = entry.map_err(at(&path))?;
            if !entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
                continue;
            }
            let Some(modified) = found(entry.metadata().and_then(|found| found.modified())).map_err(at(&path))? else {
                continue;
            };
            if now.duration_since(modified).is_ok_and(|age| age > older) {
                found(fs::remove_file(entry.path())).map_err(at(&path))?;
            }
        }
        Ok(())
    }

    fn age(&self, name: &str) -> Result<Option<Duration>> {
        let path = self.place(name);
        let modified = found(fs::metadata(&path).and_then(|found| found.modified())).map_err(at(&path))?;
        // A file of the future is new.
        Ok(modified.map(|modified| self.now().duration_since(modified).unwrap_or_default()))
    }

    fn hold(&self, name: &str, content: &[u8]) -> Result<Option<Box<dyn Hold>>> {
        let path = self.place_in_folder(name)?;
        let held = || -> io::Result<Option<File>> {
            let folder = path.parent().unwrap_or(&self.root);
            #[cfg_attr(not(unix), expect(unused_mut, reason = "permissions are of Unix"))]
            let mut builder = tempfile::Builder::new();
            #[cfg(unix)]
            builder.permissions(<fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o666));
            let mut file = builder.prefix(TEMPORARY).tempfile_in(folder)?;
            file.write_all(content)?;
            // Locked before it has its name, so that nobody takes it for the file of a dead process. A file system without
            // locks is one on which `is_held` does not know.
            let _ = file.as_file().try_lock();
            match file.persist_noclobber(&path) {
                Ok(file) => Ok(Some(file)),
                Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
                Err(error) => Err(error.error),
            }
        };
        let file = held().map_err(at(&path))?;
        Ok(file.map(|file| Box::new(HeldFile { path, file }) as Box<dyn Hold>))
    }

    fn is_held(&self, name: &str) -> Option<bool> {
        match File::open(self.place(name)).ok()?.try_lock_shared() {
            Ok(()) => Some(false),
            Err(TryLockError::WouldBlock) => Some(true),
            Err(TryLockError::Error(_)) => None,
        }
    }
}

/// A locked file.
#[derive(Debug)]
struct HeldFile {
    path: PathBuf,
    file: File,
}

impl Hold for HeldFile {
    fn renew(&mut self) -> Result<()> {
        // The same byte again: the file system sets the time by its own clock.
        let mut renewed = || {
            let mut byte = [0];
            self.file.seek(SeekFrom::Start(0))?;
            self.file.read_exact(&mut byte)?;
            self.file.seek(SeekFrom::Start(0))?;
            self.file.write_all(&byte)
        };
        renewed().map_err(at(&self.path))
    }
}

/// `None` if there is no such file.
fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> Error + '_ {
    |source| Error::File { path: path.to_owned(), source }
}

/// The error of writing a file.
pub(super) fn written(path: &Path, error: inseq_core::Error) -> Error {
    match error {
        inseq_core::Error::Io(source) => Error::File { path: path.to_owned(), source },
        inseq_core::Error::File { path, source } => written(&path, *source),
        other => Error::Results(format!("{}: {other}", path.display())),
    }
}

/// Makes the name of a new file durable.
fn synchronize_folder(path: &Path) -> Result<()> {
    let Some(folder) = path.parent() else { return Ok(()) };
    // Only Unix opens folders as files.
    if cfg!(unix) {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))?;
    }
    Ok(())
}
