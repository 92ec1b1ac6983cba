//! The weights of a repository.

use std::borrow::Cow;

use indexmap::IndexMap;
use inseq_core::nearest;

use super::contents::WHOLE_OR_SHARDS;
use super::index::Index;
use super::repository::{FileBytes, Repository};
use super::stored::{StoredDType, StoredTensor};
use super::{safetensors, torch};
use crate::{Error, Result};

/// The weights of a repository, mapped into memory.
pub struct Weights {
    /// Name or path of the repository.
    repository: String,
    files: Vec<File>,
    /// Index of the file of each tensor.
    places: IndexMap<String, usize>,
}

struct File {
    /// Name of the file.
    name: String,
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
    /// Opens the weights of a repository: the file that `transformers_weights` of `config.json` names, or the first that exists of
    /// `model.safetensors`, its shards, `pytorch_model.bin`, and its shards. Weights of a hub model are downloaded.
    ///
    /// # Errors
    /// There are no weights; the error describes the content of the repository. Or a file is damaged; the error names it.
    pub fn open(repository: &Repository) -> Result<Self> {
        let config = repository.optional_config()?;
        let named = match config.and_then(|config| config.get("transformers_weights")?.as_str()) {
            Some(name) if !name.ends_with(".safetensors") && !name.ends_with(".safetensors.index.json") => {
                return Err(Error::checkpoint(
                    "config.json",
                    format!(
                        "`transformers_weights` is `{name}`; expected a file that ends in .safetensors or \
                         .safetensors.index.json"
                    ),
                ));
            }
            named => named,
        };
        let files = named.map_or(&WHOLE_OR_SHARDS[..], |_| &[]);
        for file in named.into_iter().chain(files.iter().copied()) {
            let Some(bytes) = repository.map(file)? else { continue };
            if file.ends_with(".json") {
                return Self::from_index(repository, file, &Index::parse(file, &bytes)?);
            }
            let mut weights = Self::empty(repository);
            weights.add(file, bytes)?;
            return Ok(weights);
        }
        match named {
            Some(file) => Err(Error::checkpoint(
                file,
                format!(
                    "`transformers_weights` of config.json names this file, but `{}` does not have it",
                    repository.name()
                ),
            )),
            None => Err(Error::checkpoint(
                repository.name(),
                format!(
                    "no weights found; expected model.safetensors, pytorch_model.bin, or one of their .index.json with shards{}",
                    repository.contents()
                ),
            )),
        }
    }

    fn empty(repository: &Repository) -> Self {
        Self { repository: repository.name().to_string(), files: Vec::new(), places: IndexMap::new() }
    }

    fn from_index(repository: &Repository, file: &str, index: &Index) -> Result<Self> {
        let mut weights = Self::empty(repository);
        let lacks = |shard: &str| {
            Error::checkpoint(
                shard.to_string(),
                format!("{file} names this shard, but `{}` does not have it", repository.name()),
            )
        };
        // All are looked for before the first is fetched.
        for shard in index.shards() {
            if !repository.has(shard)? {
                return Err(lacks(shard));
            }
        }
        for shard in index.shards() {
            weights.add(shard, repository.map(shard)?.ok_or_else(|| lacks(shard))?)?;
        }
        for (tensor, shard) in &index.weight_map {
            if !weights.contains(tensor) {
                return Err(Error::tensor(
                    shard.clone(),
                    tensor,
                    format!("{file} says that `{tensor}` is in this shard, but it is not"),
                ));
            }
        }
        Ok(weights)
    }

    /// Adds the tensors of a file.
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
        self.files.push(File { name: name.to_owned(), bytes, contents });
        Ok(())
    }

    /// The name or path of the repository.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// Total size of the files in bytes.
    pub fn bytes(&self) -> usize {
        self.files.iter().map(|file| file.bytes.len()).sum()
    }

    /// The names of the tensors.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.places.keys().map(String::as_str)
    }

    /// Whether there is a tensor with this name.
    pub fn contains(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    /// The type of a tensor.
    pub(super) fn dtype(&self, name: &str) -> Option<StoredDType> {
        match &self.files[*self.places.get(name)?].contents {
            Contents::SafeTensors(entries) => entries.get(name).map(|entry| entry.dtype),
            Contents::Torch(entries) => entries.get(name).map(|entry| entry.dtype),
        }
    }

    /// The tensor with this name.
    ///
    /// # Errors
    /// The tensor is missing (the error names similar ones), or it is not inside its file.
    pub fn tensor(&self, name: &str) -> Result<StoredTensor<'_>> {
        let (key, file) = self
            .places
            .get_full(name)
            .map(|(_, key, &file)| (key, &self.files[file]))
            .ok_or_else(|| self.missing(name))?;
        let key = Cow::Borrowed(key.as_str());
        let name_of_file = Cow::Borrowed(file.name.as_str());
        match &file.contents {
            Contents::SafeTensors(entries) => {
                let entry = &entries[name];
                let data = safetensors::data(&file.bytes, entry);
                Ok(StoredTensor { file: name_of_file, name: key, shape: entry.shape.clone(), dtype: entry.dtype, data })
            }
            Contents::Torch(entries) => {
                let entry = &entries[name];
                let data = torch::data(&file.name, name, &file.bytes, entry)?;
                Ok(StoredTensor { file: name_of_file, name: key, shape: entry.shape.clone(), dtype: entry.dtype, data })
            }
        }
    }

    /// Releases the pages of the file that reading a tensor has filled, so that loading needs little more memory than the
    /// model. The tensor can be read again.
    pub fn release(&self, name: &str) {
        let Some(File { bytes, contents, .. }) = self.places.get(name).map(|&file| &self.files[file]) else { return };
        let range = match contents {
            Contents::SafeTensors(entries) => entries.get(name).map(|entry| entry.bytes.clone()),
            Contents::Torch(entries) => entries.get(name).map(|entry| entry.storage.clone()),
        };
        if let (FileBytes::Mapped(map), Some(range)) = (bytes, range) {
            inseq_mapped::release(map, range);
        }
    }

    /// The names most similar to `name`, at most three; empty if no name is similar.
    pub fn nearest(&self, name: &str) -> Vec<&str> {
        nearest(name, self.names(), 3)
    }

    fn missing(&self, name: &str) -> Error {
        Error::tensor(
            &*self.repository,
            name,
            match self.nearest(name)[..] {
                [] => "the checkpoint has no such tensor, and none of a similar name".into(),
                ref near => format!("the checkpoint has no such tensor; the nearest are: {}", near.join(", ")),
            },
        )
    }
}
