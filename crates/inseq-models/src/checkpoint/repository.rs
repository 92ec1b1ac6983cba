//! The files of a model.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use inseq_core::mismatch;
use inseq_mapped::Mmap;
use serde_json::Value;

use super::adapter::{self, Adapter, is_adapter};
use super::folder::{inside, names};
use super::hub::{HubName, HubOptions, Kind, Snapshot};
use super::{contents, foreign, json};
use crate::{Error, Result};

/// Largest size of configuration and tokenizer files, in bytes.
const LARGEST_SMALL_FILE: u64 = 512 << 20;

/// Depth of folders that are searched for names.
const MOST_DEPTH: usize = 2;
/// The noun for messages.
const MODEL: &str = "model";

/// A model repository: a folder, a model of the hub, or files in memory.
///
/// ```
/// use inseq_models::checkpoint::Repository;
///
/// let config = br#"{"model_type": "gpt2"}"#.to_vec();
/// let repository = Repository::in_memory("my-model", [("config.json".to_owned(), config)]);
/// assert_eq!(repository.json("config.json")?.unwrap()["model_type"], "gpt2");
/// assert!(repository.read("tokenizer.json")?.is_none());
/// # Ok::<(), inseq_models::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Repository {
    name: String,
    place: Place,
    /// The parsed `config.json`, once it has been read.
    config: Arc<OnceLock<Value>>,
}

#[derive(Clone, Debug)]
enum Place {
    Folder(PathBuf),
    Hub(Snapshot),
    Embedded(&'static [(&'static str, &'static [u8])]),
    Memory(Arc<BTreeMap<String, Arc<[u8]>>>),
}

/// The bytes of a weights file, without a copy.
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
    fn at(name: &str, place: Place) -> Self {
        Self { name: name.to_string(), place, config: Arc::default() }
    }

    /// Opens a local folder, or `org/name` or `org/name@revision` on the hub. Files of the hub are downloaded when they are read.
    ///
    /// # Errors
    /// There is neither such a folder nor such a model.
    pub fn open(name_or_path: &str, options: &HubOptions) -> Result<Self> {
        let path = Path::new(name_or_path);
        let place = if path.is_dir() {
            Place::Folder(path.to_path_buf())
        } else if path.is_file() {
            return Err(Error::argument(
                "model",
                format!("`{name_or_path}` is a file; give the folder that holds config.json and the weights"),
            ));
        } else {
            Place::Hub(Snapshot::open(HubName::parse(Kind::Model, name_or_path)?, options)?)
        };
        Ok(Self::at(name_or_path, place))
    }

    /// A repository of files that are part of the program.
    pub fn embedded(name: &str, files: &'static [(&'static str, &'static [u8])]) -> Self {
        Self::at(name, Place::Embedded(files))
    }

    /// A repository of files in memory, by name.
    pub fn in_memory(name: &str, files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        let files = files.into_iter().map(|(file, bytes)| (file, bytes.into())).collect();
        Self::at(name, Place::Memory(Arc::new(files)))
    }

    /// The name or path of the repository.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The commit of a model of the hub; `None` for other repositories.
    pub fn commit(&self) -> Option<&str> {
        match &self.place {
            Place::Hub(snapshot) => snapshot.folder().file_name()?.to_str(),
            Place::Folder(_) | Place::Embedded(_) | Place::Memory(_) => None,
        }
    }

