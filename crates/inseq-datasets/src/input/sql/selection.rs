//! The filter and the computed columns of a file.

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::{ArrayRef, RecordBatch, StringArray, new_null_array};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use datafusion::arrow::compute::concat;

use super::expression::{Compiled, Expression};
use super::output::Output;
use crate::Result;
use crate::input::batches::{cell, column_type};
use crate::input::cells::{Cell, Cells};
use crate::input::columns::{ColumnType, Holds, Wanted};
use crate::input::table::CellRows;

/// Rows that are evaluated at once.
const BATCH: usize = 1024;

/// Expressions over the columns of a file.
#[derive(Clone, Debug)]
pub(in crate::input) struct Selection {
    /// The columns of the expressions.
    schema: SchemaRef,
    /// Place of each of them in a row of the file.
    places: Vec<usize>,
    filter: Option<Value>,
    outputs: Vec<Source>,
    types: Vec<ColumnType>,
}

/// Where an output comes from.
#[derive(Clone, Debug)]
enum Source {
    /// The cell at a place in a row of the file.
    Cell(usize),
    Value(Value),
}

/// An expression, and the places in a row of the file of the columns that it names.
#[derive(Clone, Debug)]
struct Value {
    compiled: Compiled,
    uses: Vec<usize>,
}

impl Selection {
    /// Prepares a filter and outputs for the columns of a file; `None` if there are no expressions. `wanted` are the columns that are
    /// read, `types` what they hold.
    ///
    /// # Errors
    /// An expression does not fit the types, the filter is not true or false, or an output is no text.
    pub(in crate::input) fn new(
        filter: Option<&Expression>,
        outputs: &[(Wanted, Output)],
        wanted: &[Wanted],
        types: &[ColumnType],
    ) -> Result<Option<Self>, String> {
        let computed = outputs.iter().filter_map(|(_, output)| match output {
            Output::Computed(expression) => Some(&**expression),
            Output::Column(_) => None,
        });
        let names: Vec<&String> = filter.into_iter().chain(computed).flat_map(Expression::columns).collect();
        if filter.is_none() && outputs.iter().all(|(_, output)| matches!(output, Output::Column(_))) {
            return Ok(None);
        }
        let place =
            |name: &String| wanted.iter().position(|wanted| wanted.holds == Holds::Anything && wanted.name == *name);
        let mut places: Vec<usize> = names.into_iter().filter_map(place).collect();
        places.sort_unstable();
        places.dedup();
        let field = |&place: &usize| Field::new(&wanted[place].name, data_type(&types[place]), true);
        let schema = Arc::new(Schema::new(places.iter().map(field).collect::<Vec<_>>()));
        let value = |expression: &Expression| -> Result<Value, String> {
            let uses = expression.columns().iter().filter_map(place).collect();
            Ok(Value { compiled: expression.compile(&schema)?, uses })
        };
        let filter = filter.map(|filter| {
            let value = value(filter)?;
            match &value.compiled.data_type {
                DataType::Boolean | DataType::Null => Ok(value),
                other => {
                    Err(format!("its values are of the type {other}, not true or false; compare it with something"))
                }
            }
        });
        let filter = filter.transpose().map_err(|problem| format!("the filter: {problem}"))?;
        let mut sources = Vec::new();
        let mut of_outputs = Vec::new();
        for (output, source) in outputs {
            let (source, found) = match source {
                Output::Column(place) => (Source::Cell(*place), types[*place].clone()),
                Output::Computed(expression) => {
                    let of_column = |problem: String| format!("the column `{}`: {problem}", output.name);
                    let value = value(expression).map_err(of_column)?;
                    let found = column_type(&value.compiled.data_type)
                        .filter(|found| output.holds == Holds::TextsOrIntegers || *found != ColumnType::Integers);
                    let found = found.ok_or_else(|| {
                        of_column(format!(
                            "its values are of the type {}, not strings; write it as `cast({} as string)`",
                            value.compiled.data_type, value.compiled.text
                        ))
                    })?;
                    (Source::Value(value), found)
                }
            };
            sources.push(source);
            of_outputs.push(found);
        }
        Ok(Some(Self { schema, places, filter, outputs: sources, types: of_outputs }))
    }

    /// The types of the outputs.
    pub(in crate::input) fn types(&self) -> &[ColumnType] {
        &self.types
    }

