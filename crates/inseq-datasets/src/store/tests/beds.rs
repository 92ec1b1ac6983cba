//! The kinds of storage that the tests of this folder run on.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use crate::Result;
use crate::store::local::LocalFolder;
use crate::store::storage::{Content, Fetched, Hold, Storage};

/// An empty storage of a kind. Storages of the same place see the same files.
#[derive(Clone)]
pub(super) struct Bed {
    /// The kind, for messages.
    pub kind: &'static str,
    /// What a process of its own needs to open the storage; `None` if it lives in this process only.
    pub place: Option<String>,
    pub storage: Arc<dyn Storage>,
    /// The folder of the storage, where it is one.
    pub folder: Option<Arc<TempDir>>,
}

/// Calls a test with an empty storage of each kind.
pub(super) fn each(mut test: impl FnMut(Bed)) {
    fresh().into_iter().for_each(&mut test);
}

/// An empty storage of each kind.
pub(super) fn fresh() -> Vec<Bed> {
    let beds = vec![local()];
    #[cfg(feature = "cloud")]
    let beds = [beds, stores::fresh()].concat();
    beds
}

fn local() -> Bed {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    Bed { kind: "local folder", ..Bed::at(&format!("local:{}", folder.path().display())).holding(folder) }
}

impl Bed {
    /// The storage at a [place](Self::place).
    pub(super) fn at(place: &str) -> Self {
        let (kind, name) = place.split_once(':').unwrap();
        let storage: Arc<dyn Storage> = match kind {
            "local" => Arc::new(LocalFolder::new(Path::new(name))),
            #[cfg(feature = "cloud")]
            _ => stores::storage(kind, name),
            #[cfg(not(feature = "cloud"))]
            _ => unreachable!("{kind}"),
        };
        Self { kind: "", place: Some(place.to_owned()), storage, folder: None }
    }

    fn holding(self, folder: Arc<TempDir>) -> Self {
        Self { folder: Some(folder), ..self }
    }

    /// Number of files in a folder.
    pub(super) fn count(&self, folder: &str) -> usize {
        self.storage.list(folder).unwrap().len()
    }
}

/// A storage in which the first claim on a part is old, and of a process that nothing is known of.
#[derive(Debug)]
pub(super) struct Old(pub Arc<dyn Storage>);

impl Storage for Old {
    fn place(&self, name: &str) -> std::path::PathBuf {
        self.0.place(name)
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        self.0.read(name)
    }

    fn fetch(&self, name: &str) -> Result<Option<Fetched>> {
        self.0.fetch(name)
    }

    fn create_new(&self, name: &str, content: Content) -> Result<bool> {
        self.0.create_new(name, content)
    }

    fn write(&self, name: &str, content: Content) -> Result<()> {
        self.0.write(name, content)
    }

    fn rename(&self, from: &str, to: &str) -> Result<bool> {
        self.0.rename(from, to)
    }

    fn remove(&self, name: &str) -> Result<()> {
        self.0.remove(name)
    }

    fn list(&self, folder: &str) -> Result<Vec<String>> {
        self.0.list(folder)
    }

    fn size(&self, name: &str) -> Result<Option<u64>> {
        self.0.size(name)
    }

    fn sizes(&self, folder: &str) -> Result<BTreeMap<String, u64>> {
        self.0.sizes(folder)
    }

    fn sweep(&self, folder: &str, older: Duration) -> Result<()> {
        self.0.sweep(folder, older)
    }

    fn age(&self, name: &str) -> Result<Option<Duration>> {
        let more = if is_first(name) { Duration::from_secs(300) } else { Duration::ZERO };
        Ok(self.0.age(name)?.map(|age| age + more))
    }

    fn hold(&self, name: &str, content: &[u8]) -> Result<Option<Box<dyn Hold>>> {
        self.0.hold(name, content)
    }

    fn is_held(&self, name: &str) -> Option<bool> {
        if is_first(name) { None } else { self.0.is_held(name) }
    }
}

fn is_first(claim: &str) -> bool {
    !claim.contains('.')
}

/// Object stores: two that are part of the library, and an S3 server where there is one.
#[cfg(feature = "cloud")]
mod stores {
    use object_store::local::LocalFileSystem;
    use object_store::memory::InMemory;

    use super::*;
    use crate::remote::{Bucket, s3_server};
    use crate::store::objects::ObjectFolder;

    pub(super) fn fresh() -> Vec<Bed> {
        let bucket = Bucket::of_test(Arc::new(InMemory::new()));
        let storage = Arc::new(ObjectFolder::new(bucket, "results"));
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let mut beds = vec![
            Bed { kind: "objects in memory", place: None, storage, folder: None },
            Bed {
                kind: "objects in a folder",
                ..Bed::at(&format!("files:{}", folder.path().display())).holding(folder)
            },
        ];
        if let Some(folder) = s3_server::folder() {
            beds.push(Bed { kind: "an S3 server", ..Bed::at(&format!("s3:{folder}")) });
        }
        beds
    }

    pub(super) fn storage(kind: &str, name: &str) -> Arc<dyn Storage> {
        match kind {
            "files" => {
                let store = LocalFileSystem::new_with_prefix(name).unwrap();
                Arc::new(ObjectFolder::new(Bucket::of_test(Arc::new(store)), "results"))
            }
            _ => {
                let (bucket, folder) = s3_server::open(name);
                Arc::new(ObjectFolder::new(bucket, &folder))
            }
        }
    }
}
