//! Objects that are read in blocks.

use std::collections::VecDeque;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use object_store::{GetOptions, GetRange, ObjectMeta};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use super::bucket::Bucket;
use crate::Error;

/// Bytes that one request reads.
pub(super) const BLOCK: u64 = 4 << 20;

/// Blocks of a bucket that are kept: the columns of a row group, read part by part, are fetched once.
const MOST_BLOCKS: usize = 32;

/// The blocks of a bucket that were read last.
#[derive(Debug, Default)]
pub(super) struct Blocks(Mutex<VecDeque<(Place, Bytes)>>);

/// An object, its version, and a block of it.
type Place = (String, Option<String>, u64);

impl Blocks {
    /// Number of blocks.
    #[cfg(test)]
    pub(super) fn count(&self) -> u64 {
        self.0.lock().unwrap().len() as u64
    }

    fn find(&self, place: &Place) -> Option<Bytes> {
        let mut blocks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = blocks.iter().position(|(known, _)| known == place)?;
        let block = blocks.remove(found)?;
        let bytes = block.1.clone();
        blocks.push_back(block);
        Some(bytes)
    }

    fn keep(&self, place: Place, bytes: Bytes) {
        let mut blocks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if blocks.len() >= MOST_BLOCKS {
            blocks.pop_front();
        }
        blocks.push_back((place, bytes));
    }
}

/// An object of a bucket, as it was when it was found.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    bucket: Arc<Bucket>,
    name: String,
    size: u64,
    /// The version of its content, where the store says it.
    tag: Option<String>,
    modified: String,
}

impl Object {
    /// The object with some facts.
    pub(crate) fn new(bucket: &Arc<Bucket>, name: String, meta: &ObjectMeta) -> Self {
        Self {
            bucket: bucket.clone(),
            name,
            size: meta.size,
            tag: meta.e_tag.clone(),
            modified: meta.last_modified.to_rfc3339(),
        }
    }

    /// Its address.
    pub(crate) fn address(&self) -> PathBuf {
        self.bucket.address(&self.name)
    }

    /// Size in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// What changes with its content: its tag, or the time of its last change.
    pub(crate) fn version(&self) -> String {
        match &self.tag {
            Some(tag) => format!("etag:{}", tag.trim_matches('"')),
            None => format!("modified:{}", self.modified),
        }
    }

    /// Reads it from its start.
    pub(crate) fn reader(&self) -> ObjectReader {
        ObjectReader { object: self.clone(), position: 0, current: None }
    }

    /// A block of its bytes.
    fn block(&self, number: u64) -> io::Result<Bytes> {
        let place = (self.name.clone(), self.tag.clone(), number);
        if let Some(bytes) = self.bucket.blocks.find(&place) {
            return Ok(bytes);
        }
        let start = number * BLOCK;
        let range = start..(start + BLOCK).min(self.size);
        let expected = range.end - range.start;
        // A weak tag matches nothing.
        let if_match = self.tag.clone().filter(|tag| !tag.starts_with("W/"));
        let options = GetOptions { if_match, range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        let got = self.bucket.run(&self.name, |store, path| async move {
            let got = store.get_opts(&path, options).await?;
            got.bytes().await
        });
        let bytes = got.map_err(|fault| match self.bucket.error(&self.name, fault) {
            Error::File { source, .. } => source,
            other => io::Error::other(other),
        })?;
        if bytes.len() as u64 != expected {
            return Err(io::Error::other(format!("{} bytes came where {expected} were asked for", bytes.len())));
        }
        self.bucket.blocks.keep(place, bytes.clone());
        Ok(bytes)
    }
}

/// Reads an object.
#[derive(Debug)]
pub(crate) struct ObjectReader {
    object: Object,
    position: u64,
    current: Option<(u64, Bytes)>,
}

impl ObjectReader {
    /// What it reads.
    pub(crate) fn object(&self) -> &Object {
        &self.object
    }
}

impl Read for ObjectReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.object.size {
            return Ok(0);
        }
        let (number, offset) = (self.position / BLOCK, (self.position % BLOCK) as usize);
        let bytes = match &self.current {
            Some((current, bytes)) if *current == number => bytes,
            _ => &self.current.insert((number, self.object.block(number)?)).1,
        };
        let rest = bytes.get(offset..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for ObjectReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.object.size.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        let before_start = || io::Error::new(io::ErrorKind::InvalidInput, "a place before the start of the file");
        self.position = target.ok_or_else(before_start)?;
        Ok(self.position)
    }
}

impl Length for Object {
    fn len(&self) -> u64 {
        self.size
    }
}

impl ChunkReader for Object {
    type T = ObjectReader;

    fn get_read(&self, start: u64) -> Result<ObjectReader, ParquetError> {
        Ok(ObjectReader { position: start, ..self.reader() })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let end = start + length as u64;
        if end > self.size {
            return Err(ParquetError::EOF(format!("bytes {start} to {end} of a file of {} bytes", self.size)));
        }
        if length == 0 {
            return Ok(Bytes::new());
        }
        let offset = (start % BLOCK) as usize;
        if start / BLOCK == (end - 1) / BLOCK {
            let block = self.block(start / BLOCK)?;
            // A block has the bytes that its place says.
            return Ok(block.slice(offset..offset + length));
        }
        let mut bytes = vec![0; length];
        self.get_read(start)?.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}
