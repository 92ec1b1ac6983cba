//! Warnings on standard error.

use std::collections::HashSet;

use inseq_core::AttributionResult;

use crate::failure::{in_flags, one_line, say};

/// Says a warning.
pub fn warn(warning: &str) {
    say(&format!("warning: {}", one_line(&in_flags(warning))));
}

/// The warnings of one command, each said once.
#[derive(Debug, Default)]
pub struct Warnings {
    said: HashSet<String>,
}

impl Warnings {
    /// Says those that have not been said yet.
    pub fn say<T: AsRef<str>>(&mut self, warnings: impl IntoIterator<Item = T>) {
        for warning in warnings {
            if self.said.insert(warning.as_ref().to_owned()) {
                warn(warning.as_ref());
            }
        }
    }

    /// Says those of a result.
    pub fn say_of(&mut self, result: &AttributionResult) {
        self.say(result.info.warnings.iter().flatten());
    }
}
