//! Ballista with two executors beside one process.

use std::ffi::OsStr;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command};

use anyhow::{Context as _, Result, ensure};

use super::{Bench, files, measure, median, quiet, threads};
use crate::python::absolute;

/// A process that is killed when it is dropped.
struct Running(Child);

impl Running {
    fn start(command: Command) -> Result<Self> {
        let shown = format!("{:?}", command.get_program());
        Ok(Self(quiet(command).spawn().with_context(|| format!("{shown} does not start"))?))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs with one thread in one process, and on a cluster of two executors with one thread each. The executors stay from run to run.
pub fn run(bench: &Bench) -> Result<String> {
    let Some(program) = &bench.options.cluster else { return Ok("left out, without --cluster".to_owned()) };
    let program = absolute(program)?;
    let data = bench.data(bench.options.rows.min(10 * bench.options.few))?;
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    let of = |command: &str, flag: &str| {
        let mut line = Command::new(&program);
        line.args([command, flag]).arg(&address);
        threads(line, 1)
    };
    let _scheduler = Running::start(of("scheduler", "--bind"))?;
    let _executors = [Running::start(of("executor", "--scheduler"))?, Running::start(of("executor", "--scheduler"))?];
    let shared = |results: &Path| {
        let mut line = of("run", "--scheduler");
        line.args([OsStr::new("-d"), data.as_os_str(), OsStr::new("-in"), OsStr::new("text"), OsStr::new("-o")])
            .arg(results);
        line
    };
    // The executors load the model.
    measure(shared(&bench.fresh("first")?))?;
    let mut seconds = [Vec::new(), Vec::new()];
    for _ in 0..bench.options.runs {
        let (one, two) = (bench.fresh("alone")?, bench.fresh("cluster")?);
        seconds[0].push(measure(threads(bench.run(&data, &one, &[]), 1))?.seconds);
        seconds[1].push(measure(shared(&two))?.seconds);
        ensure!(files(&one)? == files(&two)?, "the cluster wrote other results than one process");
    }
    let [one, two] = seconds.map(median);
    Ok(format!("one process with one thread {one:.3} s, two executors {two:.3} s, ratio {:.3}", two / one))
}
