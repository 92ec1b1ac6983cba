//! Models and datasets of the Hugging Face hub, in the cache folder that Python's `huggingface_hub` also uses.

mod cache;
#[cfg(feature = "hub")]
mod download;
mod settings;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::{Error, Result};
use settings::Settings;

/// Callback with the name of a file, its received bytes, and its total bytes.
pub type Progress = Arc<dyn Fn(&str, u64, u64) + Send + Sync>;

/// Options for finding and downloading files of the hub. An option that is not set comes from the environment, as in Python.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct HubOptions {
    /// Callback for received bytes, called several times per file. Without it nothing is reported.
    pub progress: Option<Progress>,
    /// Whether only files in the cache are used; `HF_HUB_OFFLINE=1` sets it too.
    pub offline: bool,
    /// Cache folder. Default `HF_HUB_CACHE`, `HF_HOME/hub` or `~/.cache/huggingface/hub`.
    pub cache: Option<PathBuf>,
    /// Address of the hub. Default `HF_ENDPOINT` or `https://huggingface.co`.
    pub endpoint: Option<String>,
    /// Access token. Default `HF_TOKEN` or the token that `hf auth login` saved.
    pub token: Option<String>,
}

inseq_core::setters! {
    HubOptions { offline: bool }
    some { progress: Progress, cache: impl Into<PathBuf>, endpoint: impl Into<String>, token: impl Into<String> }
}

impl std::fmt::Debug for HubOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HubOptions")
            .field("offline", &self.offline)
            .field("cache", &self.cache)
            .field("endpoint", &self.endpoint)
            .field("token", &self.token.as_ref().map(|_| "set"))
            .finish_non_exhaustive()
    }
}

/// Kind of a repository on the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Model,
    Dataset,
}

impl Kind {
    /// The noun for messages.
    fn noun(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Dataset => "dataset",
        }
    }

    /// Start of the name of the folder in the cache.
    fn folder(self) -> &'static str {
        match self {
            Self::Model => "models",
            Self::Dataset => "datasets",
        }
    }
}

/// A repository on the hub: `name`, `organisation/name`, or either with `@revision`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HubName {
    kind: Kind,
    id: String,
    revision: String,
}

impl HubName {
    pub(super) fn parse(kind: Kind, name: &str) -> Result<Self> {
        let (id, revision) = name.split_once('@').unwrap_or((name, "main"));
        let is_part = |part: &str| {
            !part.is_empty()
                && !part.starts_with(['.', '-'])
                && !part.contains("..")
                && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        };
        let is_revision = revision.split('/').all(is_part);
        if id.len() <= 96 && id.split('/').count() <= 2 && id.split('/').all(is_part) && is_revision {
            return Ok(Self { kind, id: id.to_string(), revision: revision.to_string() });
        }
        Err(Error::argument(
            kind.noun(),
            format!(
                "`{name}` is neither a folder nor the name of a {} on the hub; expected a folder that exists, or \
                 `organisation/name` with or without `@revision`",
                kind.noun()
            ),
        ))
    }

    fn main_branch(&self) -> bool {
        self.revision == "main"
    }
}

impl std::fmt::Display for HubName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.id)?;
        if self.main_branch() { Ok(()) } else { write!(f, "@{}", self.revision) }
    }
}

/// The error for a repository or a revision that does not exist.
pub(super) struct Missing(pub(super) Error);

/// The files of a repository of the hub at one commit: those in the cache and, if the hub was asked, those on the hub.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    folder: PathBuf,
    #[cfg(feature = "hub")]
    remote: Option<Arc<download::Remote>>,
}

impl Snapshot {
    /// Opens a repository of the hub. Only the names of its files are downloaded.
    ///
    /// # Errors
    /// The hub has no such repository or refuses it, or only the cache is used and does not have it.
    pub(super) fn open(name: HubName, options: &HubOptions) -> Result<Self> {
        Self::find(name, options)?.map_err(|missing| missing.0)
    }

