//! Arguments as JSON, with the reference's names.

use inseq_core::Argument;
use inseq_core::mismatch::{self, Mismatch};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{Error, Result};

/// The argument `seed` of everything that draws random numbers.
pub(crate) const SEED: Argument = Argument::new("seed", "0", "Seed of the random number generator.");

/// Reads the arguments of `owner`, such as "the method `lime`".
///
/// # Errors
/// An argument is unknown, or has a wrong type or value; the error names the owner and the argument.
pub(crate) fn read<T: DeserializeOwned>(owner: &str, arguments: &Map<String, Value>) -> Result<T> {
    mismatch::read(&Value::Object(arguments.clone())).map_err(|Mismatch { path, message }| {
        let message = match path.as_str() {
            "" => message,
            _ if message.starts_with("must ") => format!("`{path}` {message}"),
            _ => format!("`{path}`: {message}"),
        };
        Error::argument(&path, format!("arguments of {owner}: {message}"))
    })
}
