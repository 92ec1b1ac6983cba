//! What stands for stores in a build without them. None of these values exists, so nothing here does anything.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use crate::{Error, Result};

/// The error for an address.
pub(crate) fn unsupported(address: &str) -> Error {
    Error::Dataset(format!(
        "{address}: this program was built without the feature `cloud`, which object stores and web addresses need; use a released \
         binary, build it with `cargo install inseq-cli --features cloud`, or copy the files to this machine"
    ))
}

/// Connections, of which there are none.
#[derive(Debug, Default)]
pub(crate) struct Buckets(());

impl Buckets {
    /// The object at an address.
    pub(crate) fn find(&mut self, address: &str) -> Result<Option<Object>> {
        Err(unsupported(address))
    }
}

/// A folder of a store.
#[derive(Clone, Debug)]
pub(crate) struct Folder(Infallible);

impl Folder {
    /// The folder at an address.
    pub(crate) fn open(address: &str, _: &mut Buckets) -> Result<Self> {
        Err(unsupported(address))
    }

    /// Its address.
    pub(crate) fn address(&self) -> String {
        match self.0 {}
    }

    /// The files in it.
    pub(crate) fn files(&self) -> Result<&BTreeMap<String, Object>> {
        match self.0 {}
    }
}

/// An object of a store.
#[derive(Clone, Debug)]
pub(crate) struct Object(Infallible);

impl Object {
    /// Its address.
    pub(crate) fn address(&self) -> PathBuf {
        match self.0 {}
    }

    /// Size in bytes.
    pub(crate) fn size(&self) -> u64 {
        match self.0 {}
    }

    /// What changes with its content.
    pub(crate) fn version(&self) -> String {
        match self.0 {}
    }

    /// Reads it.
    pub(crate) fn reader(&self) -> ObjectReader {
        match self.0 {}
    }
}

/// Reads an object.
#[derive(Clone, Debug)]
pub(crate) struct ObjectReader(Infallible);

impl ObjectReader {
    /// What it reads.
    pub(crate) fn object(&self) -> &Object {
        match self.0 {}
    }
}

impl Read for ObjectReader {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        match self.0 {}
    }
}

impl Seek for ObjectReader {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        match self.0 {}
    }
}

impl Length for Object {
    fn len(&self) -> u64 {
        match self.0 {}
    }
}

impl ChunkReader for Object {
    type T = ObjectReader;

    fn get_read(&self, _: u64) -> Result<ObjectReader, ParquetError> {
        match self.0 {}
    }

    fn get_bytes(&self, _: u64, _: usize) -> Result<Bytes, ParquetError> {
        match self.0 {}
    }
}
