//! Whether the numbers of a configuration can be those of a model, before anything is allocated for them.

use crate::{Error, Result};

/// Beyond this a vocabulary is a mistake or an attack.
pub(super) const VOCABULARY: usize = 1 << 24;
/// Beyond this a number of layers is.
pub(super) const LAYERS: usize = 1000;
/// Beyond this a width is.
pub(super) const WIDTH: usize = 1 << 20;
/// Beyond this a number of heads is.
pub(super) const HEADS: usize = 1 << 12;
/// Beyond this a number of experts is.
pub(super) const EXPERTS: usize = 1 << 12;
/// Beyond this a number of positions that a convolution takes of is.
pub(super) const TAPS: usize = 1 << 10;
/// Beyond this a number of positions is.
pub(super) const POSITIONS: usize = 1 << 20;

/// An error about `config.json`.
pub(super) fn invalid<T>(message: impl Into<String>) -> Result<T> {
    Err(Error::Checkpoint { file: "config.json".into(), message: message.into() })
}

/// Refuses sizes that are 0 or above what any model has: field, value, most.
pub(super) fn check(sizes: &[(&str, usize, usize)]) -> Result<()> {
    match sizes.iter().find(|(_, value, most)| *value == 0 || value > most) {
        Some((name, value, most)) => invalid(format!("`{name}` must lie between 1 and {most}, found {value}")),
        None => Ok(()),
    }
}

/// Refuses a size that does not divide another: field, value, field of the divisor, divisor.
pub(super) fn check_multiple(name: &str, value: usize, of: &str, divisor: usize) -> Result<()> {
    if divisor == 0 || !value.is_multiple_of(divisor) {
        return invalid(format!("`{name}` ({value}) is not a multiple of `{of}` ({divisor})"));
    }
    Ok(())
}

/// Refuses numbers that are not positive, or infinite in 32 bits.
pub(super) fn check_positive(numbers: &[(&str, f64)]) -> Result<()> {
    match numbers.iter().find(|(_, value)| !(*value > 0.0 && *value <= f64::from(f32::MAX))) {
        Some((name, value)) => {
            invalid(format!("`{name}` must be a positive number that 32 bits can hold, found {value}"))
        }
        None => Ok(()),
    }
}

/// Refuses a table with more values than any model's: field of its rows, rows, field of its columns, columns.
pub(super) fn check_table(name: &str, rows: usize, of: &str, columns: usize) -> Result<()> {
    match rows.checked_mul(columns).filter(|&values| values <= 1 << 28) {
        Some(_) => Ok(()),
        None => invalid(format!("`{name}` ({rows}) times `{of}` ({columns}) is larger than any model's")),
    }
}
