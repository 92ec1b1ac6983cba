//! Parquet files.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::basic::Type as PhysicalType;
use parquet::errors::ParquetError;
use parquet::schema::types::{SchemaDescriptor, Type};

use super::batches::{BatchRows, Projection, broken};
use super::bytes;
use super::columns::{ColumnType, Wanted};
use super::table::{CellRows, Table};
use crate::{Error, Result};

/// Rows that are decoded at once.
const BATCH: usize = 1024;

/// A Parquet file.
#[derive(Debug)]
pub(super) struct Parquet {
    path: PathBuf,
    projection: Projection,
    rows: u64,
}

impl Parquet {
    pub(super) fn open(path: &Path, wanted: &[Wanted]) -> Result<Self> {
        let file = bytes::open(path)?;
        let length = file.metadata().map_err(|source| Error::File { path: path.to_owned(), source })?.len();
        if length == 0 {
            return Err(Error::Dataset(format!("{}: the file is empty; expected a Parquet file", path.display())));
        }
        let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).map_err(|e| broken(path, &e))?;
        let projection = Projection::new(path, metadata.schema(), wanted)?;
        let rows = metadata.metadata().file_metadata().num_rows();
        let rows = u64::try_from(rows).map_err(|_| broken(path, &format!("it claims to have {rows} rows")))?;
        Ok(Self { path: path.to_owned(), projection, rows })
    }
}

impl Table for Parquet {
    fn rows(&self) -> u64 {
        self.rows
    }

    fn types(&self) -> &[ColumnType] {
        &self.projection.types
    }

    fn read(&self, rows: Range<u64>) -> Result<CellRows> {
        let failed = |e: ParquetError| broken(&self.path, &e);
        let file = bytes::open(&self.path)?;
        let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).map_err(failed)?;
        let schema = strings_as_bytes(metadata.parquet_schema()).map_err(failed)?;
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true).with_parquet_schema(Arc::new(schema));
        let metadata = ArrowReaderMetadata::load(&file, options).map_err(failed)?;
        // Row groups before and behind the rows are not read.
        let mut groups = Vec::new();
        let (mut start, mut skipped) = (0, rows.start);
        for (i, group) in metadata.metadata().row_groups().iter().enumerate() {
            let end = start + u64::try_from(group.num_rows()).unwrap_or_default();
            if end <= rows.start {
                skipped = rows.start - end;
            } else if start < rows.end {
                groups.push(i);
            }
            start = end;
        }
        let mask = ProjectionMask::roots(metadata.parquet_schema(), self.projection.columns.iter().copied());
        let count = usize::try_from(rows.end - rows.start).unwrap_or(usize::MAX);
        let skip = usize::try_from(skipped).unwrap_or(usize::MAX);
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata)
            .with_row_groups(groups)
            .with_projection(mask)
            .with_offset(skip)
            .with_limit(count)
            .with_batch_size(BATCH)
            .build()
            .map_err(failed)?;
        Ok(Box::new(BatchRows::new(&self.path, reader, 0, &self.projection)))
    }
}

/// The same schema, with bytes where strings are: a string that is not UTF-8 is then an error of its row only.
fn strings_as_bytes(schema: &SchemaDescriptor) -> Result<SchemaDescriptor, ParquetError> {
    let root = schema.root_schema();
    let as_bytes = |field: &Arc<Type>| {
        if !field.is_primitive() || field.get_physical_type() != PhysicalType::BYTE_ARRAY {
            return Ok(field.clone());
        }
        let info = field.get_basic_info();
        Type::primitive_type_builder(field.name(), PhysicalType::BYTE_ARRAY)
            .with_repetition(info.repetition())
            .build()
            .map(Arc::new)
    };
    let fields = root.get_fields().iter().map(as_bytes).collect::<Result<_, _>>()?;
    let root = Type::group_type_builder(root.name()).with_fields(fields).build()?;
    Ok(SchemaDescriptor::new(Arc::new(root)))
}
