//! The release programs of this workspace.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use xshell::{Cmd, Shell, cmd};

use crate::cargo;

/// Builds programs by name and says which folder they are in.
///
/// All in one way, with the features that the whole workspace asks for: another choice would build everything anew for one
/// program, and then again for the next.
pub fn build(shell: &Shell, names: &[&str]) -> Result<PathBuf> {
    let chosen = names.iter().flat_map(|name| ["--bin", name]);
    cargo(shell, "build --release --locked --workspace").args(chosen).run()?;
    folder(shell)
}

/// One of them, built and ready to run.
pub fn program<'a>(shell: &'a Shell, name: &str) -> Result<Cmd<'a>> {
    let program = build(shell, &[name])?.join(name);
    Ok(cmd!(shell, "{program}"))
}

/// The folder of the release programs, which need not be `target/release`.
pub fn folder(shell: &Shell) -> Result<PathBuf> {
    let metadata = cargo(shell, "metadata --format-version 1 --no-deps --locked").quiet().read()?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
    let target = metadata["target_directory"].as_str().context("cargo does not say where it builds")?;
    Ok(PathBuf::from(target).join("release"))
}
