//! Rows of Arrow record batches.

use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use arrow_array::types::{Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{ArrowError, DataType, Schema};

use super::cells::{Cell, Cells};
use super::columns::{ColumnType, Wanted, missing, mistyped};
use super::encoding::Encoding;
use crate::{Error, Result};

/// The wanted columns of a schema: which ones to read, in order, and where each wanted column is among them.
#[derive(Clone, Debug)]
pub(super) struct Projection {
    /// Places of columns in the file, rising.
    pub(super) columns: Vec<usize>,
    /// Place among `columns` of each wanted column.
    places: Vec<usize>,
    pub(super) types: Vec<ColumnType>,
}

impl Projection {
    /// Finds the wanted columns in a schema.
    ///
    /// # Errors
    /// A column is missing, or it holds no texts.
    pub(super) fn new(path: &Path, schema: &Schema, wanted: &[Wanted]) -> Result<Self> {
        let fields = schema.fields();
        let mut found = Vec::new();
        let mut types = Vec::new();
        for wanted in wanted {
            let column = fields
                .iter()
                .position(|field| *field.name() == wanted.name)
                .ok_or_else(|| missing(path, &wanted.name, fields.iter().map(|field| field.name().as_str())))?;
            let data_type = fields[column].data_type();
            let column_type = column_type(data_type).filter(|found| wanted.integers || *found != ColumnType::Integers);
            types.push(column_type.ok_or_else(|| mistyped(path, wanted, &format!("values of the type {data_type}")))?);
            found.push(column);
        }
        let mut columns = found.clone();
        columns.sort_unstable();
        columns.dedup();
        let places = found.iter().filter_map(|column| columns.binary_search(column).ok()).collect();
        Ok(Self { columns, places, types })
    }
}

fn column_type(data_type: &DataType) -> Option<ColumnType> {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Some(ColumnType::Strings),
        DataType::Dictionary(_, values) => column_type(values),
        DataType::Null => Some(ColumnType::Any),
        data_type if data_type.is_integer() => Some(ColumnType::Integers),
        _ => None,
    }
}

/// The rows of record batches, of which the first ones are skipped.
pub(super) struct BatchRows<B> {
    path: PathBuf,
    batches: B,
    batch: Option<RecordBatch>,
    next: usize,
    skipped: u64,
    places: Vec<usize>,
}

impl<B: Iterator<Item = Result<RecordBatch, ArrowError>>> BatchRows<B> {
    /// The rows behind the first `skipped` ones.
    pub(super) fn new(path: &Path, batches: B, skipped: u64, projection: &Projection) -> Self {
        Self { path: path.to_owned(), batches, batch: None, next: 0, skipped, places: projection.places.clone() }
    }
}

impl<B: Iterator<Item = Result<RecordBatch, ArrowError>>> Iterator for BatchRows<B> {
    type Item = Result<Cells>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(batch) = self.batch.as_ref().filter(|batch| self.next < batch.num_rows()) {
                let cells = self.places.iter().map(|&place| cell(batch.column(place).as_ref(), self.next)).collect();
                self.next += 1;
                return Some(Ok(cells));
            }
            match self.batches.next()? {
                Ok(batch) => {
                    self.next = batch.num_rows().min(usize::try_from(self.skipped).unwrap_or(usize::MAX));
                    self.skipped -= self.next as u64;
                    self.batch = Some(batch);
                }
                Err(error) => return Some(Err(broken(&self.path, &error))),
            }
        }
    }
}

/// The error for a file that cannot be decoded.
pub(super) fn broken(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::Dataset(format!("{}: the file is damaged or truncated: {error}", path.display()))
}

/// One value of a column.
fn cell(array: &dyn Array, row: usize) -> Cell {
    if array.is_null(row) {
        return Cell::Null;
    }
    macro_rules! integer {
        ($type:ty) => {
            array.as_primitive_opt::<$type>().map(|array| Cell::Integer(array.value(row).to_string()))
        };
    }
    let encoding = Encoding::default();
    let cell = match array.data_type() {
        DataType::Null => Some(Cell::Null),
        DataType::Utf8 => array.as_string_opt::<i32>().map(|array| Cell::Text(array.value(row).into())),
        DataType::LargeUtf8 => array.as_string_opt::<i64>().map(|array| Cell::Text(array.value(row).into())),
        DataType::Utf8View => array.as_string_view_opt().map(|array| Cell::Text(array.value(row).into())),
        DataType::Binary => array.as_binary_opt::<i32>().map(|array| encoding.cell(array.value(row))),
        DataType::LargeBinary => array.as_binary_opt::<i64>().map(|array| encoding.cell(array.value(row))),
        DataType::BinaryView => array.as_binary_view_opt().map(|array| encoding.cell(array.value(row))),
        DataType::Dictionary(..) => array.as_any_dictionary_opt().and_then(|dictionary| {
            let key = cell(dictionary.keys(), row);
            let Cell::Integer(key) = key else { return None };
            let key: usize = key.parse().ok()?;
            (key < dictionary.values().len()).then(|| cell(dictionary.values().as_ref(), key))
        }),
        DataType::Int8 => integer!(Int8Type),
        DataType::Int16 => integer!(Int16Type),
        DataType::Int32 => integer!(Int32Type),
        DataType::Int64 => integer!(Int64Type),
        DataType::UInt8 => integer!(UInt8Type),
        DataType::UInt16 => integer!(UInt16Type),
        DataType::UInt32 => integer!(UInt32Type),
        DataType::UInt64 => integer!(UInt64Type),
        _ => None,
    };
    cell.unwrap_or_else(|| Cell::Bad(format!("a value of the type {}, not a string", array.data_type())))
}
