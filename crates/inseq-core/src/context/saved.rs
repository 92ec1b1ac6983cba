//! Files of the influence of a context.

use std::io::{Read as _, Write};
use std::path::Path;

use super::ContextAttribution;
use crate::mismatch::{self, Mismatch};
use crate::saved::{json as python_json, write_whole};
use crate::{Error, Result};

impl ContextAttribution {
    /// Writes the JSON of the reference.
    ///
    /// # Errors
    /// The writer fails.
    pub fn write(&self, mut writer: impl Write) -> Result<()> {
        python_json::write(self, &mut writer).map_err(|error| Error::Io(error.into()))?;
        Ok(writer.write_all(b"\n")?)
    }

    /// Reads JSON of [`write`](Self::write) or of the reference.
    ///
    /// # Errors
    /// The JSON is damaged or has another form; the error names the place.
    pub fn read(json: &[u8]) -> Result<Self> {
        let malformed = |Mismatch { path, message }| {
            Error::malformed(if path.is_empty() { "the result".to_owned() } else { path }, message)
        };
        let json = python_json::quote_literals(python_json::without_mark(json)?);
        let value = mismatch::parse_unique(&json).map_err(malformed)?;
        let attribution: Self = mismatch::read(&value).map_err(malformed)?;
        attribution.validate().map(|()| attribution)
    }

    /// Saves a file, whole or not at all.
    ///
    /// # Errors
    /// The file exists and `overwrite` is false, or it cannot be written.
    pub fn save(&self, path: impl AsRef<Path>, overwrite: bool) -> Result<()> {
        write_whole(path.as_ref(), overwrite, |file| self.write(std::io::BufWriter::new(file)))
    }

    /// Loads a file of [`save`](Self::save) or of the reference.
    ///
    /// # Errors
    /// The file cannot be read, or is no such result.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let mut json = Vec::new();
        let read = std::fs::File::open(path).and_then(|mut file| file.read_to_end(&mut json));
        read.map_err(Error::Io).and_then(|_| Self::read(&json)).map_err(|error| error.at(path))
    }
}
