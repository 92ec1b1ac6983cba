//! SQL expressions over the columns of a file.

#[cfg(not(feature = "sql"))]
mod absent;
#[cfg(feature = "sql")]
mod expression;
#[cfg(feature = "sql")]
mod selection;

#[cfg(not(feature = "sql"))]
pub(super) use absent::{Expression, Selection};
#[cfg(feature = "sql")]
pub(super) use expression::Expression;
#[cfg(feature = "sql")]
pub(super) use selection::Selection;