    /// Passes each file that decides what the model computes to `each`, with its name and its bytes, in the order of the names: weights,
    /// configurations, and the files of the tokenizer.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn each_deciding_file(&self, each: &mut dyn FnMut(&str, &[u8])) -> Result<()> {
        let mut names = self.files()?;
        names.sort_unstable();
        for name in names.iter().filter(|name| decides(name)) {
            if let Some(bytes) = self.map(name)? {
                each(name, &bytes);
            }
        }
        Ok(())
    }

    /// The names of the files; a file in a folder has the name `folder/name`.
    ///
    /// # Errors
    /// When a folder cannot be read.
    fn files(&self) -> Result<Vec<String>> {
        match &self.place {
            Place::Folder(folder) => names(folder, MOST_DEPTH),
            Place::Hub(snapshot) => snapshot.files(MOST_DEPTH),
            Place::Embedded(files) => Ok(files.iter().map(|(name, _)| name.to_string()).collect()),
            Place::Memory(files) => Ok(files.keys().cloned().collect()),
        }
    }

    /// Whether there is such a file.
    ///
    /// # Errors
    /// When its name leads out of the repository.
    pub(super) fn has(&self, file: &str) -> Result<bool> {
        Ok(match &self.place {
            Place::Folder(folder) => inside(folder, file, MODEL)?.exists(),
            Place::Hub(snapshot) => snapshot.has(inside(snapshot.folder(), file, MODEL)?, file),
            Place::Embedded(files) => files.iter().any(|(name, _)| *name == file),
            Place::Memory(files) => files.contains_key(file),
        })
    }

    /// Whether this is a hub model of which only the cached files can be read.
    fn is_cached(&self) -> bool {
        matches!(&self.place, Place::Hub(snapshot) if snapshot.listed().is_none())
    }

    /// The path of a file; it is downloaded first if only the hub has it.
    fn path(&self, file: &str) -> Result<PathBuf> {
        match &self.place {
            Place::Hub(snapshot) => snapshot.fetched(inside(snapshot.folder(), file, MODEL)?, file),
            Place::Folder(folder) => inside(folder, file, MODEL),
            Place::Embedded(_) | Place::Memory(_) => Ok(PathBuf::from(file)),
        }
    }

    /// The bytes of a small file; `None` if the file does not exist.
    ///
    /// # Errors
    /// The file exists and cannot be read, or a pointer of Git LFS or a web page is there in its place.
    pub fn read(&self, file: &str) -> Result<Option<Cow<'static, [u8]>>> {
        let bytes = self.bytes(file)?;
        // A template may write a web page.
        let found = bytes.as_deref().filter(|_| !file.ends_with(".jinja")).and_then(foreign::described);
        match found {
            Some(found) => Err(Error::checkpoint(file, found.into())),
            None => Ok(bytes),
        }
    }

    fn bytes(&self, file: &str) -> Result<Option<Cow<'static, [u8]>>> {
        match &self.place {
            Place::Embedded(files) => {
                Ok(files.iter().find(|(name, _)| *name == file).map(|(_, bytes)| Cow::Borrowed(*bytes)))
            }
            Place::Memory(files) => Ok(files.get(file).map(|bytes| Cow::Owned(bytes.to_vec()))),
            Place::Folder(_) | Place::Hub(_) => {
                let path = self.path(file)?;
                let io = |source| Error::Io { path: path.clone(), source };
                match std::fs::metadata(&path) {
                    Ok(metadata) if metadata.len() > LARGEST_SMALL_FILE => Err(Error::checkpoint(
                        path.display().to_string(),
                        format!("{} bytes are too many for a configuration or tokenizer file", metadata.len()),
                    )),
                    Ok(_) => std::fs::read(&path).map(|bytes| Some(Cow::Owned(bytes))).map_err(io),
                    Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
                    Err(e) => Err(io(e)),
                }
            }
        }
    }

    /// The object in a JSON file; `None` if the file does not exist. `NaN`, `Infinity` and `-Infinity`, which Python writes and JSON
    /// does not have, are texts.
    ///
    /// # Errors
    /// The file is not JSON, and the error names the line; or it is not an object.
    pub fn json(&self, file: &str) -> Result<Option<Value>> {
        let Some(bytes) = self.read(file)? else { return Ok(None) };
        match json::parse(file, &bytes, "not valid JSON")? {
            object @ Value::Object(_) => Ok(Some(object)),
            other => Err(Error::checkpoint(
                file,
                format!("expected an object of names and values, found {}; fetch it again", mismatch::kind(&other)),
            )),
        }
    }

    /// The content of `config.json`, which is read and parsed once.
    ///
    /// # Errors
    /// The file is missing, or it is not JSON; the error names the line.
    pub fn config(&self) -> Result<&Value> {
        self.optional_config()?.ok_or_else(|| {
            let contents = self.contents();
            Error::checkpoint(
                format!("{}/config.json", self.name),
                format!("not found; a model folder holds config.json, the tokenizer's files and the weights{contents}"),
            )
        })
    }

    /// As [`config`](Self::config); `None` if the file does not exist.
    ///
    /// # Errors
    /// The file is not JSON; the error names the line.
    pub fn optional_config(&self) -> Result<Option<&Value>> {
        if self.config.get().is_none()
            && let Some(config) = self.json("config.json")?
        {
            return Ok(Some(self.config.get_or_init(|| config)));
        }
        Ok(self.config.get())
    }

    /// The adapter whose weights are in the repository, beside a model or alone.
    ///
    /// # Errors
    /// When its configuration is not JSON.
    pub(crate) fn adapter(&self) -> Result<Option<Adapter>> {
        let adapter = self.adapter_configuration()?;
        Ok(if self.files()?.iter().any(|file| is_adapter(file)) { adapter } else { None })
    }

    /// Warning about an incomplete adapter beside a model, which transformers ignores: weights without a
    /// configuration, or a configuration without weights, which a merged model may keep.
    ///
    /// # Errors
    /// When its configuration is not JSON.
    pub(crate) fn incomplete_adapter(&self) -> Result<Option<String>> {
        let files = self.files()?;
        let weights = files.iter().find(|file| is_adapter(file));
        Ok(match (weights, self.adapter_configuration()?) {
            (Some(file), None) => Some(format!(
                "{file} lies beside the model and is not applied, as there is no adapter_config.json that says how"
            )),
            (None, Some(adapter)) => Some(format!(
                "adapter_config.json lies beside the model, but no weights of {} do: the model's own weights are taken as they \
                 are",
                adapter.title()
            )),
            (Some(_), Some(_)) | (None, None) => None,
        })
    }

    fn adapter_configuration(&self) -> Result<Option<Adapter>> {
        Ok(self.json(adapter::CONFIGURATION)?.as_ref().map(Adapter::new))
    }

    /// The content of the repository, as the end of a message.
    pub(super) fn contents(&self) -> String {
        let described = || {
            let adapter = self.adapter_configuration()?;
            Ok::<_, Error>(contents::described(&self.files()?, adapter.as_ref(), self.is_cached()))
        };
        described().unwrap_or_else(|error| format!(" ({error})"))
    }

    /// The mapped bytes of a weights file; `None` if the file does not exist.
    pub(super) fn map(&self, file: &str) -> Result<Option<FileBytes>> {
        match &self.place {
            Place::Embedded(files) => {
                Ok(files.iter().find(|(name, _)| *name == file).map(|(_, bytes)| FileBytes::Embedded(bytes)))
            }
            Place::Memory(files) => Ok(files.get(file).map(|bytes| FileBytes::Memory(bytes.clone()))),
            Place::Folder(_) | Place::Hub(_) => {
                let path = self.path(file)?;
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

/// Whether a file of this name decides what a model computes.
fn decides(name: &str) -> bool {
    const ENDS: [&str; 7] = [".safetensors", ".bin", ".pt", ".spm", ".model", ".tiktoken", ".jinja"];
    const STARTS: [&str; 8] = [
        "config.",
        "generation_config.",
        "tokenizer",
        "vocab",
        "merges",
        "special_tokens_map",
        "added_tokens",
        "adapter",
    ];
    !name.contains('/')
        && (ENDS.iter().any(|end| name.ends_with(end)) || STARTS.iter().any(|start| name.starts_with(start)))
}
