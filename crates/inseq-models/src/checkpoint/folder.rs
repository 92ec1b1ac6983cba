//! Files of a folder.

use std::path::{Component, Path, PathBuf};

use crate::{Error, Result};

/// Largest number of file names that are read.
const MOST_NAMES: usize = 10_000;

/// The path of a file in a folder. The names of shards come from an index and may not lead out of the folder.
pub(super) fn inside(folder: &Path, file: &str, owner: &str) -> Result<PathBuf> {
    if Path::new(file).components().any(|c| !matches!(c, Component::Normal(_))) {
        return Err(Error::checkpoint(file, format!("a file must lie inside the {owner}'s folder")));
    }
    Ok(folder.join(file))
}

/// The names of the files in a folder and its subfolders, which may lie `most_depth` deep.
pub(super) fn names(folder: &Path, most_depth: usize) -> Result<Vec<String>> {
    let mut names = Vec::new();
    let mut folders = vec![(folder.to_path_buf(), String::new(), 1)];
    while let Some((folder, prefix, depth)) = folders.pop() {
        let io = |source| Error::Io { path: folder.clone(), source };
        for entry in std::fs::read_dir(&folder).map_err(io)?.take(MOST_NAMES) {
            let path = entry.map_err(io)?.path();
            let Some(name) = path.file_name().map(|name| format!("{prefix}{}", name.to_string_lossy())) else {
                continue;
            };
            if !path.is_dir() {
                names.push(name);
            } else if depth < most_depth && !name.starts_with('.') {
                folders.push((path, name + "/", depth + 1));
            }
        }
    }
    names.sort();
    Ok(names)
}
