//! JSON files: objects line by line, an array of objects, or an array in a field of an object.

use std::fmt;
use std::ops::Range;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use super::cells::{Cell, Cells};
use super::columns::{ColumnType, Holds, Wanted, missing, mistyped};
use super::constants::without_constants;
use super::encoding::Encoding;
use super::inferred::{Scalar, common};
use super::lines::{LineEnds, Lines};
use super::marks::{Mark, Marks};
use super::options::ReadOptions;
use super::origin::Origin;
use super::table::{CellRows, Table};
use super::values::{Shape, Values};
use crate::{Error, Result};

/// The column of rows that are strings.
const COLUMN: &str = "text";

/// Largest number of names of fields that are kept for messages.
const MOST_FIELDS: usize = 100;

/// How rows follow each other in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    Lines,
    Values(Shape),
}

/// A JSON file.
#[derive(Debug)]
pub(super) struct Json {
    origin: Origin,
    form: Form,
    rows: u64,
    marks: Marks,
    wanted: Columns,
    encoding: Encoding,
}

/// The wanted columns.
#[derive(Clone, Debug)]
struct Columns {
    names: Vec<String>,
    holds: Vec<Holds>,
    types: Vec<ColumnType>,
}

impl Json {
    pub(super) fn open(origin: &Origin, wanted: &[Wanted], options: &ReadOptions) -> Result<Self> {
        let form = match &options.field {
            Some(field) => Form::Values(Shape::Field(field.clone())),
            None => form(origin)?,
        };
        let names: Vec<String> = wanted.iter().map(|wanted| wanted.name.clone()).collect();
        let mut fields = Fields { origin, wanted, names: &names, known: Vec::new(), types: vec![None; wanted.len()] };
        let mut rows = Rows::open(origin, &form, Mark::default())?;
        let mut value = Vec::new();
        let (mut first_error, mut is_one_read) = (None, false);
        let mut marks = Marks::new();
        // Once the columns have been seen, rows are only counted.
        loop {
            let mark = rows.mark();
            if !rows.read(&mut value)? {
                break;
            }
            marks.note(mark);
            if fields.are_open() {
                match options.encoding.decode(&value) {
                    Ok(text) => match fields.see(&text, rows.number)? {
                        Ok(()) => is_one_read = true,
                        Err(reason) => _ = first_error.get_or_insert((rows.number, reason)),
                    },
                    Err(reason) => _ = first_error.get_or_insert((rows.number, reason)),
                }
            }
        }
        if let (false, Some((row, reason))) = (is_one_read, first_error) {
            return Err(Error::Dataset(format!("{origin}: row {}: {reason}", row.saturating_sub(1))));
        }
        let types = fields.types();
        // A file without rows has every column.
        let types = if rows.number == 0 { vec![ColumnType::Any; wanted.len()] } else { types? };
        let holds = wanted.iter().map(|wanted| wanted.holds).collect();
        let wanted = Columns { names, holds, types };
        Ok(Self { origin: origin.clone(), form, rows: rows.number, marks, wanted, encoding: options.encoding })
    }
}

impl Table for Json {
    fn rows(&self) -> u64 {
        self.rows
    }

    fn types(&self) -> &[ColumnType] {
        &self.wanted.types
    }

    fn read(&self, range: Range<u64>) -> Result<CellRows> {
        let mut rows = Rows::open(&self.origin, &self.form, self.marks.before(range.start).unwrap_or_default())?;
        let mut value = Vec::new();
        while rows.number < range.start && rows.read(&mut value)? {}
        let (wanted, encoding) = (self.wanted.clone(), self.encoding);
        Ok(Box::new(std::iter::from_fn(move || {
            if rows.number >= range.end {
                return None;
            }
            match rows.read(&mut value) {
                Ok(true) => Some(Ok(cells(&value, &wanted, encoding))),
                Ok(false) => None,
                Err(error) => Some(Err(error)),
            }
        })))
    }
}

