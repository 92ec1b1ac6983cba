//! The `inseq` program, run as a person or a script runs it.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The program, as if nothing were said of colours.
pub fn inseq(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inseq"));
    command.args(arguments);
    for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLORTERM", "COLORFGBG"] {
        command.env_remove(variable);
    }
    command
}

/// Runs it to its end, with nothing on standard input.
#[allow(dead_code)] // not every test has use for it
pub fn run(arguments: &[&str]) -> Output {
    inseq(arguments).stdin(Stdio::null()).output().unwrap()
}

/// Runs it to its end, with these bytes on standard input.
#[allow(dead_code)] // not every test has use for it
pub fn with_input(arguments: &[&str], input: &[u8]) -> Output {
    let mut child =
        inseq(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

/// What a call printed that had nothing to complain about.
#[allow(dead_code)] // not every test has use for it
pub fn printed(output: &Output) -> String {
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaints.is_empty(), "{}: {complaints}", output.status);
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The one line that a failed call says, and its exit code.
#[allow(dead_code)] // not every test has use for it
pub fn complaint(output: &Output) -> (String, i32) {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    (text.trim_end().to_owned(), output.status.code().unwrap())
}

/// A path in a folder.
#[allow(dead_code)] // not every test has use for it
pub fn path_in(folder: &tempfile::TempDir, name: &str) -> String {
    folder.path().join(name).to_str().unwrap().to_owned()
}

/// A path in `tests/fixtures`.
#[allow(dead_code)] // not every test has use for it
pub fn fixture(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures").join(name).to_str().unwrap().to_owned()
}

/// The lines on standard error of a call that went well.
#[allow(dead_code)] // not every test has use for it
pub fn warnings(arguments: &[&str]) -> Vec<String> {
    let output = run(arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{arguments:?}: {said}");
    said.lines().map(String::from).collect()
}
