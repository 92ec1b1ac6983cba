//! The folder of results of a run.
//!
//! ```text
//! manifest.json                    what the run is: all that decides its results
//! sequences/part-00000.parquet     texts, tokens, step scores, warnings and error of each row
//! scores/part-00000.parquet        aggregated scores in long form
//! raw/part-00000.safetensors       scores before aggregation, if the run keeps them
//! done/00000.json                  completion record of a part, written last
//! ```
//!
//! Three more folders are there while processes work: `claims` says who works on a part, `staging` has the files of parts that are
//! not complete, and `commits` has the decision which files become a part.
//!
//! # How a part is completed
//!
//! 1. A process claims the part. A claim is a file that only one process can create, with the time of its last heartbeat as its age.
//! 2. It writes the files of the part into `staging`, under names that no other attempt has, and synchronizes them to the disk.
//! 3. It creates `commits/00000.json` with the names, sizes and hashes of these files. Only one process can create it, so this
//!    decides which attempt becomes the part, even if a process was thought dead and is not.
//! 4. The files move to their final names. Whoever finds a commit without a completion record repeats this step.
//! 5. `done/00000.json` is created, with the same content as the commit. Then claim, commit and other attempts are removed.
//!
//! In a folder, records and claims are written to a temporary name, synchronized, and renamed without replacing; in an object store they are
//! written on condition that there is no such object. A process may be killed, a disk may be full and a machine may lose power at any
//! moment: a part is complete with all its files, or it is attributed again.

mod claim;
mod completion;
mod folder;
mod load;
mod local;
#[cfg(feature = "cloud")]
mod lock;
mod manifest;
mod merge;
#[cfg(feature = "cloud")]
mod objects;
mod process;
mod results;
mod status;
mod storage;
mod tables;
mod ticket;

pub use claim::Claim;
pub use completion::{Completion, PartFile};
pub use load::Scores;
pub use manifest::{Manifest, ModelFacts};
pub use process::Process;
pub use results::Results;
pub use status::{Lost, PartState, Status, Work};

#[cfg(test)]
mod tests;
