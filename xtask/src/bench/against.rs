//! The release programs of another commit.

use std::path::PathBuf;

use anyhow::Result;
use xshell::{Shell, cmd};

/// Builds the programs of a revision, and says which folder they are in.
///
/// The revision is checked out below `target/bench/against/`. It shares this workspace's target folder, so that
/// dependencies are built once; the programs are copied out of it. A revision that was built before is not built again.
pub fn build(shell: &Shell, revision: &str, names: &[&str]) -> Result<PathBuf> {
    let commit = format!("{revision}^{{commit}}");
    let commit = cmd!(shell, "git rev-parse --verify --short {commit}").read()?;
    let folder = crate::root().join("target/bench/against").join(commit.trim());
    if names.iter().all(|name| folder.join(name).is_file()) {
        return Ok(folder);
    }
    let checkout = folder.join("checkout");
    if !checkout.is_dir() {
        cmd!(shell, "git worktree add --force --detach {checkout} {commit}").run()?;
    }
    let target = crate::programs::folder(shell)?;
    {
        let _there = shell.push_dir(&checkout);
        let _target = shell.push_env("CARGO_TARGET_DIR", target.parent().unwrap_or(&target));
        crate::programs::build(shell, names)?;
    }
    for name in names {
        shell.copy_file(target.join(name), folder.join(name))?;
    }
    cmd!(shell, "git worktree remove --force {checkout}").run()?;
    Ok(folder)
}
