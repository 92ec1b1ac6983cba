//! An S3 server of this machine, for tests.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use object_store::aws::AmazonS3Builder;

use super::Bucket;

/// The program: Python with `moto[server]`.
const PYTHON: &str = "INSEQ_S3_PYTHON";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/s3_server.py");

/// The server of this process; it ends with it.
struct Server {
    port: u16,
    _process: Child,
}

/// The port of the server; `None`, with the reason on standard error, where there is none.
pub(crate) fn port() -> Option<u16> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER.get_or_init(start).as_ref().map(|server| server.port)
}

fn start() -> Option<Server> {
    let python = std::env::var(PYTHON).unwrap_or_else(|_| "python3".into());
    let mut command = Command::new(&python);
    command.arg(SCRIPT).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut started = || -> Option<Server> {
        let mut process = command.spawn().ok()?;
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut()?).read_line(&mut line).ok()?;
        Some(Server { port: line.trim().parse().ok()?, _process: process })
    };
    let server = started();
    if server.is_none() {
        eprintln!("the S3 server is skipped: {python} has no moto[server]; name one that has by {PYTHON}");
    }
    server
}

/// An empty folder of the server, as a place for [`open`]; `None` where there is no server.
pub(crate) fn folder() -> Option<String> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    port().map(|port| format!("{port}/{}-{count}", std::process::id()))
}

/// The bucket of a place, and the folder in it.
pub(crate) fn open(place: &str) -> (Arc<Bucket>, String) {
    let (port, folder) = place.split_once('/').unwrap();
    let store = AmazonS3Builder::new()
        .with_endpoint(format!("http://127.0.0.1:{port}"))
        .with_allow_http(true)
        .with_access_key_id("key")
        .with_secret_access_key("secret")
        .with_bucket_name("test");
    (Bucket::of_test(Arc::new(store.build().unwrap())), folder.to_owned())
}