/// How the rows of a file follow each other.
fn form(origin: &Origin) -> Result<Form> {
    let mut lines = Lines::open(origin, LineEnds::Newline, Mark::default())?;
    let mut line = Vec::new();
    while lines.read(&mut line)? {
        let text = line.trim_ascii();
        if text.starts_with(b"[") {
            return Ok(Form::Values(Shape::Array));
        }
        if !text.is_empty() {
            // A value that goes on in the next line.
            let goes_on = serde_json::from_slice::<IgnoredAny>(text).is_err_and(|e| e.is_eof());
            return Ok(if goes_on { Form::Values(Shape::Stream) } else { Form::Lines });
        }
    }
    Ok(Form::Lines)
}

/// The bytes of rows, one by one.
struct Rows {
    /// Number of rows before the next one.
    number: u64,
    reader: Reader,
}

enum Reader {
    Lines(Lines),
    Values(Values),
}

impl Rows {
    fn open(origin: &Origin, form: &Form, mark: Mark) -> Result<Self> {
        let reader = match form {
            Form::Lines => Reader::Lines(Lines::open(origin, LineEnds::Newline, mark)?),
            Form::Values(shape) => Reader::Values(Values::open(origin, shape.clone(), mark)?),
        };
        Ok(Self { number: mark.row, reader })
    }

    /// The place of the next row.
    fn mark(&self) -> Mark {
        match &self.reader {
            Reader::Lines(lines) => lines.mark(self.number),
            Reader::Values(values) => values.mark(),
        }
    }

    fn read(&mut self, value: &mut Vec<u8>) -> Result<bool> {
        let some = match &mut self.reader {
            Reader::Values(values) => values.read(value)?,
            Reader::Lines(lines) => loop {
                if !lines.read(value)? {
                    break false;
                }
                // Empty lines are no rows.
                if !value.trim_ascii().is_empty() {
                    break true;
                }
            },
        };
        self.number += u64::from(some);
        Ok(some)
    }
}

/// The cells of a row.
fn cells(value: &[u8], wanted: &Columns, encoding: Encoding) -> Cells {
    let bad = |reason: String| vec![Cell::Bad(reason); wanted.names.len()];
    let text = match encoding.decode(value) {
        Ok(text) => text,
        Err(reason) => return bad(reason),
    };
    match picked(&text, &wanted.names, &mut |_| {}) {
        Ok(values) => {
            let columns = wanted.holds.iter().zip(&wanted.types);
            values.into_iter().zip(columns).map(|(value, (holds, found))| cell(value, *holds, found)).collect()
        }
        Err(reason) => bad(reason),
    }
}

fn cell(value: Value, holds: Holds, column: &ColumnType) -> Cell {
    if holds == Holds::Anything {
        return match Scalar::of_json(&value) {
            Some(scalar) => scalar.cell(column),
            None => Cell::Bad(format!("{} in a column of {}", kind(&value), column.name())),
        };
    }
    match value {
        Value::Null => Cell::Null,
        Value::String(text) => Cell::Text(text),
        Value::Number(number) if is_integer(&number) => Cell::Integer(number.to_string()),
        other => Cell::Bad(format!("{}, not a string", kind(&other))),
    }
}

fn is_integer(number: &serde_json::Number) -> bool {
    number.is_i64() || number.is_u64()
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if is_integer(number) => "an integer",
        Value::Number(_) => "a floating-point number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// The values of some fields of an object; null where it lacks one. `seen` gets the name of every field.
fn picked(text: &str, names: &[String], seen: &mut dyn FnMut(&str)) -> Result<Vec<Value>, String> {
    let mut read = |text: &str| {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let values = Pick { names, seen }.deserialize(&mut deserializer);
        values.and_then(|values| deserializer.end().map(|()| values))
    };
    let values = read(text).or_else(|error| match without_constants(text) {
        Some(text) => read(&text),
        None => Err(error),
    });
    values.map_err(|e| format!("not a JSON object: {e}"))
}

struct Pick<'a> {
    names: &'a [String],
    seen: &'a mut dyn FnMut(&str),
}

