//! What stands for expressions in a build without them. None of these values exists, so nothing here does anything.

mod expression;
mod selection;

pub(in crate::input) use expression::Expression;
pub(in crate::input) use selection::Selection;
