//! Connections to stores.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::http::HttpBuilder;
use object_store::path::Path;
use object_store::{
    ClientOptions, GetOptions, ListResult, ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMode, PutPayload,
    RetryConfig, UpdateVersion, WriteMultipart,
};

use super::object::{Blocks, Object};
use super::problem::explained;
use super::tasks::Tasks;
use crate::{Error, Result};

/// Bytes of a part of an upload; the files of R2 need parts of the same size.
const UPLOAD_PART: usize = 8 << 20;

/// Parts of an upload that are under way at the same time.
const UPLOADS: usize = 4;

/// A kind of store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Provider {
    Amazon,
    Google,
    Azure,
    Web,
}

impl Provider {
    /// How to name credentials.
    pub(super) fn credentials(self) -> &'static str {
        match self {
            Self::Amazon => {
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN where there is one), or \
                 AWS_SKIP_SIGNATURE=true for a public bucket"
            }
            Self::Google => {
                "set GOOGLE_SERVICE_ACCOUNT to the path of a key file, or GOOGLE_SKIP_SIGNATURE=true for a public bucket"
            }
            Self::Azure => {
                "set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY, or AZURE_SKIP_SIGNATURE=true for a public container"
            }
            Self::Web => "this program sends no credentials to web servers; download the file",
        }
    }

    /// The variable with the address of the store.
    pub(super) fn endpoint(self) -> Option<&'static str> {
        match self {
            Self::Amazon => Some("AWS_ENDPOINT_URL"),
            Self::Azure => Some("AZURE_STORAGE_ENDPOINT"),
            Self::Google | Self::Web => None,
        }
    }

    /// What allows a store without encryption.
    pub(super) fn plain_http(self) -> &'static str {
        match self {
            Self::Azure => "the address of the store starts with http://; allow it with AZURE_ALLOW_HTTP=true",
            Self::Google => "the address of the store starts with http://; allow it with GOOGLE_ALLOW_HTTP=true",
            Self::Amazon | Self::Web => {
                "the address of the store starts with http://; allow it with AWS_ALLOW_HTTP=true"
            }
        }
    }
}

/// A connection to a bucket, or to a web server.
#[derive(Debug)]
pub(crate) struct Bucket {
    store: Arc<dyn ObjectStore>,
    provider: Provider,
    /// The address of the bucket, without `/` at its end.
    root: String,
    tasks: Tasks,
    pub(super) blocks: Blocks,
}

/// What became of a conditional write.
#[derive(Debug)]
pub(crate) enum Written {
    /// The object has this content now.
    Done(UpdateVersion),
    /// The condition did not hold.
    Refused,
}

/// Connections by their buckets, so that each is made once.
#[derive(Debug, Default)]
pub(crate) struct Buckets(HashMap<String, Arc<Bucket>>);

impl Buckets {
    /// The bucket of an address, and the name in it.
    ///
    /// # Errors
    /// The address is none, a setting of the environment is invalid, or the store cannot be reached.
    pub(crate) fn open(&mut self, address: &str) -> Result<(Arc<Bucket>, String)> {
        let parts = Parts::of(address)?;
        if let Some(bucket) = self.0.get(&parts.id()) {
            return Ok((bucket.clone(), parts.name));
        }
        let bucket = Arc::new(Bucket::connect(address, &parts)?);
        self.0.insert(parts.id(), bucket.clone());
        Ok((bucket, parts.name))
    }

    /// The object at an address; `None` if there is none.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub(crate) fn find(&mut self, address: &str) -> Result<Option<Object>> {
        let (bucket, name) = self.open(address)?;
        Ok(bucket.head(&name)?.map(|meta| Object::new(&bucket, name, &meta)))
    }
}

/// The parts of an address.
struct Parts {
    provider: Provider,
    /// The address of the bucket, without `/` at its end.
    root: String,
    /// The query of a web address, with its `?`; it may be a signature, so it is in no message.
    query: String,
    name: String,
}

impl Parts {
    fn of(address: &str) -> Result<Self> {
        let invalid = |reason: &str| {
            Error::Dataset(format!("{address}: {reason}; expected an address such as s3://bucket/folder/file"))
        };
        let (scheme, rest) = address.split_once("://").ok_or_else(|| invalid("it is no address"))?;
        let provider = match scheme {
            "s3" => Provider::Amazon,
            "gs" => Provider::Google,
            "az" => Provider::Azure,
            "http" | "https" => Provider::Web,
            _ => return Err(invalid("its scheme is unknown")),
        };
        let (bucket, name) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(invalid("it names no bucket"));
        }
        let (name, query) = match name.split_once('?').filter(|_| provider == Provider::Web) {
            Some((name, query)) => (name, format!("?{query}")),
            None => (name, String::new()),
        };
        Ok(Self { provider, root: format!("{scheme}://{bucket}"), query, name: name.to_owned() })
    }

    fn id(&self) -> String {
        format!("{}{}", self.root, self.query)
    }
}

