//! Results in an object store.
//!
//! Conditional writes stand for renames without replacing: a write that fails if the object exists decides between processes. A claim is
//! renewed by a write that fails if the claim is not the same any more.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Seek as _};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use object_store::{PutMode, UpdateVersion};

use super::local::TEMPORARY;
use super::lock::Lock;
use super::storage::{Content, Fetched, Hold, Storage};
use super::ticket::identity;
use crate::remote::{Bucket, Buckets, Object, Written};
use crate::{Error, Result};

/// A folder of a bucket.
#[derive(Debug)]
pub(super) struct ObjectFolder {
    bucket: Arc<Bucket>,
    /// Name of the folder in the bucket; empty, or with `/` at its end.
    folder: String,
    /// How far the clock of the store is ahead of the clock of this machine; it is read with the first conditional write.
    ahead: OnceLock<TimeDelta>,
}

impl ObjectFolder {
    /// The folder at an address, which need not exist.
    pub(super) fn open(address: &str) -> Result<Self> {
        let (bucket, folder) = Buckets::default().open(address)?;
        Ok(Self::new(bucket, &folder))
    }

    /// A folder of a bucket.
    pub(super) fn new(bucket: Arc<Bucket>, folder: &str) -> Self {
        let folder = folder.trim_matches('/');
        let folder = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        Self { bucket, folder, ahead: OnceLock::new() }
    }

    /// The name in the bucket.
    fn name(&self, name: &str) -> String {
        format!("{}{name}", self.folder)
    }

    /// Creates an object; `None` if there is another one.
    fn create(&self, name: &str, content: Bytes) -> Result<Option<UpdateVersion>> {
        self.clock()?;
        let place = self.name(name);
        match self.bucket.put(&place, content.clone(), PutMode::Create)? {
            Written::Done(version) => Ok(Some(version)),
            // A request that was answered too late is sent again, and then finds the object of the first try. No two processes create
            // the same content where it matters.
            Written::Refused => {
                let there = self.bucket.get(&place)?;
                Ok(there.filter(|(found, _)| *found == content).map(|(_, version)| version))
            }
        }
    }

    /// How far the clock of the store is ahead. The same requests show that conditional writes work.
    fn clock(&self) -> Result<TimeDelta> {
        if let Some(ahead) = self.ahead.get() {
            return Ok(*ahead);
        }
        let name = self.name(&format!("{TEMPORARY}{}", identity()));
        let create = || self.bucket.put(&name, Bytes::from_static(b"clock"), PutMode::Create);
        create()?;
        let is_refused = matches!(create()?, Written::Refused);
        let found = self.bucket.head(&name)?;
        let ahead = found.map(|found| found.last_modified - Utc::now()).unwrap_or_default();
        let removed = self.bucket.delete(&name);
        if !is_refused {
            return Err(Error::Results(format!(
                "{}: the store overwrites objects despite `If-None-Match`, so processes cannot share a run; use a store with \
                 conditional writes, or a local folder",
                self.place("").display()
            )));
        }
        removed?;
        Ok(*self.ahead.get_or_init(|| ahead))
    }

    /// The time by the clock of the store.
    fn now(&self) -> DateTime<Utc> {
        // In a bucket that cannot be written to, the clock of this machine is the best there is.
        Utc::now() + self.clock().unwrap_or_default()
    }

    fn object(&self, name: &str) -> Result<Option<Object>> {
        let name = self.name(name);
        Ok(self.bucket.head(&name)?.map(|meta| Object::new(&self.bucket, name, &meta)))
    }
}

