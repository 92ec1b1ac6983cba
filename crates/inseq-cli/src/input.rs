//! What is read: files, and standard input in the place of `-`.

use std::io::{self, BufRead as _, Read as _};
use std::path::Path;

use crate::failure::Failure;

/// Whether a path means standard input or output.
pub fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Checks that standard input is read once at most. `inputs` are all paths and texts of a command that may be `-`.
pub fn check_one_standard<'a>(inputs: impl IntoIterator<Item = &'a Path>) -> Result<(), Failure> {
    if inputs.into_iter().filter(|input| is_standard(input)).count() > 1 {
        return Err(Failure::Argument("standard input (-) is named twice, but can be read once; name a file".into()));
    }
    Ok(())
}

/// A file as text.
pub fn text(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    if is_standard(path) {
        io::stdin().lock().read_to_string(&mut text).map_err(of_input)?;
    } else {
        text = std::fs::read_to_string(path).map_err(|source| Failure::File { path: path.to_owned(), source })?;
    }
    Ok(without_mark(&text).to_owned())
}

/// The lines of standard input that are not blank.
pub fn lines() -> Result<Vec<String>, Failure> {
    let mut texts = Vec::new();
    for line in io::stdin().lock().lines() {
        let line = line.map_err(of_input)?;
        let line = without_mark(&line);
        if !line.trim().is_empty() {
            texts.push(line.to_owned());
        }
    }
    Ok(texts)
}

/// A file in an error: its path, or standard input.
pub fn name(path: &Path) -> String {
    if is_standard(path) { "standard input".to_owned() } else { path.display().to_string() }
}

/// Some editors begin a file with a mark of its encoding.
fn without_mark(text: &str) -> &str {
    text.trim_start_matches('\u{feff}')
}

fn of_input(source: io::Error) -> Failure {
    Failure::Stream { stream: "standard input", source }
}
