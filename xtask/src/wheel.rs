//! The command as a Python wheel, so that `pip install` puts `inseq` on the path.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use xshell::{Shell, cmd};

use crate::python::absolute;
use crate::release::RELEASE_FEATURES;

#[derive(Debug, Args)]
pub struct Options {
    /// A Python with `maturin` (`pip install maturin`).
    #[arg(long, default_value = "python3", value_name = "PATH")]
    python: PathBuf,
    /// Build without optimisation: for a test of the wheel itself.
    #[arg(long)]
    debug: bool,
}

/// Builds the wheel, installs it in a fresh virtual environment and runs the command there.
pub fn run(shell: &Shell, options: &Options) -> Result<()> {
    let python = absolute(&options.python)?;
    let wheels = shell.current_dir().join("target/wheels");
    shell.remove_path(&wheels)?;
    let profile = if options.debug { "dev" } else { "release" };
    let features = RELEASE_FEATURES;
    cmd!(shell, "{python} -m maturin build --profile {profile} --features {features} --locked --manifest-path crates/inseq-cli/Cargo.toml --out {wheels}")
        .env("CARGO_TARGET_DIR", shell.current_dir().join("target"))
        .run()
        .context("maturin builds the wheel: `pip install maturin` in a virtual environment, and give its python with --python")?;
    let wheel = shell.read_dir(&wheels)?.into_iter().next().context("maturin made no wheel")?;
    let folder = shell.create_temp_dir()?;
    let venv = folder.path().join("venv");
    cmd!(shell, "{python} -m venv {venv}").run()?;
    let scripts = venv.join(if cfg!(windows) { "Scripts" } else { "bin" });
    let (pip, inseq) = (scripts.join("pip"), scripts.join("inseq"));
    cmd!(shell, "{pip} install --quiet --no-index {wheel}").run()?;
    let map = cmd!(shell, "{inseq} attribute -i nurse").read()?;
    ensure!(map.contains("infirm"), "the installed command did not translate `nurse`:\n{map}");
    println!("{map}\n{}", wheel.display());
    Ok(())
}
