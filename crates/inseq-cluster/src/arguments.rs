//! The command line's grammar.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use inseq_cli::attribute_dataset::AttributeDatasetArguments;

const EXAMPLES: &str = "\
Examples:
  On one machine, start the scheduler:
      inseq-cluster scheduler --bind 10.0.0.1:50050
  On each machine (with several GPUs: once per GPU), start an executor:
      inseq-cluster executor --scheduler 10.0.0.1:50050
  Attribute a dataset on all of them, into a folder that they share:
      inseq-cluster run --scheduler 10.0.0.1:50050 -d /shared/corpus.parquet -in text -o /shared/results/";

/// Attributes datasets on a cluster, by Apache DataFusion Ballista.
#[derive(Debug, Parser)]
#[command(name = "inseq-cluster", version, arg_required_else_help = true, after_help = EXAMPLES)]
pub struct Arguments {
    /// Command.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Give shards of work to executors, until the process is ended.
    Scheduler(SchedulerArguments),
    /// Attribute the shards that a scheduler gives, one at a time, until the process is ended.
    Executor(ExecutorArguments),
    /// Attribute the rows of a dataset on a cluster, into a folder of results. Takes the flags of inseq attribute-dataset.
    Run(Box<SubmitArguments>),
}

/// `inseq-cluster scheduler`.
#[derive(Debug, Args)]
pub struct SchedulerArguments {
    /// Address to listen on. Whoever reaches it can read and write what the executors can, so bind it to a private network only.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:50050")]
    pub bind: std::net::SocketAddr,
    /// Time without a sign of life after which an executor counts as dead and its shards go to others. An executor gives a sign at
    /// least every 5 seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(10..))]
    pub executor_timeout: u64,
}

/// `inseq-cluster executor`.
#[derive(Debug, Args)]
pub struct ExecutorArguments {
    /// Scheduler. The executor waits for it ten minutes.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:50050", value_parser = address)]
    pub scheduler: Address,
    /// Folder for Ballista's small files. [default: a temporary folder]
    #[arg(long, value_name = "FOLDER")]
    pub work_dir: Option<PathBuf>,
}

/// `inseq-cluster run`.
#[derive(Debug, Args)]
pub struct SubmitArguments {
    /// Scheduler.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:50050", value_parser = address, help_heading = "Cluster")]
    pub scheduler: Address,
    /// Time to wait for a scheduler that does not answer.
    #[arg(long, value_name = "SECONDS", default_value_t = 600, help_heading = "Cluster")]
    pub scheduler_timeout: u64,
    /// The run.
    #[command(flatten)]
    pub dataset: AttributeDatasetArguments,
}

/// Host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Name or number of the machine.
    pub host: String,
    /// Port.
    pub port: u16,
}

impl std::fmt::Display for Address {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}", self.host, self.port)
    }
}

fn address(text: &str) -> Result<Address, String> {
    let parts = text.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
    match parts {
        Some((host, port)) if !host.is_empty() => Ok(Address { host: host.to_owned(), port }),
        _ => Err("expected the name of a machine and a port, such as 10.0.0.1:50050".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flags_of_attribute_dataset_are_flags_of_run() {
        let line = [
            "inseq-cluster",
            "run",
            "--scheduler",
            "a:1",
            "-d",
            "x.jsonl",
            "-in",
            "text",
            "-o",
            "results/",
            "-bs",
            "4",
        ];
        let arguments: Arguments = inseq_cli::read(line.map(Into::into)).unwrap();
        let Command::Run(arguments) = arguments.command else { panic!("not run: {arguments:?}") };
        assert_eq!(arguments.scheduler, Address { host: "a".into(), port: 1 });
        assert_eq!(arguments.dataset.dataset.input_text_field, "text");
        assert_eq!(arguments.dataset.call.attribution.batch_size, Some(4));
    }

    #[test]
    fn an_address_has_a_host_and_a_port() {
        assert_eq!(address("[::1]:50050").unwrap().to_string(), "[::1]:50050");
        for wrong in ["", "host", ":1", "host:", "host:99999"] {
            assert!(address(wrong).unwrap_err().contains("10.0.0.1:50050"), "{wrong}");
        }
    }
}
