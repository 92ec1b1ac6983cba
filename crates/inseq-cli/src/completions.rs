//! Completions of shells: the script of a shell, and the answers to its calls.

use std::path::Path;

use clap_complete::Shell;
use clap_complete::env::{CompleteEnv, Shells};

use crate::arguments::grammar;
use crate::failure::Failure;
use crate::output;

/// The variable by which the script of a shell says that it wants completions, and which shell it is.
const VARIABLE: &str = "INSEQ_COMPLETE";

/// Answers the call of a shell's script, and ends the program; other calls go on.
pub fn answer() {
    CompleteEnv::with_factory(grammar).var(VARIABLE).complete();
}

/// Prints the script of a shell. It calls this program as the program was called: by its name, or by its path.
pub fn script(shell: Shell) -> Result<(), Failure> {
    let called = std::env::args_os().next().unwrap_or_else(|| NAME.into());
    let program = match Path::new(&called).components().count() {
        1 => called,
        _ => std::path::absolute(&called).unwrap_or_else(|_| called.clone().into()).into(),
    };
    let name = shell.to_string();
    let known = Shells::builtins();
    let completer = known
        .completer(&name)
        .ok_or_else(|| Failure::Argument(format!("there are no completions for the shell `{name}`")))?;
    let mut script = Vec::new();
    completer
        .write_registration(VARIABLE, NAME, NAME, &program.to_string_lossy(), &mut script)
        .map_err(|source| Failure::Stream { stream: "the completion script", source })?;
    output::print(&script)
}

/// Name of the program.
const NAME: &str = "inseq";
