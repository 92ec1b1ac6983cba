//! `cargo xtask evaluate`: known answers.

use anyhow::{Context as _, Result};
use xshell::Shell;

use crate::programs::program;

const END: &str = "<!-- end -->";

/// Asks every method for known answers, and puts the table into the docs: words of the demo grammar, or with `citations` passages that
/// the reader answers from.
pub fn run(shell: &Shell, citations: bool) -> Result<()> {
    let (name, document, start) = match citations {
        false => ("evaluate", "docs/src/demo.md", "<!-- cargo xtask evaluate -->"),
        true => ("evaluate-citations", "docs/src/known-citations.md", "<!-- cargo xtask evaluate --citations -->"),
    };
    let table = program(shell, name)?.read()?;
    println!("{table}");
    let text = shell.read_file(document)?;
    let begin = text.find(start).with_context(|| format!("{document} has no {start}"))? + start.len();
    let end = text[begin..].find(END).with_context(|| format!("{document} has no {END}"))? + begin;
    shell.write_file(document, format!("{}\n\n{table}\n\n{}", &text[..begin], &text[end..]))?;
    Ok(())
}

/// Writes the methods' pages.
pub fn pages(shell: &Shell) -> Result<()> {
    program(shell, "method-pages")?.run()?;
    Ok(())
}

/// Takes the pictures of pages.
pub fn images(shell: &Shell) -> Result<()> {
    program(shell, "page-images")?.run()?;
    Ok(())
}

/// Measures the page.
pub fn frames(shell: &Shell) -> Result<()> {
    program(shell, "page-frames")?.run()?;
    Ok(())
}
