//! Where the bytes of a data file come from.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use crate::remote::{Object, ObjectReader};
use crate::{Error, Result};

/// A data file that can be opened any number of times.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// A file of this machine.
    Path(PathBuf),
    /// A file of a store. Only the bytes that are read are fetched.
    Object(Object),
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path().display().fmt(formatter)
    }
}

impl Origin {
    /// Its path or address.
    pub(super) fn path(&self) -> PathBuf {
        match self {
            Self::Path(path) => path.clone(),
            Self::Object(object) => object.address(),
        }
    }

    /// The error of reading it.
    pub(super) fn failed(&self, source: io::Error) -> Error {
        Error::File { path: self.path(), source }
    }

    /// Opens it at its start.
    pub(super) fn open(&self) -> Result<Opened> {
        match self {
            Self::Path(path) => File::open(path).map(Opened::File).map_err(|source| self.failed(source)),
            Self::Object(object) => Ok(Opened::Object(Box::new(object.reader()))),
        }
    }

    /// Size in bytes, and the BLAKE3 hash in hexadecimal digits; of a file of a store the version that the store gives it.
    pub(super) fn fingerprint(&self) -> Result<(u64, String)> {
        match self {
            Self::Path(_) => {
                let mut hasher = blake3::Hasher::new();
                hasher.update_reader(self.open()?).map_err(|source| self.failed(source))?;
                Ok((hasher.count(), hasher.finalize().to_hex().to_string()))
            }
            Self::Object(object) => Ok((object.size(), object.version())),
        }
    }
}

/// An open data file.
#[derive(Debug)]
pub(super) enum Opened {
    File(File),
    Object(Box<ObjectReader>),
}

impl Read for Opened {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(buffer),
            Self::Object(reader) => reader.read(buffer),
        }
    }
}

impl Seek for Opened {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Self::File(file) => file.seek(to),
            Self::Object(reader) => reader.seek(to),
        }
    }
}

impl Length for Opened {
    fn len(&self) -> u64 {
        match self {
            Self::File(file) => Length::len(file),
            Self::Object(reader) => reader.object().size(),
        }
    }
}

impl ChunkReader for Opened {
    type T = Box<dyn Read>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(match self {
            Self::File(file) => Box::new(file.get_read(start)?),
            Self::Object(reader) => Box::new(reader.object().get_read(start)?),
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        match self {
            Self::File(file) => file.get_bytes(start, length),
            Self::Object(reader) => reader.object().get_bytes(start, length),
        }
    }
}
