//! What stands for expressions in a build without them. None of these values exists, so nothing here does anything.

use std::convert::Infallible;

use crate::Result;
use crate::input::cells::Cells;
use crate::input::columns::{ColumnType, Wanted};
use crate::input::query::Output;
use crate::input::table::CellRows;

/// An SQL expression.
#[derive(Clone, Debug)]
pub(in crate::input) struct Expression(Infallible);

impl Expression {
    /// Parses an expression.
    pub(in crate::input) fn parse(_: &str) -> Result<Self, String> {
        Err("this program was built without the feature `sql`, which expressions need; use a released binary, or build it with \
             `cargo install inseq-cli --features sql`"
            .into())
    }

    /// Whether it is nothing but the name of a column.
    pub(in crate::input) fn is_name(&self) -> bool {
        match self.0 {}
    }

    /// The columns that it names.
    pub(in crate::input) fn columns(&self) -> &[String] {
        match self.0 {}
    }
}

/// Expressions over the columns of a file.
#[derive(Clone, Debug)]
pub(in crate::input) struct Selection(Infallible);

impl Selection {
    /// Prepares expressions for the columns of a file.
    pub(in crate::input) fn new(
        filter: Option<&Expression>,
        _: &[(Wanted, Output)],
        _: &[Wanted],
        _: &[ColumnType],
    ) -> Result<Option<Self>, String> {
        filter.map_or(Ok(None), |filter| match filter.0 {})
    }

    /// The types of the outputs.
    pub(in crate::input) fn types(&self) -> &[ColumnType] {
        match self.0 {}
    }

    /// The rows that the filter keeps.
    pub(in crate::input) fn select(&self, _: CellRows) -> Box<dyn Iterator<Item = Result<Option<Cells>>> + Send> {
        match self.0 {}
    }
}
