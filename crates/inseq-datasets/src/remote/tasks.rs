//! Threads that wait for the network.

use std::io;
use std::sync::mpsc::sync_channel;

use tokio::runtime::{Builder, Runtime};

/// Threads that run asynchronous work while the caller waits.
#[derive(Debug)]
pub(super) struct Tasks {
    /// Always there, until it is dropped.
    runtime: Option<Runtime>,
}

impl Tasks {
    /// Number of threads. They only move bytes.
    const THREADS: usize = 2;

    pub(super) fn start() -> io::Result<Self> {
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.worker_threads(Self::THREADS).thread_name("remote").enable_all().build()?;
        Ok(Self { runtime: Some(runtime) })
    }

    /// The outcome of some work. It may be called on any thread, also on one of another runtime.
    pub(super) fn wait<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> io::Result<T> {
        let (done, outcome) = sync_channel(1);
        let runtime = self.runtime.as_ref().ok_or_else(|| io::Error::other("the connection is closed"))?;
        runtime.spawn(async move {
            // Nobody waits any more if this fails.
            let _ = done.send(work.await);
        });
        outcome.recv().map_err(|_| io::Error::other("the request ended without an outcome"))
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        // Dropping a runtime waits for it, which is not allowed on a thread of another runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
