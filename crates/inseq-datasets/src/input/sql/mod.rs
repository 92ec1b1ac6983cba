//! SQL expressions over the columns of a file.

#[cfg(not(feature = "sql"))]
mod absent;
#[cfg(feature = "sql")]
mod expression;
mod output;
#[cfg(feature = "sql")]
mod selection;

#[cfg(not(feature = "sql"))]
pub(super) use absent::{Expression, Selection};
#[cfg(feature = "sql")]
pub(super) use expression::Expression;
pub(super) use output::Output;
#[cfg(feature = "sql")]
pub(super) use selection::Selection;
