//! Downloads the files of a repository through `hf-hub`.

use std::path::{Path, PathBuf};

use hf_hub::api::Progress as HubProgress;
use hf_hub::api::sync::{Api, ApiBuilder, ApiError};
use hf_hub::{Repo, RepoType};

use super::settings::Settings;
use super::{HubName, Kind, Progress, cache};
use crate::{Error, Result};

/// Number of times that an interrupted download is resumed.
const RETRIES: usize = 3;

/// A repository on the hub, at one commit.
pub(super) struct Remote {
    name: HubName,
    settings: Settings,
    api: Api,
    commit: String,
    /// The folder of the commit in the cache.
    folder: PathBuf,
    files: Vec<String>,
    progress: Option<Progress>,
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Remote").field("name", &self.name).field("commit", &self.commit).finish_non_exhaustive()
    }
}

/// Reason why a repository is not available.
pub(super) enum Failure {
    /// The hub does not answer, or reports a server error.
    Unreachable(Error),
    /// There is no such repository or revision.
    Missing(Error),
    Refused(Error),
}

impl Remote {
    /// Asks the hub for the files of a repository.
    pub(super) fn open(name: HubName, settings: Settings, progress: Option<Progress>) -> Result<Self, Failure> {
        let explained = |error: &ApiError| {
            let explained = explain(&name, &settings, None, error);
            match status(error) {
                Some(404) => Failure::Missing(explained),
                _ if is_unreachable(error) => Failure::Unreachable(explained),
                _ => Failure::Refused(explained),
            }
        };
        let api = ApiBuilder::from_cache(hf_hub::Cache::new(settings.cache.clone()))
            .with_endpoint(settings.endpoint.clone())
            .with_token(settings.token.clone())
            .with_progress(false)
            .with_retries(RETRIES)
            .with_user_agent("inseq-rs", env!("CARGO_PKG_VERSION"))
            .build()
            .map_err(|e| Failure::Refused(explain(&name, &settings, None, &e)))?;
        let revision = Repo::with_revision(name.id.clone(), repo_type(name.kind), name.revision.clone());
        let info = api.repo(revision).info().map_err(|e| explained(&e))?;
        let commit = info.sha;
        if !cache::is_commit(&commit) {
            let message = format!("the hub answers with `{commit}` where the name of a commit is expected");
            return Err(Failure::Refused(failed(&name, message)));
        }
        let folder = cache::folder(&settings.cache, &name);
        point(&folder, &name.revision, &commit).map_err(Failure::Refused)?;
        let folder = folder.join("snapshots").join(&commit);
        let files: Vec<String> = info.siblings.into_iter().map(|sibling| sibling.rfilename).collect();
        if name.kind == Kind::Dataset {
            let failed = |source| Failure::Refused(Error::Io { path: folder.clone(), source });
            cache::save_listing(&folder, &files).map_err(failed)?;
        }
        Ok(Self { name, settings, api, commit, folder, files, progress })
    }

    /// The folder of the commit in the cache.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The names of the files.
    pub(super) fn files(&self) -> &[String] {
        &self.files
    }

    /// Downloads a file to its path in the cache.
    ///
    /// # Errors
    /// The hub refuses the file, or the download is incomplete.
    pub(super) fn fetch(&self, file: &str, path: &Path) -> Result<()> {
        // All files come from the commit that was listed, even if the branch moves on in between.
        let repo =
            self.api.repo(Repo::with_revision(self.name.id.clone(), repo_type(self.name.kind), self.commit.clone()));
        let total = std::cell::Cell::new(0);
        let report = Report { file, total: &total, arrived: 0, progress: self.progress.as_ref() };
        let fetched = repo
            .download_with_progress(file, report)
            .map_err(|e| explain(&self.name, &self.settings, Some(file), &e))?;
        let length = std::fs::metadata(&fetched).map_err(|source| Error::Io { path: fetched.clone(), source })?.len();
        if length != total.get() || fetched != path {
            // A short file must not stay in the cache as if it were whole.
            let blob = std::fs::canonicalize(&fetched).unwrap_or_else(|_| fetched.clone());
            for path in [&fetched, &blob] {
                let _ = std::fs::remove_file(path);
            }
            return Err(failed(
                &self.name,
                format!("{file}: {length} bytes of {} arrived at {}; try again", total.get(), fetched.display()),
            ));
        }
        // `hf-hub` writes a reference for the commit itself, which says nothing.
        let references = cache::folder(&self.settings.cache, &self.name).join("refs");
        let _ = std::fs::remove_file(references.join(&self.commit));
        Ok(())
    }
}

/// Passes on the progress reports of `hf-hub`.
struct Report<'a> {
    file: &'a str,
    total: &'a std::cell::Cell<u64>,
    arrived: u64,
    progress: Option<&'a Progress>,
}

impl HubProgress for Report<'_> {
    fn init(&mut self, size: usize, _file: &str) {
        self.total.set(size as u64);
        self.arrived = 0;
    }

    fn update(&mut self, size: usize) {
        self.arrived += size as u64;
        if let Some(progress) = self.progress {
            progress(self.file, self.arrived, self.total.get());
        }
    }

    fn finish(&mut self) {}
}

/// Records the commit of a revision in the cache, as Python does.
fn point(folder: &Path, revision: &str, commit: &str) -> Result<()> {
    if revision == commit {
        return Ok(());
    }
    let path = folder.join("refs").join(revision);
    let write = || {
        std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
        std::fs::write(&path, commit)
    };
    write().map_err(|source| Error::Io { path: path.clone(), source })
}

fn repo_type(kind: Kind) -> RepoType {
    match kind {
        Kind::Model => RepoType::Model,
        Kind::Dataset => RepoType::Dataset,
    }
}

fn failed(name: &HubName, message: String) -> Error {
    Error::Hub { name: name.to_string(), message }
}

/// HTTP status of a refusal.
fn status(error: &ApiError) -> Option<u16> {
    match error {
        ApiError::RequestError(e) => match e.as_ref() {
            ureq::Error::StatusCode(code) => Some(*code),
            _ => None,
        },
        ApiError::TooManyRetries(e) => status(e),
        _ => None,
    }
}

/// Whether the hub did not answer, or reported a server error.
fn is_unreachable(error: &ApiError) -> bool {
    matches!(error, ApiError::RequestError(_)) && status(error).is_none_or(|code| code >= 500)
}

fn explain(name: &HubName, settings: &Settings, file: Option<&str>, error: &ApiError) -> Error {
    let endpoint = &settings.endpoint;
    let noun = name.kind.noun();
    let message = match (status(error), file) {
        (Some(404), None) => format!(
            "the hub ({endpoint}) has no such {noun}{}; check the spelling, or give a folder that exists",
            if name.main_branch() { "" } else { " or no such revision" }
        ),
        (Some(code @ (401 | 403)), _) => format!(
            "the hub refuses it (status {code}): there is no such {noun}, or it is private or gated; check the spelling, \
             accept its terms at {endpoint}/{}{}, and set HF_TOKEN to a token that may read it{}",
            if name.kind == Kind::Dataset { "datasets/" } else { "" },
            name.id,
            if settings.token.is_some() { " (the one in use may not)" } else { "" }
        ),
        (Some(429), _) => "the hub asks to wait (status 429: too many requests); try again in a while".into(),
        _ => {
            let file = file.map(|file| format!("{file}: ")).unwrap_or_default();
            format!(
                "{file}cannot be fetched from {endpoint}: {error}; check the connection, or use HF_HUB_OFFLINE=1 with a cached {noun}"
            )
        }
    };
    failed(name, message)
}