impl Bucket {
    /// Connects, and sees whether the store answers.
    fn connect(address: &str, parts: &Parts) -> Result<Self> {
        // The first request fails soon; a store that has answered once gets more time.
        let soon = RetryConfig { max_retries: 2, retry_timeout: Duration::from_secs(10), ..RetryConfig::default() };
        let built = |retry| {
            store(parts, retry)
                .map_err(|error| Error::File { path: address.into(), source: explained(parts.provider, &error) })
        };
        let first = Self::of(built(soon)?, parts.provider, &parts.root)?;
        match first.head(&parts.name) {
            // Who may use a folder need not have a right to its name; and the answer to another request says why it is denied.
            Err(Error::File { source, .. }) if source.kind() == io::ErrorKind::PermissionDenied => {}
            found => drop(found?),
        }
        Self::of(built(RetryConfig::default())?, parts.provider, &parts.root)
    }

    fn of(store: Arc<dyn ObjectStore>, provider: Provider, root: &str) -> Result<Self> {
        let failed = |source| Error::File { path: root.into(), source };
        let tasks = Tasks::start().map_err(failed)?;
        Ok(Self { store, provider, root: root.to_owned(), tasks, blocks: Blocks::default() })
    }

    /// A bucket of a test.
    #[cfg(test)]
    pub(crate) fn of_test(store: Arc<dyn ObjectStore>) -> Arc<Self> {
        Arc::new(Self::of(store, Provider::Amazon, "s3://test").unwrap())
    }

    /// The address of a name, for messages.
    pub(crate) fn address(&self, name: &str) -> PathBuf {
        let separator = if name.is_empty() { "" } else { "/" };
        format!("{}{separator}{name}", self.root).into()
    }

    /// Whether the files of a folder can be listed.
    pub(crate) fn has_lists(&self) -> bool {
        self.provider != Provider::Web
    }

    /// Does something at a name, and waits for it.
    pub(super) fn run<T, F>(&self, name: &str, work: impl FnOnce(Arc<dyn ObjectStore>, Path) -> F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: Future<Output = object_store::Result<T>> + Send + 'static,
    {
        let parsed = match self.provider {
            Provider::Web => Path::from_url_path(name),
            _ => Path::parse(name),
        };
        let outcome = match parsed {
            Ok(path) => self.tasks.wait(work(self.store.clone(), path)).map_err(Fault::Thread)?,
            Err(source) => Err(object_store::Error::InvalidPath { source }),
        };
        outcome.map_err(Fault::Store)
    }

    /// The error for a name.
    pub(super) fn error(&self, name: &str, fault: Fault) -> Error {
        let source = match fault {
            Fault::Store(error) => explained(self.provider, &error),
            Fault::Thread(error) => error,
        };
        Error::File { path: self.address(name), source }
    }

    /// `None` if the object is not there; an error if the bucket is not.
    fn found<T>(&self, name: &str, outcome: Result<T, Fault>) -> Result<Option<T>> {
        match outcome {
            Ok(value) => Ok(Some(value)),
            Err(Fault::Store(error @ object_store::Error::NotFound { .. })) => {
                let explained = explained(self.provider, &error);
                match explained.get_ref().is_some_and(|said| said.to_string().contains("no such bucket")) {
                    true => Err(Error::File { path: self.address(name), source: explained }),
                    false => Ok(None),
                }
            }
            Err(fault) => Err(self.error(name, fault)),
        }
    }

    /// Facts of an object; `None` if there is none.
    pub(crate) fn head(&self, name: &str) -> Result<Option<ObjectMeta>> {
        if name.is_empty() || name.ends_with('/') {
            return Ok(None);
        }
        self.found(name, self.run(name, |store, path| async move { store.head(&path).await }))
    }

    /// The content of a small object, with its version.
    pub(crate) fn get(&self, name: &str) -> Result<Option<(Bytes, UpdateVersion)>> {
        let got = self.run(name, |store, path| async move {
            let got = store.get_opts(&path, GetOptions::default()).await?;
            let version = UpdateVersion { e_tag: got.meta.e_tag.clone(), version: got.meta.version.clone() };
            Ok((got.bytes().await?, version))
        });
        self.found(name, got)
    }

    /// Writes a small object under a condition.
    pub(crate) fn put(&self, name: &str, content: Bytes, condition: PutMode) -> Result<Written> {
        let written = self.run(name, |store, path| async move {
            store.put_opts(&path, PutPayload::from_bytes(content), condition.into()).await
        });
        match written {
            Ok(version) => Ok(Written::Done(version.into())),
            Err(Fault::Store(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. })) => {
                Ok(Written::Refused)
            }
            Err(fault) => Err(self.error(name, fault)),
        }
    }

