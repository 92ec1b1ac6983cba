//! Parquet files.

use std::ops::Range;
use std::sync::Arc;

use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::basic::{Compression, ConvertedType, Type as PhysicalType};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::Length as _;
use parquet::schema::types::{SchemaDescriptor, Type};

use super::batches::{BatchRows, Projection, broken};
use super::columns::{ColumnType, Wanted};
use super::content::other_format;
use super::kind::Kind;
use super::origin::Origin;
use super::table::{CellRows, Table};
use crate::{Error, Result};

/// Rows that are decoded at once.
const BATCH: usize = 1024;

/// A Parquet file.
#[derive(Debug)]
pub(super) struct Parquet {
    origin: Origin,
    projection: Projection,
    rows: u64,
}

impl Parquet {
    pub(super) fn open(origin: &Origin, wanted: &[Wanted]) -> Result<Self> {
        let file = origin.open()?;
        if file.len() == 0 {
            return Err(Error::Dataset(format!("{origin}: the file is empty; expected a Parquet file")));
        }
        let metadata = match ArrowReaderMetadata::load(&file, options()) {
            Ok(metadata) => metadata,
            Err(error) => return Err(other_format(origin, Kind::Parquet)?.unwrap_or_else(|| broken(origin, &error))),
        };
        let projection = Projection::new(origin, metadata.schema(), wanted)?;
        check_codecs(origin, metadata.metadata(), &projection.columns)?;
        let rows = metadata.metadata().file_metadata().num_rows();
        let rows = u64::try_from(rows).map_err(|_| broken(origin, &format!("it claims to have {rows} rows")))?;
        Ok(Self { origin: origin.clone(), projection, rows })
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
        let failed = |e: ParquetError| broken(&self.origin, &e);
        let file = self.origin.open()?;
        let metadata = ArrowReaderMetadata::load(&file, options()).map_err(failed)?;
        let schema = strings_as_bytes(metadata.parquet_schema()).map_err(failed)?;
        let options = options().with_parquet_schema(Arc::new(schema));
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
        Ok(Box::new(BatchRows::new(&self.origin, reader, 0, &self.projection)))
    }
}

/// Refuses columns that are compressed in a way that is not read here.
fn check_codecs(origin: &Origin, metadata: &ParquetMetaData, columns: &[usize]) -> Result<()> {
    let schema = metadata.file_metadata().schema_descr();
    for (leaf, column) in metadata.row_groups().iter().flat_map(|group| group.columns().iter().enumerate()) {
        let name = match column.compression() {
            Compression::BROTLI(_) => "Brotli",
            Compression::LZO => "LZO",
            _ => continue,
        };
        if columns.contains(&schema.get_column_root_idx(leaf)) {
            return Err(Error::Dataset(format!(
                "{origin}: column `{}` is compressed by {name}, which is not read here; write the file again with Zstandard, Snappy, \
                 Gzip or LZ4, such as with `pq.write_table(pq.read_table(file), file, compression='zstd')` of pyarrow",
                schema.get_column_root(leaf).name()
            )));
        }
    }
    Ok(())
}

/// The types of columns are those of Parquet, whatever Arrow types they were written from.
fn options() -> ArrowReaderOptions {
    ArrowReaderOptions::new().with_skip_arrow_metadata(true)
}

/// The same schema, with bytes where strings are: a string that is not UTF-8 is then an error of its row only.
fn strings_as_bytes(schema: &SchemaDescriptor) -> Result<SchemaDescriptor, ParquetError> {
    let root = schema.root_schema();
    let as_bytes = |field: &Arc<Type>| {
        let info = field.get_basic_info();
        let is_text = field.is_primitive() && field.get_physical_type() == PhysicalType::BYTE_ARRAY;
        if !is_text || info.converted_type() != ConvertedType::UTF8 {
            return Ok(field.clone());
        }
        Type::primitive_type_builder(field.name(), PhysicalType::BYTE_ARRAY)
            .with_repetition(info.repetition())
            .build()
            .map(Arc::new)
    };
    let fields = root.get_fields().iter().map(as_bytes).collect::<Result<_, _>>()?;
    let root = Type::group_type_builder(root.name()).with_fields(fields).build()?;
    Ok(SchemaDescriptor::new(Arc::new(root)))
}
