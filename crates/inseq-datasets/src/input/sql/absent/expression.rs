//! What stands for an expression.

use std::convert::Infallible;

/// An SQL expression.
#[derive(Clone, Debug)]
pub(in crate::input) struct Expression(pub(super) Infallible);

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
