//! Types of values in files that declare none.

use std::sync::Arc;

use arrow_array::{BooleanArray, Float64Array, Int64Array};
use arrow_schema::DataType;
use serde_json::Value;

use super::cells::Cell;
use super::columns::ColumnType;

/// A value of a column that may hold anything.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scalar<'a> {
    Null,
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Text(&'a str),
}

impl<'a> Scalar<'a> {
    /// The value of a field of a JSON object; `None` for arrays and objects.
    pub(super) fn of_json(value: &'a Value) -> Option<Self> {
        Some(match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Boolean(*value),
            Value::Number(number) => match number.as_i64() {
                Some(integer) => Self::Integer(integer),
                None => Self::Float(number.as_f64()?),
            },
            Value::String(text) => Self::Text(text),
            Value::Array(_) | Value::Object(_) => return None,
        })
    }

    /// The value that a text stands for, as pandas reads it.
    pub(super) fn of_text(text: &'a str) -> Self {
        let trimmed = text.trim();
        if let Ok(integer) = trimmed.parse() {
            return Self::Integer(integer);
        }
        if let Ok(float) = trimmed.parse() {
            return Self::Float(float);
        }
        match trimmed {
            "True" | "TRUE" | "true" => Self::Boolean(true),
            "False" | "FALSE" | "false" => Self::Boolean(false),
            _ => Self::Text(text),
        }
    }

    /// The type of a column with this value only.
    pub(super) fn column_type(self) -> ColumnType {
        match self {
            Self::Null => ColumnType::Any,
            Self::Boolean(_) => ColumnType::Values(DataType::Boolean),
            Self::Integer(_) => ColumnType::Values(DataType::Int64),
            Self::Float(_) => ColumnType::Values(DataType::Float64),
            Self::Text(_) => ColumnType::Strings,
        }
    }

    /// The cell of a column of a type.
    pub(super) fn cell(self, column: &ColumnType) -> Cell {
        match (column, self) {
            (_, Self::Null) => Cell::Null,
            (ColumnType::Strings, Self::Text(text)) => Cell::Text(text.to_owned()),
            (ColumnType::Values(DataType::Boolean), Self::Boolean(value)) => {
                Cell::Value(Arc::new(BooleanArray::from(vec![value])))
            }
            (ColumnType::Values(DataType::Int64), Self::Integer(value)) => {
                Cell::Value(Arc::new(Int64Array::from(vec![value])))
            }
            (ColumnType::Values(DataType::Float64), Self::Integer(value)) => {
                Cell::Value(Arc::new(Float64Array::from(vec![value as f64])))
            }
            (ColumnType::Values(DataType::Float64), Self::Float(value)) => {
                Cell::Value(Arc::new(Float64Array::from(vec![value])))
            }
            (column, value) => Cell::Bad(format!("{} in a column of {}", value.column_type().name(), column.name())),
        }
    }
}

/// The type of a column with values of two types; `None` if there is none.
pub(super) fn common(one: &ColumnType, other: &ColumnType) -> Option<ColumnType> {
    let is_number = |found: &ColumnType| matches!(found, ColumnType::Values(DataType::Int64 | DataType::Float64));
    match (one, other) {
        (ColumnType::Any, found) | (found, ColumnType::Any) => Some(found.clone()),
        (one, other) if one == other => Some(one.clone()),
        (one, other) if is_number(one) && is_number(other) => Some(ColumnType::Values(DataType::Float64)),
        _ => None,
    }
}
