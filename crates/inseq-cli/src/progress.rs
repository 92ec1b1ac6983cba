//! How far a call has come, and Ctrl-C.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressStyle};
use inseq_methods::Progress;

use crate::failure::Failure;

/// Watches for Ctrl-C. The first asks the work to stop, so that nothing is left half-written; a second ends the program.
pub fn watch_interrupts() -> Result<Arc<AtomicBool>, Failure> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    let watch = ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    });
    watch.map_err(|error| Failure::Argument(format!("Ctrl-C cannot be watched for: {error}")))?;
    Ok(interrupted)
}

/// A progress bar on standard error, which draws nothing where that is no terminal.
pub struct Bar {
    bar: ProgressBar,
    interrupted: Arc<AtomicBool>,
}

impl Bar {
    /// A bar that stops the work once `interrupted`.
    pub fn new(interrupted: Arc<AtomicBool>) -> Self {
        Self { bar: ProgressBar::new_spinner(), interrupted }
    }

    /// A bar that shows nothing, and stops the work once `interrupted`.
    pub fn hidden(interrupted: Arc<AtomicBool>) -> Self {
        Self { bar: ProgressBar::hidden(), interrupted }
    }

    /// Runs something while nothing is drawn.
    pub fn suspended<T>(&self, run: impl FnOnce() -> T) -> T {
        self.bar.suspend(run)
    }

    /// Shows how far the work has come.
    pub fn update(&self, progress: Progress) -> ControlFlow<()> {
        match progress {
            Progress::Generating { texts, tokens } => {
                let words = if texts == 1 { "1 text".to_owned() } else { format!("{texts} texts") };
                self.bar.set_message(format!("generating {words}: {tokens} tokens"));
                self.bar.tick();
            }
            Progress::Attributing { done, total, .. } => {
                if self.bar.length().is_none() {
                    self.bar.set_style(style());
                    self.bar.set_message("attributing");
                }
                self.bar.set_length(total as u64);
                self.bar.set_position(done as u64);
            }
            _ => self.bar.tick(),
        }
        if self.interrupted.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A bar for each file that comes from the hub, on standard error; nothing is drawn where that is no terminal.
pub fn downloads() -> inseq_models::checkpoint::Progress {
    let current: Mutex<Option<(String, ProgressBar)>> = Mutex::new(None);
    Arc::new(move |file, arrived, total| {
        let mut current = current.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, bar) = match current.take() {
            Some(going_on) if going_on.0 == file => current.insert(going_on),
            _ => current.insert((file.to_owned(), bar_of_file(file))),
        };
        bar.set_length(total);
        bar.set_position(arrived);
        if arrived >= total {
            bar.finish_and_clear();
        }
    })
}

fn bar_of_file(file: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("fetching {msg} {wide_bar} {bytes}/{total_bytes}, {eta} left");
    ProgressBar::no_length()
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        .with_message(file.to_owned())
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} steps, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}
