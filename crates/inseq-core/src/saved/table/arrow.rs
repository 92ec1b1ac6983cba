//! Tables as Arrow's file format, also called Feather.

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float32Array, Int64Array, RecordBatch, StringArray};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, DataType, Field, Schema};

use super::Column;
use crate::{Error, Result};

/// Writes columns, with `info` in the metadata of the schema.
pub(in crate::saved) fn write(writer: impl Write, columns: &[(String, Column<'_>)], info: &str) -> Result<()> {
    table(writer, columns, info).map_err(|error| match error {
        ArrowError::IoError(_, error) => Error::Io(error),
        other => Error::Invalid(format!("the table cannot be written: {other}")),
    })
}

fn table(writer: impl Write, columns: &[(String, Column<'_>)], info: &str) -> Result<(), ArrowError> {
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) =
        columns.iter().map(|(name, column)| field(name, column)).unzip();
    let facts = HashMap::from([("inseq".to_owned(), info.to_owned())]);
    let schema = Arc::new(Schema::new(fields).with_metadata(facts));
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays)?;
    let mut file = FileWriter::try_new(writer, &schema)?;
    file.write(&batch)?;
    file.finish()
}

fn field(name: &str, column: &Column) -> (Field, ArrayRef) {
    match column {
        Column::Integers(values) => {
            (Field::new(name, DataType::Int64, false), Arc::new(Int64Array::from_iter_values(values.iter().copied())))
        }
        Column::Text(values) => {
            (Field::new(name, DataType::Utf8, false), Arc::new(StringArray::from_iter_values(values)))
        }
        Column::Scores(values) => {
            (Field::new(name, DataType::Float32, true), Arc::new(Float32Array::from_iter(values.iter().copied())))
        }
    }
}
