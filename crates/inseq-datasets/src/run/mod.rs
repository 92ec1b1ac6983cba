//! Attribution of the rows of a dataset: part by part into a folder, or collected into one result.

mod collect;
mod describe;
mod news;
mod part;
mod parts;
mod shard;
mod whole;

pub use collect::{Collected, collect};
pub use describe::{describe, model_facts};
pub use news::{News, RunProgress};
pub use parts::{Run, Summary};
pub use shard::Shard;
pub use whole::Aggregate;
