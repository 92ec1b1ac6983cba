//! Arrow IPC files, and streams as the `datasets` library saves them.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::ops::Range;
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::{ArrowError, Schema};

use super::batches::{BatchRows, Projection, broken};
use super::bytes;
use super::columns::{ColumnType, Wanted};
use super::table::{CellRows, Table};
use crate::{Error, Result};

/// First bytes of a file with a footer; a stream starts otherwise.
const FILE_MARK: &[u8] = b"ARROW1";

/// An Arrow file.
#[derive(Debug)]
pub(super) struct Ipc {
    path: PathBuf,
    projection: Projection,
    /// Number of rows before each batch, and at last of all; only the last one of a stream.
    starts: Vec<u64>,
}

impl Ipc {
    pub(super) fn open(path: &Path, wanted: &[Wanted]) -> Result<Self> {
        let reader = Reader::open(path, None)?;
        let projection = Projection::new(path, &reader.schema(), wanted)?;
        let is_file = matches!(reader, Reader::File(_));
        let mut starts = Vec::new();
        let mut rows = 0;
        for batch in Reader::open(path, Some(&projection))? {
            let batch = batch.map_err(|e| broken(path, &e))?;
            if is_file {
                starts.push(rows);
            }
            rows += batch.num_rows() as u64;
        }
        starts.push(rows);
        Ok(Self { path: path.to_owned(), projection, starts })
    }
}

impl Table for Ipc {
    fn rows(&self) -> u64 {
        self.starts.last().copied().unwrap_or_default()
    }

    fn types(&self) -> &[ColumnType] {
        &self.projection.types
    }

    fn read(&self, rows: Range<u64>) -> Result<CellRows> {
        let mut reader = Reader::open(&self.path, Some(&self.projection))?;
        let mut skipped = rows.start;
        if let Reader::File(file) = &mut reader {
            let batch = self.starts.partition_point(|&start| start <= rows.start).saturating_sub(1);
            if batch < file.num_batches() {
                file.set_index(batch).map_err(|e| broken(&self.path, &e))?;
                skipped -= self.starts[batch];
            }
        }
        let count = usize::try_from(rows.end - rows.start).unwrap_or(usize::MAX);
        Ok(Box::new(BatchRows::new(&self.path, reader, skipped, &self.projection).take(count)))
    }
}

enum Reader {
    File(FileReader<BufReader<File>>),
    Stream(StreamReader<BufReader<File>>),
}

impl Reader {
    fn open(path: &Path, projection: Option<&Projection>) -> Result<Self> {
        let failed = |source| Error::File { path: path.to_owned(), source };
        let mut file = bytes::open(path)?;
        let mut start = Vec::new();
        (&mut file).take(FILE_MARK.len() as u64).read_to_end(&mut start).map_err(failed)?;
        file.rewind().map_err(failed)?;
        let columns = projection.map(|projection| projection.columns.clone());
        if start.is_empty() {
            return Err(Error::Dataset(format!("{}: the file is empty; expected an Arrow file", path.display())));
        }
        let reader = if start == FILE_MARK {
            FileReader::try_new(BufReader::new(file), columns).map(Self::File)
        } else {
            StreamReader::try_new(BufReader::new(file), columns).map(Self::Stream)
        };
        reader.map_err(|e| broken(path, &e))
    }

    fn schema(&self) -> std::sync::Arc<Schema> {
        match self {
            Self::File(reader) => reader.schema(),
            Self::Stream(reader) => reader.schema(),
        }
    }
}

impl Iterator for Reader {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::File(reader) => reader.next(),
            Self::Stream(reader) => reader.next(),
        }
    }
}
