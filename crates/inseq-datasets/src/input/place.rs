//! Where data files lie.

use std::path::{Path, PathBuf};

use inseq_models::checkpoint::DatasetRepository;

use super::bytes::fingerprint;
use super::dataset::DataFile;
use super::pattern::{is_pattern, matching};
use crate::{Error, Result};

/// Depth of folders that are searched for data files.
const MOST_DEPTH: usize = 32;

/// A folder of data files: on this machine, or in a dataset of the hub.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Folder(PathBuf),
    Hub {
        repository: DatasetRepository,
        /// A folder of the repository, empty or with `/` at its end.
        folder: String,
    },
}

/// One data file.
#[derive(Clone, Debug)]
pub(super) enum Location {
    Path(PathBuf),
    Hub { repository: DatasetRepository, file: String },
}

impl Place {
    /// The name for messages.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Folder(folder) if folder.as_os_str().is_empty() => ".".into(),
            Self::Folder(folder) => folder.display().to_string(),
            Self::Hub { repository, folder } => format!("{} ({folder})", repository.name()).replace(" ()", ""),
        }
    }

    /// The names of the files below it, sorted.
    pub(super) fn names(&self) -> Result<Vec<String>> {
        match self {
            Self::Folder(folder) => names(folder, MOST_DEPTH),
            Self::Hub { repository, folder } => {
                let mut names = repository.files()?;
                names.sort();
                Ok(names.iter().filter_map(|name| name.strip_prefix(folder.as_str())).map(Into::into).collect())
            }
        }
    }

    /// The file with a name.
    pub(super) fn file(&self, name: &str) -> Location {
        match self {
            Self::Folder(folder) => Location::Path(folder.join(name)),
            Self::Hub { repository, folder } => {
                Location::Hub { repository: repository.clone(), file: format!("{folder}{name}") }
            }
        }
    }

    /// The text of a file, if there is one.
    pub(super) fn read(&self, name: &str) -> Result<Option<String>> {
        if let Self::Hub { repository, folder } = self
            && !repository.files()?.contains(&format!("{folder}{name}"))
        {
            return Ok(None);
        }
        let path = self.file(name).path()?;
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::File { path, source }),
        }
    }

    /// The files that a path or a pattern stands for.
    pub(super) fn matching(&self, pattern: &str) -> Result<Vec<Location>> {
        if pattern.contains("://") {
            return Err(Error::Dataset(format!(
                "{pattern}: files are read from folders of this machine; fetch it first"
            )));
        }
        match self {
            Self::Folder(folder) => matching_paths(folder, pattern),
            Self::Hub { .. } => {
                let names = self.names()?;
                let found = matching(pattern, &names)?;
                if found.is_empty() {
                    return Err(Error::Dataset(format!("{}: no file is or matches `{pattern}`", self.name())));
                }
                Ok(found.into_iter().map(|name| self.file(name)).collect())
            }
        }
    }
}

impl Location {
    /// The path or the address.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Path(path) => path.to_string_lossy().into_owned(),
            Self::Hub { repository, file } => {
                let id = repository.name().split('@').next().unwrap_or_default();
                format!("hf://datasets/{id}@{}/{file}", repository.commit())
            }
        }
    }

    /// The path on this machine; the file is downloaded first if only the hub has it.
    pub(super) fn path(&self) -> Result<PathBuf> {
        match self {
            Self::Path(path) => Ok(path.clone()),
            Self::Hub { repository, file } => Ok(repository.fetch(file)?),
        }
    }

    /// The file with its size and hash.
    pub(super) fn data_file(&self) -> Result<DataFile> {
        let path = self.path()?;
        let (bytes, hash) = match (self, blob(&path)) {
            (Self::Hub { .. }, Some(blob)) => blob,
            _ => fingerprint(&path)?,
        };
        Ok(DataFile { path: self.name(), bytes, hash })
    }
}

/// Size of a cached file, and the hash of the hub by which the cache names it.
fn blob(path: &Path) -> Option<(u64, String)> {
    let blob = std::fs::canonicalize(path).ok()?;
    let is_blob = blob.parent()?.file_name()? == "blobs";
    let length = blob.metadata().ok()?.len();
    is_blob.then(|| blob.file_name().map(|name| (length, name.to_string_lossy().into_owned()))).flatten()
}

fn matching_paths(base: &Path, pattern: &str) -> Result<Vec<Location>> {
    let path = base.join(pattern);
    if path.is_file() {
        return Ok(vec![Location::Path(path)]);
    }
    if path.is_dir() {
        return Err(Error::Dataset(format!(
            "{}: a folder where a file is expected; give `{}`, or the folder as `--dataset_dir`",
            path.display(),
            path.join("*").display()
        )));
    }
    if !is_pattern(pattern) {
        return Err(Error::Dataset(format!("{}: there is no such file", path.display())));
    }
    // Only the folder before the first wildcard is searched.
    let parts: Vec<&str> = pattern.split('/').collect();
    let fixed = parts.iter().take_while(|part| !is_pattern(part)).count();
    let folder = base.join(if fixed == 0 { String::new() } else { parts[..fixed].join("/") + "/" });
    let rest = &parts[fixed..];
    let depth = if rest.contains(&"**") { MOST_DEPTH } else { rest.len() };
    let names = names(&folder, depth)?;
    let found = matching(&rest.join("/"), &names)?;
    if found.is_empty() {
        return Err(Error::Dataset(format!("{}: no file matches the pattern", path.display())));
    }
    Ok(found.into_iter().map(|name| Location::Path(folder.join(name))).collect())
}

/// The names of the files in a folder and its subfolders, sorted. A link to a folder is not followed.
fn names(folder: &Path, depth: usize) -> Result<Vec<String>> {
    let mut names = Vec::new();
    let mut folders = vec![(folder.to_path_buf(), String::new(), 1)];
    while let Some((folder, prefix, level)) = folders.pop() {
        let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
        let failed = |source| Error::File { path: folder.clone(), source };
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let path = entry.path();
            if entry.file_type().map_err(failed)?.is_dir() {
                if level < depth {
                    folders.push((path, name + "/", level + 1));
                }
            } else if path.is_file() {
                names.push(name);
            }
        }
    }
    names.sort();
    Ok(names)
}
