//! Warnings on standard error.

use std::collections::HashSet;

use inseq_core::{AttributionResult, Warning};

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
    pub fn say<'a>(&mut self, warnings: impl IntoIterator<Item = &'a Warning>) {
        for warning in warnings {
            let said = warning.to_string();
            if !self.said.contains(&said) {
                warn(&said);
                self.said.insert(said);
            }
        }
    }

    /// Says those of a result.
    pub fn say_of(&mut self, result: &AttributionResult) {
        self.say(result.info.warnings.iter().flatten());
    }
}
