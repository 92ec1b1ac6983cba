//! What ends the program before its work is done, and the exit code that says so.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

/// Why the program stops.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// From the model, the method or the request.
    #[error(transparent)]
    Attribution(#[from] inseq_methods::Error),
    /// From a result, or its file.
    #[error(transparent)]
    Result(#[from] inseq_core::Error),
    /// From a picture.
    #[error(transparent)]
    Picture(#[from] inseq_viz::Error),
    /// An argument that the command line's grammar cannot check.
    #[error("{0}")]
    Argument(String),
    /// A file that cannot be written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Standard input or output is out of order.
    #[error("{stream}: {source}")]
    Stream {
        /// Which of them.
        stream: &'static str,
        /// Why.
        source: io::Error,
    },
    /// Whoever reads the output has gone, as `head` does: no error, there is just nothing left to do.
    #[error("the reader of the output is gone")]
    ReaderGone,
}

impl Failure {
    /// Says it on standard error, in one line, and gives the exit code: 130 when interrupted, else 1. (Wrong usage is 2,
    /// and clap's to say.)
    pub fn report(&self) -> ExitCode {
        match self {
            Failure::ReaderGone => ExitCode::SUCCESS,
            Failure::Attribution(inseq_methods::Error::Cancelled) => {
                say("interrupted; nothing was written");
                ExitCode::from(130)
            }
            _ => {
                say(&format!("error: {}", one_line(&self.to_string())));
                ExitCode::FAILURE
            }
        }
    }
}

/// A message may quote a file of a stranger: no line breaks, no escape sequences.
pub fn one_line(message: &str) -> String {
    message.split(char::is_control).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Writes a line to standard error; if nobody listens, so be it.
pub fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_one_line_without_escapes() {
        assert_eq!(one_line("config.json: `a\nb`\u{1b}[31m"), "config.json: `a b` [31m");
    }
}
