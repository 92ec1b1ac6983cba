//! Fetching a model's files through `hf-hub`.

use std::path::{Path, PathBuf};

use hf_hub::api::Progress as HubProgress;
use hf_hub::api::sync::{ApiBuilder, ApiError, ApiRepo};
use hf_hub::{Repo, RepoType};

use super::files::{self, WeightFiles};
use super::settings::Settings;
use super::{ModelName, Progress, cache};
use crate::checkpoint::index::Index;
use crate::{Error, Result};

/// How often a file that stops in the middle is taken up again.
const RETRIES: usize = 3;

/// Fetches what the cache does not have, all of one commit, and gives the folder of that commit.
///
/// Where the hub cannot be reached, `cached` is used, as Python does.
pub(super) fn download(
    model: &ModelName,
    settings: &Settings,
    progress: Option<&Progress>,
    cached: Option<PathBuf>,
) -> Result<PathBuf> {
    let api = ApiBuilder::from_cache(hf_hub::Cache::new(settings.cache.clone()))
        .with_endpoint(settings.endpoint.clone())
        .with_token(settings.token.clone())
        .with_progress(false)
        .with_retries(RETRIES)
        .with_user_agent("inseq-rs", env!("CARGO_PKG_VERSION"))
        .build()
        .map_err(|e| explain(model, settings, None, &e))?;
    let revision = Repo::with_revision(model.id.clone(), RepoType::Model, model.revision.clone());
    let info = match (api.repo(revision).info(), cached) {
        (Ok(info), _) => info,
        (Err(e), Some(cached)) if is_unreachable(&e) => return Ok(cached),
        (Err(e), _) => return Err(explain(model, settings, None, &e)),
    };
    let commit = info.sha;
    if !cache::is_commit(&commit) {
        return Err(failed(model, format!("the hub answers with `{commit}` where the name of a commit is expected")));
    }
    let folder = cache::model_folder(&settings.cache, model);
    let fetcher = Fetcher {
        model,
        settings,
        // All files come from the commit that was listed, even if the branch moves on in between.
        repo: api.repo(Repo::with_revision(model.id.clone(), RepoType::Model, commit.clone())),
        snapshot: folder.join("snapshots").join(&commit),
        progress,
    };
    let present: Vec<String> = info.siblings.into_iter().map(|sibling| sibling.rfilename).collect();
    for file in files::small(&present) {
        fetcher.fetch(file)?;
    }
    match files::weights(&present) {
        WeightFiles::Whole(file) => {
            fetcher.fetch(file)?;
        }
        WeightFiles::Sharded(index) => {
            let path = fetcher.fetch(index)?;
            let bytes = std::fs::read(&path).map_err(|source| Error::Io { path, source })?;
            for shard in Index::parse(index, &bytes)?.shards() {
                if !present.iter().any(|file| file == shard) {
                    return Err(failed(
                        model,
                        format!("{index} names the shard `{shard}`, which the repository does not have"),
                    ));
                }
                fetcher.fetch(shard)?;
            }
        }
        WeightFiles::None => {
            return Err(failed(
                model,
                format!(
                    "the repository has neither safetensors nor PyTorch weights; it holds: {}",
                    if present.is_empty() { "nothing".to_string() } else { present.join(", ") }
                ),
            ));
        }
    }
    point(&folder, &model.revision, &commit)?;
    Ok(fetcher.snapshot)
}

struct Fetcher<'a> {
    model: &'a ModelName,
    settings: &'a Settings,
    repo: ApiRepo,
    snapshot: PathBuf,
    progress: Option<&'a Progress>,
}

impl Fetcher<'_> {
    /// A file of the snapshot, fetched if it is not there.
    fn fetch(&self, file: &str) -> Result<PathBuf> {
        // The name goes into a path.
        if Path::new(file).components().any(|c| !matches!(c, std::path::Component::Normal(_))) {
            return Err(failed(self.model, format!("`{file}` lies outside the repository")));
        }
        let path = self.snapshot.join(file);
        if path.exists() {
            return Ok(path);
        }
        let total = std::cell::Cell::new(0);
        let report = Report { file, total: &total, arrived: 0, progress: self.progress };
        let fetched = self
            .repo
            .download_with_progress(file, report)
            .map_err(|e| explain(self.model, self.settings, Some(file), &e))?;
        let length = std::fs::metadata(&fetched).map_err(|source| Error::Io { path: fetched.clone(), source })?.len();
        if length != total.get() || fetched != path {
            // A short file must not stay in the cache as if it were whole.
            let blob = std::fs::canonicalize(&fetched).unwrap_or_else(|_| fetched.clone());
            for path in [&fetched, &blob] {
                let _ = std::fs::remove_file(path);
            }
            return Err(failed(
                self.model,
                format!("{file}: {length} bytes of {} arrived at {}; try again", total.get(), fetched.display()),
            ));
        }
        Ok(path)
    }
}

/// Passes on what `hf-hub` reports.
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

/// Makes the cache remember which commit a revision is, as Python does.
fn point(folder: &Path, revision: &str, commit: &str) -> Result<()> {
    if revision == commit {
        return Ok(());
    }
    // `hf-hub` writes a reference for the commit itself, which says nothing.
    let _ = std::fs::remove_file(folder.join("refs").join(commit));
    let path = folder.join("refs").join(revision);
    let write = || {
        std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
        std::fs::write(&path, commit)
    };
    write().map_err(|source| Error::Io { path: path.clone(), source })
}

fn failed(model: &ModelName, message: String) -> Error {
    Error::Hub { name: model.to_string(), message }
}

/// The status of an answer that refuses.
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

/// Whether no answer came, or one that says that the hub is out of order.
fn is_unreachable(error: &ApiError) -> bool {
    matches!(error, ApiError::RequestError(_)) && status(error).is_none_or(|code| code >= 500)
}

fn explain(model: &ModelName, settings: &Settings, file: Option<&str>, error: &ApiError) -> Error {
    let endpoint = &settings.endpoint;
    let message = match (status(error), file) {
        (Some(404), None) => format!(
            "the hub ({endpoint}) has no such model{}; check the spelling, or give a folder that exists",
            if model.main_branch() { "" } else { " or no such revision" }
        ),
        (Some(code @ (401 | 403)), _) => format!(
            "the hub refuses it (status {code}): there is no such model, or it is private or gated; check the spelling, \
             accept its terms at {endpoint}/{}, and set HF_TOKEN to a token that may read it{}",
            model.id,
            if settings.token.is_some() { " (the one in use may not)" } else { "" }
        ),
        (Some(429), _) => "the hub asks to wait (status 429: too many requests); try again in a while".into(),
        _ => {
            let file = file.map(|file| format!("{file}: ")).unwrap_or_default();
            format!(
                "{file}cannot be fetched from {endpoint}: {error}; check the connection, or use HF_HUB_OFFLINE=1 with a cached model"
            )
        }
    };
    failed(model, message)
}
