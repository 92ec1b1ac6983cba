//! The cache folder: `models--org--name/{refs,snapshots,blobs}`, and `datasets--org--name` alike.

use std::path::{Path, PathBuf};

use super::HubName;

/// The folder of a repository.
pub(super) fn folder(cache: &Path, name: &HubName) -> PathBuf {
    cache.join(format!("{}--{}", name.kind.folder(), name.id.replace('/', "--")))
}

/// The snapshot of a revision (a branch, a tag, or a commit), if the cache has one.
pub(super) fn snapshot(cache: &Path, name: &HubName) -> Option<PathBuf> {
    let folder = self::folder(cache, name);
    let commit = std::fs::read_to_string(folder.join("refs").join(&name.revision)).ok();
    let commit = commit.as_deref().map_or(name.revision.as_str(), str::trim);
    let snapshot = is_commit(commit).then(|| folder.join("snapshots").join(commit))?;
    snapshot.is_dir().then_some(snapshot)
}

/// The file that holds the names of all files of a snapshot, which may not all have been fetched.
fn listing_path(snapshot: &Path) -> Option<PathBuf> {
    let folder = snapshot.parent()?.parent()?;
    Some(folder.join("listings").join(snapshot.file_name()?).with_extension("json"))
}

/// The names of all files of a snapshot, if they were saved.
pub(super) fn listing(snapshot: &Path) -> Option<Vec<String>> {
    serde_json::from_slice(&std::fs::read(listing_path(snapshot)?).ok()?).ok()
}

/// Saves the names of all files of a snapshot. Without them a cache with a part of the files looks whole.
#[cfg(feature = "hub")]
pub(super) fn save_listing(snapshot: &Path, names: &[String]) -> std::io::Result<()> {
    let Some(path) = listing_path(snapshot) else { return Ok(()) };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, serde_json::to_vec(names)?)
}

/// Whether a text is the hash of a commit, which is safe as the name of a folder.
pub(super) fn is_commit(text: &str) -> bool {
    (7..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit())
}
