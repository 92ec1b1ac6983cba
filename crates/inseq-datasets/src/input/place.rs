//! Where data files lie.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use chrono::SecondsFormat::Nanos;
use chrono::{DateTime, Utc};
use inseq_models::checkpoint::DatasetRepository;

use super::data_file::DataFile;
use super::kind::Kind;
use super::origin::Origin;
use super::pattern::{is_pattern, matching};
use crate::remote::{Buckets, Folder, Object, is_address, is_web};
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
    Remote(Folder),
}

/// One data file.
#[derive(Clone, Debug)]
pub(super) enum Location {
    Path(PathBuf),
    Hub { repository: DatasetRepository, file: String },
    Object(Object),
}

impl Place {
    /// The folder at a path or an address.
    pub(super) fn open(folder: &str, buckets: &mut Buckets) -> Result<Self> {
        match is_address(folder) {
            true => Folder::open(folder, buckets).map(Self::Remote),
            false => Self::of_folder(folder.into()),
        }
    }

    /// A folder of this machine.
    fn of_folder(folder: PathBuf) -> Result<Self> {
        match folder.is_file() {
            true => Err(Error::Dataset(format!(
                "{}: a file where a folder is expected; name files with `--dataset_files`",
                folder.display()
            ))),
            false => Ok(Self::Folder(folder)),
        }
    }

    /// The name for messages.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Folder(folder) if folder.as_os_str().is_empty() => ".".into(),
            Self::Folder(folder) => folder.display().to_string(),
            Self::Hub { repository, folder } => format!("{} ({folder})", repository.name()).replace(" ()", ""),
            Self::Remote(folder) => folder.address(),
        }
    }

    /// A folder in it.
    pub(super) fn inside(&self, dir: &str, buckets: &mut Buckets) -> Result<Self> {
        let dir = dir.trim_matches('/');
        Ok(match self {
            Self::Folder(folder) => Self::of_folder(folder.join(dir))?,
            Self::Hub { repository, folder } => {
                Self::Hub { repository: repository.clone(), folder: format!("{folder}{dir}/") }
            }
            Self::Remote(folder) => Self::open(&format!("{}/{dir}", folder.address()), buckets)?,
        })
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
            Self::Remote(folder) => Ok(folder.files()?.keys().cloned().collect()),
        }
    }

    /// The file with one of the [names](Self::names).
    pub(super) fn file(&self, name: &str) -> Option<Location> {
        match self {
            Self::Folder(folder) => Some(Location::Path(folder.join(name))),
            Self::Hub { repository, folder } => {
                Some(Location::Hub { repository: repository.clone(), file: format!("{folder}{name}") })
            }
            Self::Remote(folder) => Some(Location::Object(folder.files().ok()?.get(name)?.clone())),
        }
    }

    /// The text of a file, if there is one.
    pub(super) fn read(&self, name: &str) -> Result<Option<String>> {
        if let Self::Hub { repository, folder } = self
            && !repository.files()?.contains(&format!("{folder}{name}"))
        {
            return Ok(None);
        }
        let text = |bytes: Vec<u8>| Some(String::from_utf8_lossy(&bytes).into_owned());
        let path = match self {
            Self::Folder(folder) => folder.join(name),
            Self::Hub { repository, folder } => repository.fetch(&format!("{folder}{name}"))?,
            Self::Remote(folder) => {
                let Some(object) = folder.files()?.get(name) else { return Ok(None) };
                let mut bytes = Vec::new();
                let read = object.reader().read_to_end(&mut bytes);
                return read.map(|_| text(bytes)).map_err(|source| Error::File { path: object.address(), source });
            }
        };
        match std::fs::read(&path) {
            Ok(bytes) => Ok(text(bytes)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::File { path, source }),
        }
    }

    /// The files that a path or a pattern stands for.
    pub(super) fn matching(&self, pattern: &str, buckets: &mut Buckets) -> Result<Vec<Location>> {
        if is_address(pattern) {
            return matching_objects(pattern, buckets);
        }
        if pattern.contains("://") {
            return Err(Error::Dataset(format!(
                "{pattern}: files are read from folders of this machine and from addresses that start with s3://, gs://, az://, \
                 http:// or https://; fetch it first"
            )));
        }
        match self {
            Self::Folder(folder) => matching_paths(folder, pattern),
            Self::Remote(folder) => matching_objects(&format!("{}/{pattern}", folder.address()), buckets),
            Self::Hub { .. } => {
                let names = self.names()?;
                let found = matching(pattern, &names)?;
                if found.is_empty() {
                    return Err(Error::Dataset(format!("{}: no file is or matches `{pattern}`", self.name())));
                }
                Ok(found.into_iter().filter_map(|name| self.file(name)).collect())
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
            Self::Object(object) => object.address().display().to_string(),
        }
    }

    /// Its bytes; a file of the hub is downloaded first.
    pub(super) fn origin(&self) -> Result<Origin> {
        Ok(match self {
            Self::Path(path) => Origin::Path(path.clone()),
            Self::Hub { repository, file } => Origin::Path(repository.fetch(file)?),
            Self::Object(object) => Origin::Object(object.clone()),
        })
    }

    /// The size of a file of this machine and the time of its last change; `None` for files elsewhere.
    pub(super) fn stamp(&self) -> Option<(u64, String)> {
        let Self::Path(path) = self else { return None };
        stamp(path)
    }

    /// The file with its size and hash: that of a known file which has not changed since, or of the bytes.
    pub(super) fn data_file(&self, known: &[DataFile]) -> Result<DataFile> {
        let origin = self.origin()?;
        let path = self.name();
        if let (Self::Hub { .. }, Some((bytes, hash))) = (self, blob(&origin.path())) {
            return Ok(DataFile { path, bytes, modified: None, hash });
        }
        let changed = match &origin {
            Origin::Path(local) => stamp(local),
            Origin::Object(_) => None,
        };
        let is_unchanged = |file: &&DataFile| {
            file.path == path
                && file.modified.is_some()
                && changed == file.modified.clone().map(|time| (file.bytes, time))
        };
        if let Some(file) = known.iter().find(is_unchanged) {
            return Ok(file.clone());
        }
        let (bytes, hash) = origin.fingerprint()?;
        Ok(DataFile { path, bytes, modified: changed.map(|(_, time)| time), hash })
    }
}

