//! Limits of the numbers in a configuration, which are checked before memory is allocated.

use crate::{Error, Result};

/// Largest vocabulary; a larger one is a mistake or an attack.
pub(super) const VOCABULARY: usize = 1 << 24;
/// Largest number of layers.
pub(super) const LAYERS: usize = 1000;
/// Largest width.
pub(super) const WIDTH: usize = 1 << 20;
/// Largest number of heads.
pub(super) const HEADS: usize = 1 << 12;
/// Beyond this a number of experts is.
pub(super) const EXPERTS: usize = 1 << 12;
/// Beyond this a number of positions that a convolution takes of is.
pub(super) const TAPS: usize = 1 << 10;
/// Largest number of positions.
pub(super) const POSITIONS: usize = 1 << 20;

/// An error about `config.json`.
pub(super) fn invalid<T>(message: impl Into<String>) -> Result<T> {
    Err(Error::checkpoint("config.json", message.into()))
}

/// Refuses sizes that are 0 or above a limit: field, value, limit.
pub(super) fn check(sizes: &[(&str, usize, usize)]) -> Result<()> {
    match sizes.iter().find(|(_, value, most)| *value == 0 || value > most) {
        Some((name, value, usize::MAX)) => invalid(format!("`{name}` must be at least 1, found {value}")),
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

/// Refuses numbers that are not positive, or that are infinite in 32 bits.
pub(super) fn check_positive(numbers: &[(&str, f64)]) -> Result<()> {
    match numbers.iter().find(|(_, value)| !(*value > 0.0 && *value <= f64::from(f32::MAX))) {
        Some((name, value)) => {
            invalid(format!("`{name}` must be a positive number that 32 bits can hold, found {value}"))
        }
        None => Ok(()),
    }
}

/// Refuses a table that is too large: field of its rows, rows, field of its columns, columns.
pub(super) fn check_table(name: &str, rows: usize, of: &str, columns: usize) -> Result<()> {
    match rows.checked_mul(columns).filter(|&values| values <= 1 << 28) {
        Some(_) => Ok(()),
        None => invalid(format!("`{name}` ({rows}) times `{of}` ({columns}) is larger than any model's")),
    }
}
