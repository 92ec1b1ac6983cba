//! The process that works on a part.

use std::process::Command;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

/// A process of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Process {
    /// Name of the machine.
    pub host: String,
    /// Identity of the running system. Processes of different containers on one system share it.
    pub machine: String,
    /// Number of the process.
    pub pid: u32,
}

impl Process {
    /// This process.
    pub fn this() -> Self {
        static MACHINE: OnceLock<(String, String)> = OnceLock::new();
        let (host, machine) = MACHINE.get_or_init(|| {
            let read = |path| std::fs::read_to_string(path).ok().map(|text: String| text.trim().to_owned());
            let said =
                || Some(String::from_utf8_lossy(&Command::new("hostname").output().ok()?.stdout).trim().to_owned());
            let host = read("/proc/sys/kernel/hostname").or_else(said).unwrap_or_default();
            let machine = read("/proc/sys/kernel/random/boot_id").unwrap_or_else(|| host.clone());
            (host, machine)
        });
        Self { host: host.clone(), machine: machine.clone(), pid: std::process::id() }
    }

    /// Whether the process runs, or ran, on this machine.
    pub(super) fn is_here(&self) -> bool {
        !self.machine.is_empty() && self.machine == Self::this().machine
    }
}

impl std::fmt::Display for Process {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "process {} on {}", self.pid, self.host)
    }
}

/// The time in RFC 3339, to the second.
pub(super) fn now() -> String {
    chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
