//! The cache folder: `models--org--name/{refs,snapshots,blobs}`.

use std::path::{Path, PathBuf};

use super::ModelName;

/// The folder of a model.
pub(super) fn model_folder(cache: &Path, model: &ModelName) -> PathBuf {
    cache.join(format!("models--{}", model.id.replace('/', "--")))
}

/// The snapshot of a revision (a branch, a tag, or a commit), if the cache has one.
pub(super) fn snapshot(cache: &Path, model: &ModelName) -> Option<PathBuf> {
    let folder = model_folder(cache, model);
    let commit = std::fs::read_to_string(folder.join("refs").join(&model.revision)).ok();
    let commit = commit.as_deref().map_or(model.revision.as_str(), str::trim);
    let snapshot = is_commit(commit).then(|| folder.join("snapshots").join(commit))?;
    snapshot.is_dir().then_some(snapshot)
}

/// Whether a text is the hash of a commit, which is safe as the name of a folder.
pub(super) fn is_commit(text: &str) -> bool {
    (7..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit())
}
