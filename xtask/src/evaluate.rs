//! `cargo xtask evaluate`: known answers.

use anyhow::{Context as _, Result};
use xshell::Shell;

use crate::programs::program;

const DOCUMENT: &str = "docs/src/demo.md";
const START: &str = "<!-- cargo xtask evaluate -->";
const END: &str = "<!-- end -->";

/// Runs every method on the demo grammar and puts the table into the docs.
pub fn run(shell: &Shell) -> Result<()> {
    let table = program(shell, "evaluate")?.read()?;
    println!("{table}");
    let text = shell.read_file(DOCUMENT)?;
    let start = text.find(START).with_context(|| format!("{DOCUMENT} has no {START}"))? + START.len();
    let end = text[start..].find(END).with_context(|| format!("{DOCUMENT} has no {END}"))? + start;
    shell.write_file(DOCUMENT, format!("{}\n\n{table}\n\n{}", &text[..start], &text[end..]))?;
    Ok(())
}

/// Writes the methods' pages.
pub fn pages(shell: &Shell) -> Result<()> {
    program(shell, "method-pages")?.run()?;
    Ok(())
}

/// Measures the page.
pub fn frames(shell: &Shell) -> Result<()> {
    program(shell, "page-frames")?.run()?;
    Ok(())
}
