//! Where a model's files are.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use inseq_mapped::Mmap;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::hub::HubOptions;
use crate::{Error, Result};

/// Files larger than this are not configuration or tokenizer files.
const LARGEST_SMALL_FILE: u64 = 512 << 20;

/// A model repository: a folder, or files embedded in the program.
#[derive(Clone, Debug)]
pub struct Repository {
    name: String,
    place: Place,
}

#[derive(Clone, Debug)]
enum Place {
    Folder(PathBuf),
    Embedded(&'static [(&'static str, &'static [u8])]),
    Memory(Arc<BTreeMap<String, Arc<[u8]>>>),
}

/// The bytes of a weights file, not copied.
pub(super) enum FileBytes {
    Mapped(Mmap),
    Embedded(&'static [u8]),
    Memory(Arc<[u8]>),
}

impl std::ops::Deref for FileBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            FileBytes::Mapped(map) => map,
            FileBytes::Embedded(bytes) => bytes,
            FileBytes::Memory(bytes) => bytes,
        }
    }
}

impl Repository {
    /// Opens a local folder, or fetches `org/name` or `org/name@revision` from the hub.
    ///
    /// # Errors
    /// When there is neither such a folder nor such a model, or a file cannot be fetched.
    pub fn open(name_or_path: &str, options: &HubOptions) -> Result<Self> {
        let path = Path::new(name_or_path);
        let folder = if path.is_dir() {
            path.to_path_buf()
        } else if path.is_file() {
            return Err(Error::Argument(format!(
                "`{name_or_path}` is a file; give the folder that holds config.json and the weights"
            )));
        } else {
            super::hub::fetch(name_or_path, options)?
        };
        let repository = Self { name: name_or_path.to_string(), place: Place::Folder(folder) };
        if repository.read("config.json")?.is_none() {
            return Err(Error::Checkpoint {
                file: format!("{name_or_path}/config.json"),
                message: "not found; a model folder holds config.json, the tokenizer's files and the weights".into(),
            });
        }
        Ok(repository)
    }

    /// Files that are part of the program.
    pub fn embedded(name: &str, files: &'static [(&'static str, &'static [u8])]) -> Self {
        Self { name: name.to_string(), place: Place::Embedded(files) }
    }

    /// Files in memory: what a program has made or received itself.
    pub fn in_memory(name: &str, files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        let files = files.into_iter().map(|(file, bytes)| (file, bytes.into())).collect();
        Self { name: name.to_string(), place: Place::Memory(Arc::new(files)) }
    }

    /// The name or path that the repository was opened by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The bytes of a small file; `None` where there is no such file.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn read(&self, file: &str) -> Result<Option<Cow<'static, [u8]>>> {
        match &self.place {
            Place::Embedded(files) => {
                Ok(files.iter().find(|(name, _)| *name == file).map(|(_, bytes)| Cow::Borrowed(*bytes)))
            }
            Place::Memory(files) => Ok(files.get(file).map(|bytes| Cow::Owned(bytes.to_vec()))),
            Place::Folder(folder) => {
                let path = folder.join(file);
                let io = |source| Error::Io { path: path.clone(), source };
                match std::fs::metadata(&path) {
                    Ok(metadata) if metadata.len() > LARGEST_SMALL_FILE => Err(Error::Checkpoint {
                        file: path.display().to_string(),
                        message: format!("{} bytes are too many for a configuration or tokenizer file", metadata.len()),
                    }),
                    Ok(_) => std::fs::read(&path).map(|bytes| Some(Cow::Owned(bytes))).map_err(io),
                    Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
                    Err(e) => Err(io(e)),
                }
            }
        }
    }

    /// A JSON file; `None` where there is no such file.
    ///
    /// # Errors
    /// When it is not JSON, naming the line.
    pub fn json(&self, file: &str) -> Result<Option<Value>> {
        let Some(bytes) = self.read(file)? else { return Ok(None) };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|e| Error::Checkpoint { file: file.to_string(), message: format!("not valid JSON: {e}") })
    }

    /// `config.json` as a type.
    ///
    /// # Errors
    /// When it is missing, or a field does not fit, naming it.
    pub fn config<T: DeserializeOwned>(&self) -> Result<T> {
        let file = || "config.json".to_string();
        let bytes = self
            .read("config.json")?
            .ok_or_else(|| Error::Checkpoint { file: file(), message: format!("not found in `{}`", self.name) })?;
        let mut deserializer = serde_json::Deserializer::from_slice(&bytes);
        serde_path_to_error::deserialize(&mut deserializer).map_err(|e| Error::Checkpoint {
            file: file(),
            message: match e.path().to_string().as_str() {
                "." => e.inner().to_string(),
                path => format!("`{path}`: {}", e.inner()),
            },
        })
    }

    /// The bytes of a weights file, mapped; `None` where there is no such file.
    pub(super) fn map(&self, file: &str) -> Result<Option<FileBytes>> {
        match &self.place {
            Place::Embedded(files) => {
                Ok(files.iter().find(|(name, _)| *name == file).map(|(_, bytes)| FileBytes::Embedded(bytes)))
            }
            Place::Memory(files) => Ok(files.get(file).map(|bytes| FileBytes::Memory(bytes.clone()))),
            Place::Folder(folder) => {
                // Shard names come from an index: none may lead out of the folder.
                if Path::new(file).components().any(|c| !matches!(c, std::path::Component::Normal(_))) {
                    return Err(Error::Checkpoint {
                        file: file.to_string(),
                        message: "a weights file must lie inside the model's folder".into(),
                    });
                }
                let path = folder.join(file);
                let io = |source| Error::Io { path: path.clone(), source };
                let opened = match File::open(&path) {
                    Ok(opened) => opened,
                    Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                    Err(e) => return Err(io(e)),
                };
                inseq_mapped::map(&opened).map(|map| Some(FileBytes::Mapped(map))).map_err(io)
            }
        }
    }
}
