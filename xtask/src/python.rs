//! Chores that run the scripts beside the reference.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use xshell::{Shell, cmd};

/// An interpreter as a path that holds in any folder; a bare name is left for `PATH` to find.
pub fn absolute(python: &Path) -> Result<PathBuf> {
    if python.components().count() == 1 {
        return Ok(python.to_owned());
    }
    // Not canonicalized: a virtual environment's interpreter is a link, and must be called by that name.
    std::path::absolute(python).with_context(|| format!("{} is no path", python.display()))
}

/// Trains the demo model into the crate that embeds it.
pub fn demo_model(shell: &Shell, python: &Path) -> Result<()> {
    let python = absolute(python)?;
    let _folder = shell.push_dir("xtask/demo");
    cmd!(shell, "{python} train.py ../../crates/inseq-models/demo ../../tests/fixtures/demo").run()?;
    Ok(())
}

/// Trains the reader into the fixtures.
pub fn reader_model(shell: &Shell, python: &Path) -> Result<()> {
    let python = absolute(python)?;
    let _folder = shell.push_dir("xtask/reader");
    let fixtures = "../../tests/fixtures/citations";
    cmd!(shell, "{python} train.py {fixtures}/reader {fixtures}/heldout.jsonl").run()?;
    Ok(())
}

/// Makes the golden files of `tests/fixtures` and runs the tests that read them.
pub fn parity(shell: &Shell, python: &Path) -> Result<()> {
    let python = absolute(python)?;
    {
        let _folder = shell.push_dir("tests/reference");
        let _offline = shell.push_env("HF_HUB_OFFLINE", "1");
        cmd!(shell, "{python} core_golden.py ../fixtures/core").run()?;
        cmd!(shell, "{python} marian_golden.py ../fixtures/marian").run()?;
    }
    crate::cargo(shell, "test -p inseq-core -p inseq-tests").run()?;
    Ok(())
}