    /// The outputs of each row of a file; `None` for the rows that the filter leaves out.
    pub(in crate::input) fn select(
        &self,
        mut rows: CellRows,
    ) -> Box<dyn Iterator<Item = Result<Option<Cells>>> + Send> {
        let selection = self.clone();
        let mut selected = Vec::new().into_iter();
        let mut failed = None;
        Box::new(std::iter::from_fn(move || {
            loop {
                if let Some(row) = selected.next() {
                    return Some(Ok(row));
                }
                if let Some(error) = failed.take() {
                    return Some(Err(error));
                }
                let mut batch = Vec::new();
                for row in rows.by_ref().take(BATCH) {
                    match row {
                        Ok(row) => batch.push(row),
                        Err(error) => {
                            failed = Some(error);
                            break;
                        }
                    }
                }
                if batch.is_empty() && failed.is_none() {
                    return None;
                }
                selected = selection.outputs_of(&batch).into_iter();
            }
        }))
    }

    fn outputs_of(&self, rows: &[Cells]) -> Vec<Option<Cells>> {
        if rows.is_empty() {
            return Vec::new();
        }
        let batch = self.batch(rows).map_err(|error| error.to_string());
        let kept = self.filter.as_ref().map(|filter| filter.cells(&batch, rows));
        let computed = |source: &Source| match source {
            Source::Cell(place) => rows.iter().map(|row| row[*place].clone()).collect(),
            Source::Value(value) => value.cells(&batch, rows),
        };
        let mut columns: Vec<_> = self
            .outputs
            .iter()
            .map(|source| {
                let cells: Vec<Cell> = computed(source);
                cells.into_iter()
            })
            .collect();
        let row = |number: usize| {
            let mut cells: Cells = columns.iter_mut().map(|cells| cells.next().unwrap_or(Cell::Null)).collect();
            match kept.as_ref().map(|kept| &kept[number]) {
                None => Some(cells),
                Some(Cell::Value(kept)) => kept.as_boolean_opt().is_some_and(|kept| kept.value(0)).then_some(cells),
                // A row that cannot be filtered is not lost: it has this error.
                Some(Cell::Bad(reason)) => {
                    cells.fill(Cell::Bad(format!("the filter cannot be applied: {reason}")));
                    Some(cells)
                }
                Some(_) => None,
            }
        };
        (0..rows.len()).map(row).collect()
    }

    /// The columns of the expressions as arrays.
    fn batch(&self, rows: &[Cells]) -> Result<RecordBatch, ArrowError> {
        let column =
            |(field, &place): (&Arc<Field>, &usize)| array(field.data_type(), rows.iter().map(|row| &row[place]));
        let columns = self.schema.fields().iter().zip(&self.places).map(column).collect::<Result<Vec<_>, _>>()?;
        let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(rows.len()));
        RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)
    }
}

impl Value {
    /// Its value in each row: a text or an integer, or a boolean as it is.
    fn cells(&self, batch: &Result<RecordBatch, String>, rows: &[Cells]) -> Vec<Cell> {
        let batch = match batch {
            Ok(batch) => batch,
            Err(problem) => return vec![Cell::Bad(problem.clone()); rows.len()],
        };
        let holds = match &self.compiled.data_type {
            DataType::Boolean => Holds::Anything,
            _ => Holds::TextsOrIntegers,
        };
        let whole = self.compiled.values(batch);
        let value = |(number, row): (usize, &Cells)| {
            let bad = self.uses.iter().find_map(|&place| match &row[place] {
                Cell::Bad(reason) => Some(reason),
                _ => None,
            });
            if let Some(reason) = bad {
                return Cell::Bad(reason.clone());
            }
            match &whole {
                Ok(values) => cell(values.as_ref(), number, holds),
                // One row is at fault; the others have values.
                Err(_) => match self.compiled.values(&batch.slice(number, 1)) {
                    Ok(values) => cell(values.as_ref(), 0, holds),
                    Err(problem) => Cell::Bad(format!("`{}`: {problem}", self.compiled.text)),
                },
            }
        };
        rows.iter().enumerate().map(value).collect()
    }
}

/// The type of a column of an expression.
fn data_type(found: &ColumnType) -> DataType {
    match found {
        ColumnType::Strings => DataType::Utf8,
        ColumnType::Integers => DataType::Int64,
        ColumnType::Any => DataType::Null,
        ColumnType::Values(data_type) => data_type.clone(),
    }
}

/// Cells of a column as an array; cells without a value are null.
fn array<'a>(data_type: &DataType, cells: impl Iterator<Item = &'a Cell>) -> Result<ArrayRef, ArrowError> {
    if *data_type == DataType::Utf8 {
        let texts = cells.map(|cell| match cell {
            Cell::Text(text) => Some(text.as_str()),
            _ => None,
        });
        return Ok(Arc::new(texts.collect::<StringArray>()));
    }
    let null = new_null_array(data_type, 1);
    let values: Vec<ArrayRef> = cells
        .map(|cell| match cell {
            Cell::Value(value) => value.clone(),
            _ => null.clone(),
        })
        .collect();
    concat(&values.iter().map(AsRef::as_ref).collect::<Vec<_>>())
}
