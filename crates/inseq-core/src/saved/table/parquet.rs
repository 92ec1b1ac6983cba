//! Tables as Parquet.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, FloatType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{Type, TypePtr};

use super::Column;
use crate::{Error, Result};

/// Writes columns, compressed by Snappy, with `info` in the metadata of the file.
pub(in crate::saved) fn write(writer: impl Write + Send, columns: &[(String, Column<'_>)], info: &str) -> Result<()> {
    table(writer, columns, info).map_err(|error| match error {
        ParquetError::External(source) => Error::Io(std::io::Error::other(source)),
        other => Error::Invalid(format!("the table cannot be written: {other}")),
    })
}

fn table(writer: impl Write + Send, columns: &[(String, Column<'_>)], info: &str) -> Result<(), ParquetError> {
    let fields = columns.iter().map(|(name, column)| field(name, column)).collect::<Result<Vec<_>, _>>()?;
    let schema = Type::group_type_builder("inseq").with_fields(fields).build()?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_key_value_metadata(Some(vec![KeyValue::new("inseq".to_owned(), info.to_owned())]));
    let mut file = SerializedFileWriter::new(writer, Arc::new(schema), Arc::new(properties.build()))?;
    let mut group = file.next_row_group()?;
    for (_, column) in columns {
        let Some(mut writer) = group.next_column()? else { break };
        match column {
            Column::Integers(values) => writer.typed::<Int64Type>().write_batch(values, None, None)?,
            Column::Text(values) => {
                let values: Vec<ByteArray> = values.iter().map(|&text| text.into()).collect();
                writer.typed::<ByteArrayType>().write_batch(&values, None, None)?
            }
            Column::Scores(values) => {
                let defined: Vec<i16> = values.iter().map(|value| value.is_some().into()).collect();
                let values: Vec<f32> = values.iter().flatten().copied().collect();
                writer.typed::<FloatType>().write_batch(&values, Some(&defined), None)?
            }
        };
        writer.close()?;
    }
    group.close()?;
    file.close().map(drop)
}

fn field(name: &str, column: &Column) -> Result<TypePtr, ParquetError> {
    let (physical, repetition, logical) = match column {
        Column::Integers(_) => (Physical::INT64, Repetition::REQUIRED, None),
        Column::Text(_) => (Physical::BYTE_ARRAY, Repetition::REQUIRED, Some(LogicalType::String)),
        Column::Scores(_) => (Physical::FLOAT, Repetition::OPTIONAL, None),
    };
    let field = Type::primitive_type_builder(name, physical).with_repetition(repetition).with_logical_type(logical);
    field.build().map(Arc::new)
}
