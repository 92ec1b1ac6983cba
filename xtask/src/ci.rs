//! What every change must pass.

use std::path::Path;

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use xshell::{Shell, cmd};

use crate::cargo;
use crate::python::absolute;

/// A backend besides the default.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Backend {
    /// libtorch, from the torch 2.9.0 wheel.
    Tch,
    /// WebGPU. Where there is no GPU, Mesa's lavapipe (Debian: mesa-vulkan-drivers) stands in.
    Wgpu,
    /// Vulkan with SPIR-V shaders, on a GPU.
    Vulkan,
    /// CUDA, on an NVIDIA GPU.
    Cuda,
}

/// What every change must pass. The list stands in `.ci/run`.
pub fn check(shell: &Shell) -> Result<()> {
    cmd!(shell, "bash .ci/run").run()?;
    Ok(())
}

/// Builds with a backend and runs the parity tests on it.
pub fn parity_on(shell: &Shell, backend: Backend, python: &Path) -> Result<()> {
    let name = match backend {
        Backend::Tch => "tch",
        Backend::Wgpu => "wgpu",
        Backend::Vulkan => "vulkan",
        Backend::Cuda => "cuda",
    };
    let _device = shell.push_env("INSEQ_TEST_DEVICE", name);
    let _libtorch = match backend {
        Backend::Tch => libtorch_of(shell, python)?,
        _ => Vec::new(),
    };
    let feature = format!("inseq-cli/{name}");
    cargo(shell, &format!("build --locked -p inseq-cli --features {feature}")).run()?;
    let tests = "--test marian --test architectures";
    cargo(shell, &format!("test --locked -p inseq-cli -p inseq-tests --features {feature} {tests}")).run()?;
    Ok(())
}

/// Lets the build and the programs find the libtorch of a Python's torch, until what is returned is dropped.
fn libtorch_of<'a>(shell: &'a Shell, python: &Path) -> Result<Vec<xshell::PushEnv<'a>>> {
    let python = absolute(python)?;
    let script =
        "import os, torch; print(torch.__version__); print(os.path.join(os.path.dirname(torch.__file__), 'lib'))";
    let answer = cmd!(shell, "{python} -c {script}")
        .read()
        .context("libtorch comes from Python's torch: make a virtual environment, `pip install torch==2.9.0`, give its python with --python")?;
    let (version, library) = answer.split_once('\n').context("torch does not say its version")?;
    anyhow::ensure!(version.starts_with("2.9.0"), "torch 2.9.0 is needed, found {version}; `pip install torch==2.9.0`");
    let library = match std::env::var("LD_LIBRARY_PATH") {
        Ok(others) if !others.is_empty() => format!("{}:{others}", library.trim()),
        _ => library.trim().to_owned(),
    };
    let mut path = python.parent().map(|folder| folder.as_os_str().to_owned()).unwrap_or_default();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    Ok(vec![
        shell.push_env("LIBTORCH_USE_PYTORCH", "1"),
        shell.push_env("LD_LIBRARY_PATH", library),
        // The build script asks the first `python3` of the path for its torch.
        shell.push_env("PATH", path),
    ])
}
