//! `cargo xtask simulate-cluster`: how `inseq-cluster` scales, by a discrete-event model of it.
//!
//! # Assumptions
//!
//! - The time of a part is its rows times the time per text, times a log-normal factor with mean 1, plus the time to claim, read and write
//!   it. Parts are independent of each other, and the same in every run.
//! - A share of the executors is slower than the others by a factor, all the time.
//! - An executor fails after an exponentially distributed time, at any moment. It comes back, or a new one takes its place, after a
//!   fixed time, and loads the model anew. Scheduler, storage and network do not fail.
//! - The part at work on a failed executor is lost. Parts that are done stay, as in the folder of results.
//! - The scheduler notices a lost executor after its time-out, and gives the shard to the next executor that asks. The claim on the lost part
//!   is stale after its own time-out. A shard that is run before that leaves the part out; it is done by the next job.
//! - The client gives a job when the last one has returned, after a pause, until every part is done. The pause doubles, up to 16 s, while no part
//!   gets done.
//! - The scheduler serves one request at a time, each in the same time: for a shard, and every 5 s from an executor at work or every 50 ms
//!   from one without work.
//! - Storage serves every executor at the same speed, whatever their number.

mod cluster;

use anyhow::{Result, ensure};
use clap::Args;

use cluster::{Cluster, Outcome};

/// What is simulated. Times were measured with the demo model on one core that other programs used, too, and with a scheduler that was not
/// optimized, so they are upper bounds; `inseq attribute-dataset --dry-run` gives those of another model.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Texts.
    #[arg(long, default_value_t = 1_000_000, value_name = "N")]
    texts: u64,
    /// Texts of a part.
    #[arg(long, default_value_t = 256, value_name = "N")]
    part_rows: u64,
    /// Largest number of shards.
    #[arg(long, default_value_t = 4096, value_name = "N")]
    shards: u64,
    /// Numbers of executors.
    #[arg(long, num_args = 1.., default_values_t = [1, 2, 4, 8, 16, 32, 64, 128, 256], value_name = "N")]
    executors: Vec<usize>,
    /// Time of a text.
    #[arg(long, default_value_t = 0.005, value_name = "SECONDS")]
    text_seconds: f64,
    /// Standard deviation of the time of a part, as a share of it.
    #[arg(long, default_value_t = 0.2, value_name = "SHARE")]
    spread: f64,
    /// Time to claim, read and write a part.
    #[arg(long, default_value_t = 0.03, value_name = "SECONDS")]
    part_seconds: f64,
    /// Time between two shards of an executor, without that of the scheduler.
    #[arg(long, default_value_t = 0.05, value_name = "SECONDS")]
    shard_seconds: f64,
    /// Time of the scheduler for a shard.
    #[arg(long, default_value_t = 0.006, value_name = "SECONDS")]
    scheduler_seconds: f64,
    /// Time of the scheduler for a sign of life.
    #[arg(long, default_value_t = 0.002, value_name = "SECONDS")]
    sign_seconds: f64,
    /// Time to start an executor and to load the model.
    #[arg(long, default_value_t = 1.0, value_name = "SECONDS")]
    load_seconds: f64,
    /// Share of the executors that are slow.
    #[arg(long, default_value_t = 0.05, value_name = "SHARE")]
    slow_share: f64,
    /// How many times as long a slow executor takes.
    #[arg(long, default_value_t = 3.0, value_name = "FACTOR")]
    slowness: f64,
    /// Mean time between two failures of an executor; 0 for no failures.
    #[arg(long, default_value_t = 10.0, value_name = "HOURS")]
    failure_hours: f64,
    /// Time until a failed executor is replaced.
    #[arg(long, default_value_t = 60.0, value_name = "SECONDS")]
    replacement_seconds: f64,
    /// Time without a sign of life after which the scheduler gives a shard to another executor.
    #[arg(long, default_value_t = 60.0, value_name = "SECONDS")]
    executor_timeout: f64,
    /// Time without a sign of life after which a claim is stale.
    #[arg(long, default_value_t = 120.0, value_name = "SECONDS")]
    claim_timeout: f64,
    /// Shortest pause of the client between two jobs.
    #[arg(long, default_value_t = 1.0, value_name = "SECONDS")]
    pause_seconds: f64,
    /// Seed of the random numbers.
    #[arg(long, default_value_t = 1, value_name = "SEED")]
    seed: u64,
}

/// Simulates each number of executors and prints a table.
pub fn run(options: &Options) -> Result<()> {
    ensure!(
        options.texts > 0 && options.part_rows > 0 && options.shards > 0,
        "texts, rows of a part and shards are at least 1"
    );
    ensure!(options.executors.iter().all(|&count| count > 0), "the number of executors is at least 1");
    ensure!((0.0..=1.0).contains(&options.slow_share), "--slow-share is {}; it is from 0 to 1", options.slow_share);
    print!("{}", table(options));
    Ok(())
}

fn table(options: &Options) -> String {
    let mut table = String::from(
        "| executors | time | speed-up | efficiency | failures | lost work | shards given | jobs | scheduler busy |\n\
         |---:|---:|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    for &executors in &options.executors {
        let cluster = Cluster::new(options, executors);
        let alone = cluster.seconds_alone();
        let Outcome { seconds, failures, lost_seconds, given, jobs, scheduler_seconds, .. } = cluster.run();
        let speed_up = alone / seconds;
        table.push_str(&format!(
            "| {executors} | {} | {speed_up:.1} | {:.0} % | {failures} | {:.2} % | {given} | {jobs} | {:.0} % |\n",
            time(seconds),
            100.0 * speed_up / executors as f64,
            100.0 * lost_seconds / alone,
            // Signs of executors without work wait while the scheduler is busy.
            (100.0 * scheduler_seconds / seconds).min(100.0),
        ));
    }
    table
}

fn time(seconds: f64) -> String {
    match seconds {
        s if s >= 2.0 * 86_400.0 => format!("{:.1} d", s / 86_400.0),
        s if s >= 2.0 * 3_600.0 => format!("{:.1} h", s / 3_600.0),
        s if s >= 120.0 => format!("{:.1} min", s / 60.0),
        s => format!("{s:.1} s"),
    }
}

#[cfg(test)]
mod tests;
