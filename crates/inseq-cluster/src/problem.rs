//! What ends a command of the cluster.

use ballista_core::error::BallistaError;
use inseq_cli::Failure;

/// Why a command ends before its work is done.
#[derive(Debug)]
pub enum Problem {
    /// For the same reason for which `inseq` would end.
    Command(Failure),
    /// The cluster fails.
    Cluster(String),
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self::Command(failure)
    }
}

impl From<inseq_datasets::Error> for Problem {
    fn from(error: inseq_datasets::Error) -> Self {
        Self::Command(error.into())
    }
}

impl Problem {
    /// An error of Ballista, with what it was doing.
    pub fn of(doing: &str, error: &BallistaError) -> Self {
        Self::Cluster(format!("{doing}: {error}"))
    }

    /// An error of the system, with what was being done.
    pub fn of_system(doing: &str, error: &std::io::Error) -> Self {
        Self::Cluster(format!("{doing}: {error}"))
    }
}
