//! Where results go: standard output, and files that are whole or not there.

use std::io::{self, Write as _};
use std::path::Path;

use inseq_core::{AttributionResult, Format, SaveOptions};

use crate::failure::Failure;
use crate::picture;

/// Prints to standard output. A reader that has gone is no error.
pub fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    output.write_all(bytes).and_then(|()| output.flush()).map_err(of_output)
}

/// A result in the format that the end of the name asks for; `-` is standard output, as JSON.
pub fn save_result(result: &AttributionResult, path: &Path) -> Result<(), Failure> {
    save_result_with(result, path, &save_options())
}

/// [`save_result`] with options.
pub fn save_result_with(result: &AttributionResult, path: &Path, options: &SaveOptions) -> Result<(), Failure> {
    if is_standard(path) {
        let mut json = Vec::new();
        result.write(&mut json, options)?;
        json.push(b'\n');
        print(&json)
    } else {
        result.save_with(path, options)?;
        Ok(())
    }
}

/// How the program saves: over what is there, as the reference's does.
pub fn save_options() -> SaveOptions {
    SaveOptions { overwrite: true, ..SaveOptions::default() }
}

/// Whether a path means standard input or output.
pub fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Says before the work, rather than after it, that a file has no folder to go to.
pub fn check_folder(path: Option<&Path>) -> Result<(), Failure> {
    let Some(path) = path.filter(|path| !is_standard(path)) else { return Ok(()) };
    let folder = folder_of(path);
    if folder.is_dir() && !path.is_dir() {
        return Ok(());
    }
    let message = if path.is_dir() {
        "is a folder; name a file in it".to_owned()
    } else {
        format!("the folder {} is not there; make it first", folder.display())
    };
    Err(Failure::File { path: path.to_owned(), source: io::Error::other(message) })
}

/// As [`check_folder`], for a file that a result goes to: the end of its name must be that of a format, or it has none and is
/// JSON, as the reference's files are whatever they are called.
pub fn check_result(path: Option<&Path>) -> Result<(), Failure> {
    check_folder(path)?;
    let Some(path) = path.filter(|path| !is_standard(path)) else { return Ok(()) };
    if path.extension().is_none() || Format::named(path).is_some() {
        return Ok(());
    }
    let way_out = match picture::Format::named(path) {
        Some(_) => "; draw pictures with --viz-path, of saved results with `inseq show`",
        None => "",
    };
    Err(Failure::Argument(format!(
        "{}: results are saved as .json, .json.gz, .safetensors, .csv, .parquet or .arrow{way_out}",
        path.display()
    )))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn of_output(source: io::Error) -> Failure {
    match source.kind() {
        io::ErrorKind::BrokenPipe => Failure::ReaderGone,
        _ => Failure::Stream { stream: "standard output", source },
    }
}

/// Prints a table. Cells are padded on both sides; at the ends of a line that is of no use.
pub fn print_table(table: &comfy_table::Table) -> Result<(), Failure> {
    let lines: String =
        table.lines().map(|line| format!("{}\n", line.trim_end().strip_prefix(' ').unwrap_or(&line))).collect();
    print(lines.as_bytes())
}
