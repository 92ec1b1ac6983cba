//! The processes of a cluster.

use std::cell::Cell;
use std::ffi::OsString;
use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A process whose output goes to files. It is killed when it is dropped.
pub struct Machine {
    child: Child,
    output: PathBuf,
    said: PathBuf,
}

impl Machine {
    /// Whether it ends with success.
    pub fn wait(&mut self) -> bool {
        let mut status = None;
        wait_until("a process ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap().success()
    }

    /// Ends it without giving it time for anything.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Number of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote to standard output so far.
    pub fn output(&self) -> String {
        fs::read_to_string(&self.output).unwrap()
    }

    /// What it wrote to standard error so far.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.said).unwrap()
    }

    /// Number of lines of standard error that have this text.
    pub fn count(&self, text: &str) -> usize {
        self.said().lines().filter(|line| line.contains(text)).count()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A scheduler and its executors.
pub struct Cluster {
    /// The scheduler, if it was started.
    pub scheduler: Option<Machine>,
    /// The executors.
    pub executors: Vec<Machine>,
    folder: tempfile::TempDir,
    address: String,
    started: Cell<usize>,
}

impl Cluster {
    /// A scheduler that listens, and executors.
    pub fn new(executors: usize) -> Self {
        let mut cluster = Self::without_processes();
        cluster.start_scheduler();
        cluster.executors = (0..executors).map(|_| cluster.start("executor", &["--scheduler".into()])).collect();
        cluster
    }

    /// An address at which nothing listens.
    pub fn without_processes() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self {
            scheduler: None,
            executors: Vec::new(),
            folder: tempfile::tempdir().unwrap(),
            address: format!("127.0.0.1:{port}"),
            started: Cell::new(0),
        }
    }

    /// Starts the scheduler, at the address of the one that was killed.
    pub fn start_scheduler(&mut self) {
        self.scheduler = Some(self.start("scheduler", &["--executor-timeout".into(), "10".into(), "--bind".into()]));
        wait_until("the scheduler listens", || TcpStream::connect(&self.address).is_ok());
    }

    /// Starts a client, in the folder of the cluster.
    pub fn run(&self, flags: &[OsString]) -> Machine {
        self.start("run", &[flags, &["--scheduler".into()]].concat())
    }

    /// A path in the folder of the cluster.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts a process whose last flag takes the address of the scheduler.
    fn start(&self, command: &str, flags: &[OsString]) -> Machine {
        let number = self.started.get();
        self.started.set(number + 1);
        let file = |ending: &str| self.path(&format!("{number}-{command}.{ending}"));
        let (output, said) = (file("out"), file("err"));
        let mut line = Command::new(env!("CARGO_BIN_EXE_inseq-cluster"));
        if command == "run" {
            line.current_dir(self.folder.path());
        }
        let child = line
            .arg(command)
            .args(flags)
            .arg(&self.address)
            .env("RAYON_NUM_THREADS", "1")
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(File::create(&output).unwrap())
            .stderr(File::create(&said).unwrap())
            .spawn()
            .unwrap();
        Machine { child, output, said }
    }
}

/// Waits until something is so. A test that waits in vain fails after ten minutes.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(600), "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
