//! A storage that fails, as a full disk or a killed process does.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::store::storage::{Content, Fetched, Hold, Storage};
use crate::{Error, Result};

/// What happens at the operation that fails.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Failure {
    /// It does nothing, and so does everything after it: the process is killed before the operation.
    KilledBefore,
    /// It does its work, and nothing after it does: the process is killed after the operation.
    KilledAfter,
    /// Half of a file is written, and nothing after it: the process is killed while it writes.
    KilledInside,
    /// It fails, and the operations after it work again.
    Once(io::ErrorKind),
}

/// Fails at one of the operations that change files.
#[derive(Debug)]
pub(super) struct Failing {
    pub inner: Arc<dyn Storage>,
    pub failure: Failure,
    /// Number of operations before the one that fails.
    pub after: usize,
    pub count: AtomicUsize,
}

impl Failing {
    pub(super) fn new(inner: Arc<dyn Storage>, failure: Failure, after: usize) -> Arc<Self> {
        Arc::new(Self { inner, failure, after, count: AtomicUsize::new(0) })
    }

    /// Whether the operation that fails was reached.
    pub(super) fn has_failed(&self) -> bool {
        self.count.load(Ordering::SeqCst) > self.after
    }

    fn change<T>(&self, name: &str, operation: impl FnOnce() -> Result<T>) -> Result<T> {
        let number = self.count.fetch_add(1, Ordering::SeqCst);
        let kind = match self.failure {
            Failure::Once(kind) => kind,
            _ => io::ErrorKind::Other,
        };
        let fail = || Err(Error::File { path: self.inner.place(name), source: kind.into() });
        match (number.cmp(&self.after), self.failure) {
            (std::cmp::Ordering::Less, _) | (std::cmp::Ordering::Greater, Failure::Once(_)) => operation(),
            (std::cmp::Ordering::Equal, Failure::KilledAfter) => operation().and_then(|_| fail()),
            _ => fail(),
        }
    }
}

impl Storage for Failing {
    fn place(&self, name: &str) -> PathBuf {
        self.inner.place(name)
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        self.inner.read(name)
    }

    fn fetch(&self, name: &str) -> Result<Option<Fetched>> {
        self.inner.fetch(name)
    }

    fn create_new(&self, name: &str, content: Content) -> Result<bool> {
        self.change(name, || self.inner.create_new(name, content))
    }

    fn write(&self, name: &str, content: Content) -> Result<()> {
        if self.failure == Failure::KilledInside && self.count.load(Ordering::SeqCst) == self.after {
            self.inner.write(name, &mut |file: &mut File| {
                content(file)?;
                Ok(file.set_len(file.metadata()?.len() / 2)?)
            })?;
        }
        self.change(name, || self.inner.write(name, content))
    }

    fn rename(&self, from: &str, to: &str) -> Result<bool> {
        self.change(from, || self.inner.rename(from, to))
    }

    fn remove(&self, name: &str) -> Result<()> {
        self.change(name, || self.inner.remove(name))
    }

    fn list(&self, folder: &str) -> Result<Vec<String>> {
        self.inner.list(folder)
    }

    fn size(&self, name: &str) -> Result<Option<u64>> {
        self.inner.size(name)
    }

    fn sizes(&self, folder: &str) -> Result<BTreeMap<String, u64>> {
        self.inner.sizes(folder)
    }

    fn sweep(&self, folder: &str, older: Duration) -> Result<()> {
        self.inner.sweep(folder, older)
    }

    fn age(&self, name: &str) -> Result<Option<Duration>> {
        self.inner.age(name)
    }

    fn hold(&self, name: &str, content: &[u8]) -> Result<Option<Box<dyn Hold>>> {
        self.change(name, || self.inner.hold(name, content))
    }

    fn is_held(&self, name: &str) -> Option<bool> {
        self.inner.is_held(name)
    }
}
