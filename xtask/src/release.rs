//! The checklist of a release.

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use xshell::{Shell, cmd};

use crate::{cargo, ci};

/// Crates that are published, in the order of their dependencies.
const PUBLISHED: &[&str] = &[
    "inseq-mapped",
    "inseq-core",
    "inseq-models",
    "inseq-methods",
    "inseq-viz",
    "inseq-datasets",
    "inseq",
    "inseq-cli",
];

/// Features of released binaries beyond the default ones. They are off in the default build, because DataFusion alone is 200 crates.
pub const RELEASE_FEATURES: &str = "cloud,sql";

#[derive(Debug, Args)]
pub struct Options {
    /// Check everything and upload nothing. Required: uploading is done by hand, after this has passed.
    #[arg(long, required = true)]
    dry_run: bool,
    /// Leave out what every change passes already.
    #[arg(long)]
    skip_ci: bool,
}

/// Goes through the checklist, and stops at what is wrong.
pub fn check(shell: &Shell, options: &Options) -> Result<()> {
    let _ = options.dry_run;
    let version = version(shell)?;
    step("a clean tree");
    let changes = cmd!(shell, "git status --porcelain").quiet().read()?;
    ensure!(changes.is_empty(), "the tree has changes that are not committed:\n{changes}");

    step("the changelog");
    let changelog = shell.read_file("CHANGELOG.md")?;
    let heading = format!("## {version}");
    ensure!(
        changelog.lines().any(|line| line.starts_with(&heading)),
        "CHANGELOG.md has no section `{heading}`: give `Unreleased` this name and the date"
    );

    if !options.skip_ci {
        step("what every change passes");
        ci::check(shell)?;
    }
    step("packages");
    let packages = PUBLISHED.iter().flat_map(|name| ["--package", name]);
    cargo(shell, "publish --dry-run --locked --no-verify").args(packages).run()?;
    println!(
        "\n{version} can be released: `git tag v{version}`, `cargo publish` of {}; binaries are built with `--features {RELEASE_FEATURES}`",
        PUBLISHED.join(", ")
    );
    Ok(())
}

fn step(name: &str) {
    println!("== {name}");
}

/// The version of the workspace.
fn version(shell: &Shell) -> Result<String> {
    let metadata = cargo(shell, "metadata --format-version 1 --no-deps --locked").quiet().read()?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
    let packages = metadata["packages"].as_array().context("cargo names no packages")?;
    let facade = packages.iter().find(|package| package["name"] == "inseq").context("there is no package `inseq`")?;
    Ok(facade["version"].as_str().context("the package `inseq` has no version")?.to_owned())
}