/// Size of a file and the time of its last change; `None` if there is no such file.
fn stamp(path: &Path) -> Option<(u64, String)> {
    let metadata = std::fs::metadata(path).ok()?;
    let time = DateTime::<Utc>::from(metadata.modified().ok()?);
    Some((metadata.len(), time.to_rfc3339_opts(Nanos, true)))
}

/// Size of a cached file, and the hash of the hub by which the cache names it.
fn blob(path: &Path) -> Option<(u64, String)> {
    let blob = std::fs::canonicalize(path).ok()?;
    let is_blob = blob.parent()?.file_name()? == "blobs";
    let length = blob.metadata().ok()?.len();
    is_blob.then(|| blob.file_name().map(|name| (length, name.to_string_lossy().into_owned()))).flatten()
}

/// The objects that an address or a pattern stands for.
fn matching_objects(address: &str, buckets: &mut Buckets) -> Result<Vec<Location>> {
    // In the address of a web page `?` starts its query.
    let is_pattern = if is_web(address) { address.contains('*') } else { is_pattern(address) };
    if !is_pattern {
        if let Some(object) = buckets.find(address)? {
            return Ok(vec![Location::Object(object)]);
        }
        let is_folder = !is_web(address) && !Folder::open(address, buckets)?.files()?.is_empty();
        return Err(Error::Dataset(match is_folder {
            true => format!(
                "{address}: a folder where a file is expected; give `{}/*`, or the folder as `--dataset_dir`",
                address.trim_end_matches('/')
            ),
            false => format!("{address}: there is no such file"),
        }));
    }
    let (folder, rest) = fixed(address);
    let folder = Place::Remote(Folder::open(folder, buckets)?);
    let names = folder.names()?;
    let found = matching(rest, &names)?;
    if found.is_empty() {
        return Err(Error::Dataset(format!("{address}: no file matches the pattern")));
    }
    Ok(found.into_iter().filter_map(|name| folder.file(name)).collect())
}

/// The folder before the first wildcard of a pattern, and the rest.
fn fixed(pattern: &str) -> (&str, &str) {
    let wildcard = pattern.find(['*', '?', '[']).unwrap_or(pattern.len());
    match pattern[..wildcard].rfind('/') {
        Some(end) => (&pattern[..end], &pattern[end + 1..]),
        None => ("", pattern),
    }
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
            } else if !path.exists()
                && Kind::of_file(&name).is_some()
                && !entry.file_name().to_string_lossy().starts_with('.')
            {
                return Err(Error::Dataset(format!(
                    "{}: the link leads to a file that does not exist; fetch the file, or remove the link",
                    path.display()
                )));
            }
        }
    }
    names.sort();
    Ok(names)
}
