//! Folders of buckets.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use super::bucket::{Bucket, Buckets};
use super::object::Object;
use crate::{Error, Result};

/// A folder of a bucket. Its files are listed when they are asked for, once.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    bucket: Arc<Bucket>,
    /// Name in the bucket; empty, or with `/` at its end.
    name: String,
    files: OnceLock<BTreeMap<String, Object>>,
}

impl Folder {
    /// The folder at an address.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub(crate) fn open(address: &str, buckets: &mut Buckets) -> Result<Self> {
        let (bucket, name) = buckets.open(address)?;
        let name = name.trim_matches('/');
        let name = if name.is_empty() { String::new() } else { format!("{name}/") };
        Ok(Self { bucket, name, files: OnceLock::new() })
    }

    /// Its address, without `/` at its end.
    pub(crate) fn address(&self) -> String {
        self.bucket.address(self.name.trim_end_matches('/')).display().to_string()
    }

    /// The files in it and its subfolders, by their names in it.
    ///
    /// # Errors
    /// The store cannot be reached, or it has no lists.
    pub(crate) fn files(&self) -> Result<&BTreeMap<String, Object>> {
        if let Some(files) = self.files.get() {
            return Ok(files);
        }
        if !self.bucket.has_lists() {
            return Err(Error::Dataset(format!(
                "{}: a web server does not say which files it has; name each file with `--dataset_files`",
                self.address()
            )));
        }
        let mut files = BTreeMap::new();
        for meta in self.bucket.files(&self.name)? {
            let name = meta.location.as_ref().to_owned();
            if let Some(inside) = name.strip_prefix(&self.name).map(str::to_owned) {
                files.insert(inside, Object::new(&self.bucket, name, &meta));
            }
        }
        Ok(self.files.get_or_init(|| files))
    }
}
