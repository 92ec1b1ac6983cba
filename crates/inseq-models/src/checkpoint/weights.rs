//! The weights of a repository.

use std::borrow::Cow;

use indexmap::IndexMap;

use super::index::Index;
use super::repository::{FileBytes, Repository};
use super::stored::StoredTensor;
use super::{safetensors, torch};
use crate::{Error, Result};

/// The files that hold weights, whole and as the index of shards, in the order in which they are looked for.
pub(super) const KINDS: [(&str, &str); 2] =
    [("model.safetensors", "model.safetensors.index.json"), ("pytorch_model.bin", "pytorch_model.bin.index.json")];

/// The weights of a repository, mapped into memory.
pub struct Weights {
    /// What the repository was opened by.
    repository: String,
    files: Vec<File>,
    /// Tensor to file.
    places: IndexMap<String, usize>,
}

struct File {
    bytes: FileBytes,
    contents: Contents,
}

enum Contents {
    SafeTensors(IndexMap<String, safetensors::Entry>),
    Torch(IndexMap<String, torch::Entry>),
}

impl std::fmt::Debug for Weights {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Weights").field("tensors", &self.places.len()).finish_non_exhaustive()
    }
}

impl Weights {
    /// The weights of a repository: `model.safetensors`, its shards, `pytorch_model.bin`, or its shards, whichever is
    /// there first.
    ///
    /// # Errors
    /// When none is there, or one is damaged, naming it.
    pub fn open(repository: &Repository) -> Result<Self> {
        for (whole, index) in KINDS {
            if let Some(bytes) = repository.map(whole)? {
                let mut weights = Self::empty(repository);
                weights.add(whole, bytes)?;
                return Ok(weights);
            }
            if let Some(bytes) = repository.read(index)? {
                return Self::from_index(repository, index, &Index::parse(index, &bytes)?);
            }
        }
        Err(Error::Checkpoint {
            file: repository.name().to_string(),
            message: "no weights found; expected model.safetensors, pytorch_model.bin, or one of their .index.json with shards"
                .into(),
        })
    }

    fn empty(repository: &Repository) -> Self {
        Self { repository: repository.name().to_string(), files: Vec::new(), places: IndexMap::new() }
    }

    fn from_index(repository: &Repository, file: &str, index: &Index) -> Result<Self> {
        let mut weights = Self::empty(repository);
        for shard in index.shards() {
            let bytes = repository.map(shard)?.ok_or_else(|| Error::Checkpoint {
                file: shard.to_string(),
                message: format!("{file} names this shard, but `{}` does not have it", repository.name()),
            })?;
            weights.add(shard, bytes)?;
        }
        for (tensor, shard) in &index.weight_map {
            if !weights.contains(tensor) {
                return Err(Error::Checkpoint {
                    file: shard.clone(),
                    message: format!("{file} says that `{tensor}` is in this shard, but it is not"),
                });
            }
        }
        Ok(weights)
    }

    /// Takes up the tensors of a file.
    fn add(&mut self, name: &str, bytes: FileBytes) -> Result<()> {
        let contents = if name.ends_with(".safetensors") {
            Contents::SafeTensors(safetensors::entries(name, &bytes)?)
        } else {
            Contents::Torch(torch::entries(name, &bytes)?)
        };
        let place = self.files.len();
        match &contents {
            Contents::SafeTensors(entries) => self.places.extend(entries.keys().map(|tensor| (tensor.clone(), place))),
            Contents::Torch(entries) => self.places.extend(entries.keys().map(|tensor| (tensor.clone(), place))),
        }
        self.files.push(File { bytes, contents });
        Ok(())
    }

    /// The name or path that the repository was opened by.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// Bytes of the files.
    pub fn bytes(&self) -> usize {
        self.files.iter().map(|file| file.bytes.len()).sum()
    }

    /// The names of the tensors.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.places.keys().map(String::as_str)
    }

    /// Whether there is a tensor of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    /// A tensor.
    ///
    /// # Errors
    /// When it is missing, naming what comes nearest, or lies outside its file.
    pub fn tensor(&self, name: &str) -> Result<StoredTensor<'_>> {
        let (key, file) = self
            .places
            .get_full(name)
            .map(|(_, key, &file)| (key, &self.files[file]))
            .ok_or_else(|| self.missing(name))?;
        let key = Cow::Borrowed(key.as_str());
        match &file.contents {
            Contents::SafeTensors(entries) => {
                let entry = &entries[name];
                let data = safetensors::data(&file.bytes, entry);
                Ok(StoredTensor { name: key, shape: entry.shape.clone(), dtype: entry.dtype, data })
            }
            Contents::Torch(entries) => {
                let entry = &entries[name];
                let data = torch::data(name, &file.bytes, entry)?;
                Ok(StoredTensor { name: key, shape: entry.shape.clone(), dtype: entry.dtype, data })
            }
        }
    }

    /// Lets go of the memory that reading a tensor has filled with the file's pages, so that a model being loaded takes
    /// little more than itself. The tensor can be read again.
    pub fn release(&self, name: &str) {
        let Some(File { bytes, contents }) = self.places.get(name).map(|&file| &self.files[file]) else { return };
        let range = match contents {
            Contents::SafeTensors(entries) => entries.get(name).map(|entry| entry.bytes.clone()),
            Contents::Torch(entries) => entries.get(name).map(|entry| entry.storage.clone()),
        };
        if let (FileBytes::Mapped(map), Some(range)) = (bytes, range) {
            inseq_mapped::release(map, range);
        }
    }

    /// The three names most like `name`.
    pub fn nearest(&self, name: &str) -> Vec<&str> {
        let mut near: Vec<(f64, &str)> =
            self.names().map(|other| (strsim::normalized_levenshtein(name, other), other)).collect();
        near.sort_by(|a, b| b.0.total_cmp(&a.0));
        near.into_iter().take(3).map(|(_, other)| other).collect()
    }

    fn missing(&self, name: &str) -> Error {
        Error::Checkpoint {
            file: name.to_string(),
            message: format!("the checkpoint has no such tensor; the nearest are: {}", self.nearest(name).join(", ")),
        }
    }
}