    /// As [`open`](Self::open); the inner error says that there is no such repository or revision.
    ///
    /// # Errors
    /// The hub refuses it, or cannot be asked.
    pub(super) fn find(name: HubName, options: &HubOptions) -> Result<Result<Self, Missing>> {
        let settings = Settings::new(options, &|variable| std::env::var(variable).ok())?;
        let cached = cache::snapshot(&settings.cache, &name);
        if settings.offline {
            return Ok(cached.map(Self::cached).ok_or_else(|| {
                Missing(Error::Hub {
                    name: name.to_string(),
                    message: format!(
                        "not in the cache ({}), and only the cache is used because HF_HUB_OFFLINE or the offline option is set; \
                         fetch it once without, or give a local folder",
                        settings.cache.display()
                    ),
                })
            }));
        }
        #[cfg(feature = "hub")]
        return match download::Remote::open(name, settings, options.progress.clone()) {
            Ok(remote) => Ok(Ok(Self { folder: remote.folder().to_path_buf(), remote: Some(Arc::new(remote)) })),
            Err(download::Failure::Unreachable(error)) => cached.map(|cached| Ok(Self::cached(cached))).ok_or(error),
            Err(download::Failure::Missing(error)) => Ok(Err(Missing(error))),
            Err(download::Failure::Refused(error)) => Err(error),
        };
        #[cfg(not(feature = "hub"))]
        Ok(cached.map(Self::cached).ok_or_else(|| {
            Missing(Error::Hub {
                name: name.to_string(),
                message: format!(
                    "not in the cache, and this program was built without the feature `hub`, which fetches {}s; give a local folder",
                    name.kind.noun()
                ),
            })
        }))
    }

    fn cached(folder: PathBuf) -> Self {
        Self {
            folder,
            #[cfg(feature = "hub")]
            remote: None,
        }
    }

    /// The folder of the downloaded files in the cache.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The names of the files: on the hub if it was asked, and otherwise in the cache.
    ///
    /// # Errors
    /// The cache cannot be read.
    pub(super) fn files(&self, most_depth: usize) -> Result<Vec<String>> {
        match self.listed().map(<[String]>::to_vec).or_else(|| cache::listing(&self.folder)) {
            Some(names) => Ok(names),
            None => super::folder::names(&self.folder, most_depth),
        }
    }

    /// The names of the files on the hub, if it was asked.
    pub(super) fn listed(&self) -> Option<&[String]> {
        #[cfg(feature = "hub")]
        return self.remote.as_ref().map(|remote| remote.files());
        #[cfg(not(feature = "hub"))]
        None
    }

    /// Whether the cache has this path, or the hub has this file.
    pub(super) fn has(&self, path: PathBuf, file: &str) -> bool {
        path.exists() || self.listed().is_some_and(|files| files.iter().any(|name| name == file))
    }

    /// A path in the cache; the file is downloaded first if only the hub has it.
    ///
    /// # Errors
    /// The download fails.
    pub(super) fn fetched(&self, path: PathBuf, file: &str) -> Result<PathBuf> {
        #[cfg(feature = "hub")]
        if let Some(remote) = &self.remote
            && !path.exists()
            && self.has(path.clone(), file)
        {
            remote.fetch(file, &path)?;
        }
        #[cfg(not(feature = "hub"))]
        let _ = file;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_at_most_an_organisation_and_a_revision() {
        let parse = |name| HubName::parse(Kind::Model, name).map(|m| (m.id, m.revision));
        let ok = |id: &str, revision: &str| Some((id.to_string(), revision.to_string()));
        assert_eq!(parse("gpt2").ok(), ok("gpt2", "main"));
        assert_eq!(parse("Helsinki-NLP/opus-mt-en-fr").ok(), ok("Helsinki-NLP/opus-mt-en-fr", "main"));
        assert_eq!(parse("org/name@refs/pr/3").ok(), ok("org/name", "refs/pr/3"));
        let too_long = "x".repeat(97);
        for name in [
            "",
            "/",
            "a/b/c",
            "./a",
            "../a",
            "a/..",
            "/tmp/model",
            "a b",
            "a/b@",
            "a/b@../../x",
            "a\\b",
            "~/m",
            &too_long,
        ] {
            let message = parse(name).unwrap_err().to_string();
            assert!(message.contains("neither a folder nor the name of a model"), "{name}: {message}");
        }
    }
}
