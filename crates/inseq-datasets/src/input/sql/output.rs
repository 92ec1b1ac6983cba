//! Columns of a result.

use super::Expression;

/// Where a column of the result comes from.
#[derive(Clone, Debug)]
pub(in crate::input) enum Output {
    /// The column at a place among those that are read.
    Column(#[cfg_attr(not(feature = "sql"), expect(dead_code, reason = "expressions read it"))] usize),
    Computed(Box<Expression>),
}
