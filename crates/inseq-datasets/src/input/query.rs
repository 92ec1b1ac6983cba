//! What is asked of each row: a filter, and columns that are read or computed.

use super::cells::Cells;
use super::columns::{ColumnType, Holds, Wanted};
use super::origin::Origin;
use super::source::{Columns, Source};
use super::sql::{Expression, Output, Selection};
use super::table::{CellRows, Table};
use crate::{Error, Result};

/// Characters of expressions that names of columns seldom have.
const OPERATORS: [char; 6] = ['(', '\'', '|', '+', '*', '='];

/// What is asked of the rows of every file.
#[derive(Clone, Debug)]
pub(super) struct Query {
    filter: Option<Expression>,
    /// The columns of the result, and where they come from.
    outputs: Vec<(Wanted, Output)>,
    /// The columns that are read.
    wanted: Vec<Wanted>,
}

impl Query {
    /// Reads columns and a filter. A column that a file has comes before an expression of the same text. `missing` gives the error for
    /// a column that the files lack.
    ///
    /// # Errors
    /// The filter is no expression, or a column is neither there nor an expression.
    pub(super) fn new(
        source: &Source,
        columns: &Columns,
        mut missing: impl FnMut(&Wanted) -> Result<Option<Error>>,
    ) -> Result<Self> {
        let filter = source.filter.as_deref().map(|filter| {
            Expression::parse(filter).map_err(|problem| Error::Dataset(format!("the filter `{filter}`: {problem}")))
        });
        let filter = filter.transpose()?;
        let mut wanted: Vec<Wanted> = Vec::new();
        let mut outputs = Vec::new();
        for column in columns.wanted() {
            let computed = match Expression::parse(&column.name) {
                Ok(expression) if !expression.is_name() => missing(&column)?.map(|_| expression),
                Err(problem) if column.name.contains(OPERATORS) => match missing(&column)? {
                    Some(error) => return Err(Error::Column(format!("{error}. As an expression: {problem}"))),
                    None => None,
                },
                _ => None,
            };
            outputs.push(match computed {
                Some(expression) => (column, Output::Computed(Box::new(expression))),
                None => {
                    wanted.push(column.clone());
                    (column, Output::Column(wanted.len() - 1))
                }
            });
        }
        let computed = outputs.iter().filter_map(|(_, output)| match output {
            Output::Computed(expression) => Some(&**expression),
            Output::Column(_) => None,
        });
        for name in filter.iter().chain(computed).flat_map(Expression::columns) {
            let value = Wanted { name: name.clone(), holds: Holds::Anything };
            if !wanted.contains(&value) {
                wanted.push(value);
            }
        }
        if wanted.is_empty() {
            return Err(Error::Dataset(format!(
                "`{}` names no column, so every row would be the same; name a column of the data",
                columns.input
            )));
        }
        Ok(Self { filter, outputs, wanted })
    }

    /// The columns that are read.
    pub(super) fn wanted(&self) -> &[Wanted] {
        &self.wanted
    }

    /// The columns of the result.
    pub(super) fn outputs(&self) -> impl Iterator<Item = &Wanted> {
        self.outputs.iter().map(|(wanted, _)| wanted)
    }

    /// Prepares it for a file.
    ///
    /// # Errors
    /// The types of the columns do not fit.
    pub(super) fn of_file(&self, origin: &Origin, table: &dyn Table) -> Result<Asked> {
        let selection = Selection::new(self.filter.as_ref(), &self.outputs, &self.wanted, table.types());
        Ok(match selection.map_err(|problem| Error::Dataset(format!("{origin}: {problem}")))? {
            Some(selection) => Asked::Selection(selection),
            None => Asked::Columns,
        })
    }
}

/// What is asked of the rows of one file.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    /// The columns as they are read.
    Columns,
    Selection(Selection),
}

impl Asked {
    /// The types of the columns of the result.
    pub(super) fn types<'a>(&'a self, table: &'a dyn Table) -> &'a [ColumnType] {
        match self {
            Self::Columns => table.types(),
            Self::Selection(selection) => selection.types(),
        }
    }

    /// The result of each row; `None` for rows that the filter leaves out.
    pub(super) fn of_rows(&self, rows: CellRows) -> Selected {
        match self {
            Self::Columns => Box::new(rows.map(|row| row.map(Some))),
            Self::Selection(selection) => selection.select(rows),
        }
    }
}

/// Rows of a result, one by one; `None` for rows that are left out.
pub(super) type Selected = Box<dyn Iterator<Item = Result<Option<Cells>>> + Send>;