    /// Writes an object of any size. Nobody sees it before it is whole.
    pub(crate) fn upload(&self, name: &str, content: &mut File) -> Result<()> {
        let failed = |source| Error::File { path: self.address(name), source };
        let mut part = next_part(content).map_err(failed)?;
        if part.len() < UPLOAD_PART {
            return self.put(name, part, PutMode::Overwrite).map(drop);
        }
        let started = self.run(name, |store, path| async move { store.put_multipart(&path).await });
        let upload = started.map_err(|fault| self.error(name, fault))?;
        let mut writer = WriteMultipart::new_with_chunk_size(upload, UPLOAD_PART);
        while !part.is_empty() {
            let sent = self.run(name, |_, _| async move {
                if let Err(error) = writer.wait_for_capacity(UPLOADS).await {
                    // The first error says more than one about clearing up.
                    let _ = writer.abort().await;
                    return Err(error);
                }
                writer.put(part);
                Ok(writer)
            });
            writer = sent.map_err(|fault| self.error(name, fault))?;
            part = next_part(content).map_err(failed)?;
        }
        let finished = self.run(name, |_, _| async move { writer.finish().await });
        finished.map(drop).map_err(|fault| self.error(name, fault))
    }

    /// Copies an object over another one; false if there is none.
    pub(crate) fn copy(&self, from: &str, to: &str) -> Result<bool> {
        let target = Path::parse(to).map_err(|source| self.error(to, Fault::Store(source.into())))?;
        let copied = self.run(from, |store, path| async move { store.copy(&path, &target).await });
        self.found(from, copied).map(|copied| copied.is_some())
    }

    /// Removes an object; no error if there is none.
    pub(crate) fn delete(&self, name: &str) -> Result<()> {
        let deleted = self.run(name, |store, path| async move { store.delete(&path).await });
        self.found(name, deleted).map(drop)
    }

    /// The objects in a folder and its subfolders.
    pub(crate) fn files(&self, folder: &str) -> Result<Vec<ObjectMeta>> {
        let listed = self.run(folder, |store, path| async move { store.list(Some(&path)).try_collect().await });
        listed.map_err(|fault| self.error(folder, fault))
    }

    /// The objects and folders in a folder.
    pub(crate) fn entries(&self, folder: &str) -> Result<ListResult> {
        let listed = self.run(folder, |store, path| async move { store.list_with_delimiter(Some(&path)).await });
        listed.map_err(|fault| self.error(folder, fault))
    }
}

/// Why something was not done.
#[derive(Debug)]
pub(super) enum Fault {
    Store(object_store::Error),
    Thread(io::Error),
}

/// The client for a bucket.
fn store(parts: &Parts, retry: RetryConfig) -> object_store::Result<Arc<dyn ObjectStore>> {
    let bucket = parts.root.as_str();
    Ok(match parts.provider {
        Provider::Amazon => Arc::new(AmazonS3Builder::from_env().with_url(bucket).with_retry(retry).build()?),
        Provider::Google => Arc::new(GoogleCloudStorageBuilder::from_env().with_url(bucket).with_retry(retry).build()?),
        Provider::Azure => Arc::new(MicrosoftAzureBuilder::from_env().with_url(bucket).with_retry(retry).build()?),
        Provider::Web => {
            let options = ClientOptions::new().with_allow_http(true);
            let url = parts.id();
            Arc::new(HttpBuilder::new().with_url(url).with_client_options(options).with_retry(retry).build()?)
        }
    })
}

/// The next bytes of an upload; none at the end.
fn next_part(content: &mut File) -> io::Result<Bytes> {
    let mut part = Vec::new();
    content.take(UPLOAD_PART as u64).read_to_end(&mut part)?;
    Ok(part.into())
}
