//! The progress of a run, for people and for programs.

use std::io::IsTerminal as _;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle as Style};
use inseq_datasets::{News, RunProgress};
use serde_json::json;

use super::arguments::ProgressStyle;
use crate::failure::say;
use crate::warnings::warn;

/// Time between two lines of JSON.
const INTERVAL: Duration = Duration::from_secs(1);

/// Shows how far a run is, and tells it to stop once it is interrupted.
#[derive(Debug)]
pub struct Reporter {
    interrupted: Arc<AtomicBool>,
    started: Instant,
    shown: Shown,
    is_told: bool,
}

#[derive(Debug)]
enum Shown {
    Bar(ProgressBar),
    Json { last: Option<Instant> },
    Nothing,
}

impl Reporter {
    /// Shows progress as asked, from now on.
    pub fn new(style: Option<ProgressStyle>, interrupted: Arc<AtomicBool>) -> Self {
        let shown = match style {
            None if !std::io::stderr().is_terminal() => Shown::Nothing,
            None | Some(ProgressStyle::Bar) => {
                let template = "attributing {wide_bar} {pos}/{len} rows, {per_sec}, {eta} left{msg}";
                let style = Style::with_template(template).unwrap_or_else(|_| Style::default_bar());
                Shown::Bar(ProgressBar::no_length().with_style(style))
            }
            Some(ProgressStyle::Json) => Shown::Json { last: None },
            Some(ProgressStyle::None) => Shown::Nothing,
        };
        Self { interrupted, started: Instant::now(), shown, is_told: false }
    }

    /// Shows news of a run.
    pub fn update(&mut self, news: News) -> ControlFlow<()> {
        match news {
            News::Warning(warning) => match &self.shown {
                Shown::Bar(bar) => bar.suspend(|| warn(&warning)),
                _ => warn(&warning),
            },
            News::Progress(progress) => self.show(progress),
            _ => {}
        }
        self.check()
    }

    /// Whether to go on. Says once that the run stops.
    pub fn check(&mut self) -> ControlFlow<()> {
        let is_interrupted = self.interrupted.load(Ordering::Relaxed);
        if is_interrupted && !self.is_told {
            self.is_told = true;
            let tell = || say("stopping; a second Ctrl-C ends the program at once");
            match &self.shown {
                Shown::Bar(bar) => bar.suspend(tell),
                _ => tell(),
            }
        }
        if is_interrupted { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn show(&mut self, progress: RunProgress) {
        match &mut self.shown {
            Shown::Nothing => {}
            Shown::Bar(bar) => {
                bar.set_length(progress.total);
                bar.set_position(progress.rows);
                bar.set_message(if progress.errors > 0 {
                    format!(", {} errors", progress.errors)
                } else {
                    String::new()
                });
            }
            Shown::Json { last } => {
                let is_last = progress.rows == progress.total;
                if is_last || last.is_none_or(|last| last.elapsed() >= INTERVAL) {
                    *last = Some(Instant::now());
                    say(&line(progress, self.started.elapsed().as_secs_f64()));
                }
            }
        }
    }

    /// Seconds since the beginning.
    pub fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}

fn line(progress: RunProgress, seconds: f64) -> String {
    let RunProgress { rows, errors, total, .. } = progress;
    let per_second = rows as f64 / seconds.max(f64::MIN_POSITIVE);
    let left = (rows > 0).then(|| total.saturating_sub(rows) as f64 / per_second);
    json!({
        "rows": rows,
        "total": total,
        "errors": errors,
        "seconds": seconds,
        "rows_per_second": if rows > 0 { per_second } else { 0.0 },
        "seconds_left": left,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_json_with_the_rate_and_the_time_left() {
        let progress = RunProgress::default().rows(20).errors(1).total(100);
        let value: serde_json::Value = serde_json::from_str(&line(progress, 4.0)).unwrap();
        assert_eq!(value["rows_per_second"], 5.0);
        assert_eq!(value["seconds_left"], 16.0);
        assert_eq!(value["errors"], 1);
        let nothing: serde_json::Value = serde_json::from_str(&line(RunProgress::default(), 0.0)).unwrap();
        assert!(nothing["seconds_left"].is_null());
    }
}
