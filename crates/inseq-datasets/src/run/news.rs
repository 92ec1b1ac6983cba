//! News of a run.

/// News of a run for the person who waits.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum News {
    /// How far the run has come.
    Progress(RunProgress),
    /// A warning about the whole run, one line. Each is said once. Warnings about rows stand in the rows.
    Warning(String),
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunProgress {
    /// Rows that this process has attributed, including rows with an error.
    pub rows: u64,
    /// Rows among them that have an error.
    pub errors: u64,
    /// Rows of this process's shard that it does, as far as it knows: without the rows that were done before, or that other
    /// processes have.
    pub total: u64,
}

inseq_core::setters! {
    RunProgress { rows: u64, errors: u64, total: u64 }
}
