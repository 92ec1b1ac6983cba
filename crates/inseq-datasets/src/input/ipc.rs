//! Arrow IPC files, and streams as the `datasets` library saves them.

use std::io::{BufReader, Read as _, Seek as _};
use std::ops::Range;

use arrow_array::RecordBatch;
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::{ArrowError, Schema};

use super::batches::{BatchRows, Projection, broken};
use super::columns::{ColumnType, Wanted};
use super::content::other_format;
use super::kind::Kind;
use super::origin::{Opened, Origin};
use super::table::{CellRows, Table};
use crate::{Error, Result};

/// First bytes of a file with a footer; a stream starts otherwise.
const FILE_MARK: &[u8] = b"ARROW1";

/// An Arrow file.
#[derive(Debug)]
pub(super) struct Ipc {
    origin: Origin,
    projection: Projection,
    /// Number of rows before each batch, and at last of all; only the last one of a stream.
    starts: Vec<u64>,
}

impl Ipc {
    pub(super) fn open(origin: &Origin, wanted: &[Wanted]) -> Result<Self> {
        let reader = match Reader::open(origin, None) {
            Ok(reader) => reader,
            Err(error) => return Err(other_format(origin, Kind::Arrow)?.unwrap_or(error)),
        };
        let projection = Projection::new(origin, &reader.schema(), wanted)?;
        let is_file = matches!(reader, Reader::File(_));
        let mut starts = Vec::new();
        let mut rows = 0;
        for batch in Reader::open(origin, Some(&projection))? {
            let batch = batch.map_err(|e| broken(origin, &e))?;
            if is_file {
                starts.push(rows);
            }
            rows += batch.num_rows() as u64;
        }
        starts.push(rows);
        Ok(Self { origin: origin.clone(), projection, starts })
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
        let mut reader = Reader::open(&self.origin, Some(&self.projection))?;
        let mut skipped = rows.start;
        if let Reader::File(file) = &mut reader {
            let batch = self.starts.partition_point(|&start| start <= rows.start).saturating_sub(1);
            if batch < file.num_batches() {
                file.set_index(batch).map_err(|e| broken(&self.origin, &e))?;
                skipped -= self.starts[batch];
            }
        }
        let count = usize::try_from(rows.end - rows.start).unwrap_or(usize::MAX);
        Ok(Box::new(BatchRows::new(&self.origin, reader, skipped, &self.projection).take(count)))
    }
}

enum Reader {
    File(FileReader<BufReader<Opened>>),
    Stream(StreamReader<BufReader<Opened>>),
}

impl Reader {
    fn open(origin: &Origin, projection: Option<&Projection>) -> Result<Self> {
        let failed = |source| origin.failed(source);
        let mut file = origin.open()?;
        let mut start = Vec::new();
        (&mut file).take(FILE_MARK.len() as u64).read_to_end(&mut start).map_err(failed)?;
        file.rewind().map_err(failed)?;
        let columns = projection.map(|projection| projection.columns.clone());
        if start.is_empty() {
            return Err(Error::Dataset(format!("{origin}: the file is empty; expected an Arrow file")));
        }
        let reader = if start == FILE_MARK {
            FileReader::try_new(BufReader::new(file), columns).map(Self::File)
        } else {
            StreamReader::try_new(BufReader::new(file), columns).map(Self::Stream)
        };
        reader.map_err(|e| broken(origin, &e))
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