impl<'de> DeserializeSeed<'de> for Pick<'_> {
    type Value = Vec<Value>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Pick<'_> {
    type Value = Vec<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        // A row that is a string is the only column of a table.
        if self.names.iter().any(|name| name != COLUMN) {
            (self.seen)(COLUMN);
            return Err(E::invalid_type(serde::de::Unexpected::Str(text), &self));
        }
        (self.seen)(COLUMN);
        Ok(vec![Value::String(text.to_owned()); self.names.len()])
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values = vec![Value::Null; self.names.len()];
        while let Some(field) = map.next_key::<std::borrow::Cow<'_, str>>()? {
            (self.seen)(&field);
            if !self.names.iter().any(|name| *name == field) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let value: Value = map.next_value()?;
            for (place, _) in values.iter_mut().zip(self.names).filter(|(_, name)| **name == field) {
                *place = value.clone();
            }
        }
        Ok(values)
    }
}

/// The fields of the objects of a file, as far as they have been read.
struct Fields<'a> {
    origin: &'a Origin,
    wanted: &'a [Wanted],
    names: &'a [String],
    known: Vec<String>,
    /// The type of each wanted column; `None` before an object has it.
    types: Vec<Option<ColumnType>>,
}

impl Fields<'_> {
    /// Whether another row may change a type.
    fn are_open(&self) -> bool {
        let is_open = |found: &Option<ColumnType>| found.as_ref().is_none_or(|found| *found == ColumnType::Any);
        self.types.iter().any(is_open) || self.wanted.iter().any(|wanted| wanted.holds == Holds::Anything)
    }

    /// Reads a row; the inner error is that of the row.
    fn see(&mut self, text: &str, number: u64) -> Result<Result<(), String>> {
        let Self { origin, wanted, names, known, types } = self;
        let mut found = vec![false; names.len()];
        let values = picked(text, names, &mut |field| {
            if known.len() < MOST_FIELDS && !known.iter().any(|name| name == field) {
                known.push(field.to_owned());
            }
            for (found, _) in found.iter_mut().zip(names.iter()).filter(|(_, name)| *name == field) {
                *found = true;
            }
        });
        let values = match values {
            Ok(values) => values,
            Err(reason) => return Ok(Err(reason)),
        };
        for (i, value) in values.iter().enumerate().filter(|&(i, _)| found[i]) {
            if wanted[i].holds == Holds::Anything
                && let Some(scalar) = Scalar::of_json(value)
            {
                let one = scalar.column_type();
                // A row whose value does not fit has an error of its own.
                types[i] = match &types[i] {
                    None => Some(one),
                    Some(found) => common(found, &one).or_else(|| types[i].clone()),
                };
                continue;
            }
            if types[i].as_ref().is_some_and(|found| *found != ColumnType::Any) {
                continue;
            }
            types[i] = Some(match value {
                Value::Null => ColumnType::Any,
                Value::String(_) => ColumnType::Strings,
                Value::Number(number) if wanted[i].holds == Holds::TextsOrIntegers && is_integer(number) => {
                    ColumnType::Integers
                }
                other => {
                    let found = format!("{} (in row {})", kind(other), number - 1);
                    return Err(mistyped(origin, &wanted[i], &found, other.is_array() || other.is_object()));
                }
            });
        }
        Ok(Ok(()))
    }

    /// The types of the wanted columns.
    fn types(&self) -> Result<Vec<ColumnType>> {
        let one = |(wanted, found): (&Wanted, &Option<ColumnType>)| {
            found.clone().ok_or_else(|| missing(self.origin, &wanted.name, self.known.iter().map(String::as_str)))
        };
        self.wanted.iter().zip(&self.types).map(one).collect()
    }
}
