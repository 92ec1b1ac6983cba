//! `inseq-cluster`: `inseq attribute-dataset` on a cluster, by Apache DataFusion Ballista.
//!
//! A job is a table of shard numbers, one per partition, and one call of the function [`attribute_shard`](function) per row. The
//! scheduler of Ballista gives partitions to executors and gives them again when an executor is lost. The function runs a shard as the
//! single-process command runs it, with the claims and completion records of the folder of results. So a shard that is given twice is
//! attributed once, and the folder says what is done, not the scheduler.

mod arguments;
mod executor;
mod function;
mod job;
mod problem;
mod run;
mod scheduler;
mod submission;
mod worker;

use std::process::ExitCode;

use arguments::{Arguments, Command};
use problem::Problem;

fn main() -> ExitCode {
    inseq_cli::keep_freed_memory();
    let line: Vec<_> = std::env::args_os().collect();
    let arguments: Arguments = inseq_cli::read(line.clone()).unwrap_or_else(|error| error.exit());
    // What servers do is worth a line; a command says itself what it does.
    let is_server = !matches!(arguments.command, Command::Run(_));
    let filter = if is_server { "warn,inseq_cluster=info" } else { "error" };
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or(filter)).init();
    let done = match arguments.command {
        Command::Scheduler(arguments) => scheduler::run(&arguments),
        Command::Executor(arguments) => executor::run(arguments),
        Command::Run(arguments) => run::run(&arguments, line),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Problem::Command(failure)) => failure.report(),
        Err(Problem::Cluster(problem)) => {
            eprintln!("error: {}", problem.split(char::is_control).collect::<Vec<_>>().join(" "));
            ExitCode::FAILURE
        }
    }
}