impl Storage for ObjectFolder {
    fn place(&self, name: &str) -> PathBuf {
        self.bucket.address(self.name(name).trim_end_matches('/'))
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.bucket.get(&self.name(name))?.map(|(bytes, _)| bytes.into()))
    }

    fn fetch(&self, name: &str) -> Result<Option<Fetched>> {
        let Some(object) = self.object(name)? else { return Ok(None) };
        let copied = || -> io::Result<tempfile::NamedTempFile> {
            let mut file = tempfile::NamedTempFile::new()?;
            io::copy(&mut object.reader(), &mut file)?;
            Ok(file)
        };
        match copied() {
            Ok(file) => Ok(Some(Fetched::Copy(file))),
            // It was removed since.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::File { path: self.place(name), source }),
        }
    }

    fn create_new(&self, name: &str, content: Content) -> Result<bool> {
        let mut file = self.staged(name, content)?;
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut file, &mut bytes)
            .map_err(|source| Error::File { path: self.place(name), source })?;
        Ok(self.create(name, bytes.into())?.is_some())
    }

    fn write(&self, name: &str, content: Content) -> Result<()> {
        let mut file = self.staged(name, content)?;
        self.bucket.upload(&self.name(name), &mut file)
    }

    fn rename(&self, from: &str, to: &str) -> Result<bool> {
        let is_there = self.bucket.copy(&self.name(from), &self.name(to))?;
        if is_there {
            self.bucket.delete(&self.name(from))?;
        }
        Ok(is_there)
    }

    fn remove(&self, name: &str) -> Result<()> {
        self.bucket.delete(&self.name(name))
    }

    fn list(&self, folder: &str) -> Result<Vec<String>> {
        let found = self.bucket.entries(&self.name(folder))?;
        let paths = found.objects.into_iter().map(|object| object.location).chain(found.common_prefixes);
        let mut names: Vec<String> = paths.filter_map(|path| path.filename().map(str::to_owned)).collect();
        names.retain(|name| !name.starts_with(TEMPORARY));
        names.sort_unstable();
        Ok(names)
    }

    fn size(&self, name: &str) -> Result<Option<u64>> {
        Ok(self.bucket.head(&self.name(name))?.map(|found| found.size))
    }

    fn sizes(&self, folder: &str) -> Result<BTreeMap<String, u64>> {
        let found = self.bucket.entries(&self.name(folder))?.objects;
        Ok(found.into_iter().filter_map(|found| Some((found.location.filename()?.to_owned(), found.size))).collect())
    }

    fn sweep(&self, folder: &str, older: Duration) -> Result<()> {
        let now = self.now();
        for meta in self.bucket.entries(&self.name(folder))?.objects {
            let is_temporary = meta.location.filename().is_some_and(|name| name.starts_with(TEMPORARY));
            if is_temporary && (now - meta.last_modified).to_std().is_ok_and(|age| age > older) {
                self.bucket.delete(meta.location.as_ref())?;
            }
        }
        Ok(())
    }

    fn age(&self, name: &str) -> Result<Option<Duration>> {
        let Some(meta) = self.bucket.head(&self.name(name))? else { return Ok(None) };
        // An object of the future is new.
        Ok(Some((self.now() - meta.last_modified).to_std().unwrap_or_default()))
    }

    fn hold(&self, name: &str, content: &[u8]) -> Result<Option<Box<dyn Hold>>> {
        let content = Bytes::copy_from_slice(content);
        // Locked before it has its name, so that nobody takes it for the object of a dead process.
        let lock = Lock::take(&content);
        let Some(version) = self.create(name, content.clone())? else {
            lock.iter().for_each(Lock::remove);
            return Ok(None);
        };
        let (bucket, name) = (self.bucket.clone(), self.name(name));
        Ok(Some(Box::new(HeldObject { bucket, name, content, version, lock })))
    }

    fn is_held(&self, name: &str) -> Option<bool> {
        Lock::is_taken(&self.read(name).ok()??)
    }
}

impl ObjectFolder {
    /// A local file with the content of an object that is about to be written.
    fn staged(&self, name: &str, content: Content) -> Result<File> {
        let failed = |source| Error::File { path: self.place(name), source };
        let mut file = tempfile::tempfile().map_err(failed)?;
        content(&mut file).map_err(|error| super::local::written(&self.place(name), error))?;
        file.rewind().map_err(failed)?;
        Ok(file)
    }
}

/// An object that stands for this process.
#[derive(Debug)]
struct HeldObject {
    bucket: Arc<Bucket>,
    name: String,
    content: Bytes,
    version: UpdateVersion,
    lock: Option<Lock>,
}

impl Drop for HeldObject {
    fn drop(&mut self) {
        // An object that is still there was not given back; others see by the lock that its process has ended.
        if let (Some(lock), Ok(None)) = (&self.lock, self.bucket.head(&self.name)) {
            lock.remove();
        }
    }
}

impl Hold for HeldObject {
    fn renew(&mut self) -> Result<()> {
        let condition = PutMode::Update(self.version.clone());
        match self.bucket.put(&self.name, self.content.clone(), condition)? {
            Written::Done(version) => self.version = version,
            Written::Refused => {
                // Removed, or renewed by a request whose answer was lost.
                let same = self.bucket.get(&self.name)?.filter(|(found, _)| *found == self.content);
                let Some((_, version)) = same else {
                    let path = self.bucket.address(&self.name);
                    return Err(Error::File { path, source: io::ErrorKind::NotFound.into() });
                };
                self.version = version;
            }
        }
        Ok(())
    }
}
