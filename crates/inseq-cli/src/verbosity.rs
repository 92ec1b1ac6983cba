//! What a command says of its work on standard error.

use clap::Args;

use crate::failure::say;

/// How much is said.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct Verbosity {
    /// Print progress messages to standard error.
    #[arg(short, long)]
    pub verbose: bool,
    /// Print progress messages with times and sizes to standard error.
    #[arg(long)]
    pub very_verbose: bool,
}

impl Verbosity {
    /// Whether more than warnings and errors is said.
    pub fn is_verbose(&self) -> bool {
        self.verbose || self.very_verbose
    }

    /// Says a line where --verbose asks for it.
    pub fn say(&self, line: impl FnOnce() -> String) {
        if self.is_verbose() {
            say(&line());
        }
    }

    /// Says a line where --very-verbose asks for it.
    pub fn say_more(&self, line: impl FnOnce() -> String) {
        if self.very_verbose {
            say(&line());
        }
    }
}
