//! What stands for the expressions over the columns of a file.

use std::convert::Infallible;

use super::expression::Expression;
use crate::Result;
use crate::input::cells::Cells;
use crate::input::columns::{ColumnType, Wanted};
use crate::input::sql::output::Output;
use crate::input::table::CellRows;

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
