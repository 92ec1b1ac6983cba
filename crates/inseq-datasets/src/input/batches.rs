//! Rows of Arrow record batches.

use arrow_array::cast::AsArray;
use arrow_array::types::{Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{ArrowError, DataType, Schema};

use super::cells::{Cell, Cells};
use super::columns::{ColumnType, Holds, Wanted, missing, mistyped};
use super::encoding::Encoding;
use super::origin::Origin;
use crate::{Error, Result};

/// The wanted columns of a schema: which ones to read, in order, and where each wanted column is among them.
#[derive(Clone, Debug)]
pub(super) struct Projection {
    /// Places of columns in the file, rising.
    pub(super) columns: Vec<usize>,
    /// Place among `columns` of each wanted column, and what it may hold.
    places: Vec<(usize, Holds)>,
    pub(super) types: Vec<ColumnType>,
}

impl Projection {
    /// Finds the wanted columns in a schema.
    ///
    /// # Errors
    /// A column is missing, or it holds no texts.
    pub(super) fn new(origin: &Origin, schema: &Schema, wanted: &[Wanted]) -> Result<Self> {
        let fields = schema.fields();
        let mut found = Vec::new();
        let mut types = Vec::new();
        for wanted in wanted {
            let column = fields
                .iter()
                .position(|field| *field.name() == wanted.name)
                .ok_or_else(|| missing(origin, &wanted.name, fields.iter().map(|field| field.name().as_str())))?;
            let data_type = fields[column].data_type();
            let found_type = match (wanted.holds, column_type(data_type)) {
                (Holds::Anything, Some(ColumnType::Integers) | None) => Some(ColumnType::Values(data_type.clone())),
                (Holds::Texts, Some(ColumnType::Integers)) => None,
                (_, found) => found,
            };
            let values = || format!("values of the type {data_type}");
            types.push(found_type.ok_or_else(|| mistyped(origin, wanted, &values(), data_type.is_nested()))?);
            found.push(column);
        }
        let mut columns = found.clone();
        columns.sort_unstable();
        columns.dedup();
        let place = |(column, wanted): (_, &Wanted)| Some((columns.binary_search(column).ok()?, wanted.holds));
        let places = found.iter().zip(wanted).filter_map(place).collect();
        Ok(Self { columns, places, types })
    }
}

/// What a column of a type holds, where that is texts or integers.
pub(super) fn column_type(data_type: &DataType) -> Option<ColumnType> {
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
    origin: Origin,
    batches: B,
    batch: Option<RecordBatch>,
    next: usize,
    skipped: u64,
    places: Vec<(usize, Holds)>,
}

impl<B: Iterator<Item = Result<RecordBatch, ArrowError>>> BatchRows<B> {
    /// The rows behind the first `skipped` ones.
    pub(super) fn new(origin: &Origin, batches: B, skipped: u64, projection: &Projection) -> Self {
        Self { origin: origin.clone(), batches, batch: None, next: 0, skipped, places: projection.places.clone() }
    }
}

impl<B: Iterator<Item = Result<RecordBatch, ArrowError>>> Iterator for BatchRows<B> {
    type Item = Result<Cells>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(batch) = self.batch.as_ref().filter(|batch| self.next < batch.num_rows()) {
                let cell = |&(place, holds): &(usize, Holds)| cell(batch.column(place).as_ref(), self.next, holds);
                let cells = self.places.iter().map(cell).collect();
                self.next += 1;
                return Some(Ok(cells));
            }
            match self.batches.next()? {
                Ok(batch) => {
                    self.next = batch.num_rows().min(usize::try_from(self.skipped).unwrap_or(usize::MAX));
                    self.skipped -= self.next as u64;
                    self.batch = Some(batch);
                }
                Err(error) => return Some(Err(broken(&self.origin, &error))),
            }
        }
    }
}

/// The error for a file that cannot be decoded.
pub(super) fn broken(origin: &Origin, error: &dyn std::fmt::Display) -> Error {
    Error::Dataset(format!("{origin}: the file is damaged or truncated: {error}"))
}

/// One value of a column, of which that may be expected.
pub(super) fn cell(array: &dyn Array, row: usize, holds: Holds) -> Cell {
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
            let key = cell(dictionary.keys(), row, Holds::TextsOrIntegers);
            let Cell::Integer(key) = key else { return None };
            let key: usize = key.parse().ok()?;
            (key < dictionary.values().len()).then(|| cell(dictionary.values().as_ref(), key, holds))
        }),
        _ if holds == Holds::Anything => Some(Cell::Value(array.slice(row, 1))),
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
