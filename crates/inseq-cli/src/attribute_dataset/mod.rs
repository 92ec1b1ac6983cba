//! `inseq attribute-dataset`: rows of a dataset in; a folder of results, or one file, out.

mod arguments;
mod estimate;
mod folder;
mod one_result;
mod progress;
mod sharding;

pub use arguments::{AttributeDatasetArguments, Place, ProgressStyle};
pub use folder::FolderRun;
pub use progress::Reporter;

use crate::failure::Failure;

/// Runs the command.
pub fn run(arguments: &AttributeDatasetArguments) -> Result<(), Failure> {
    arguments.check()?;
    match arguments.place() {
        _ if arguments.call.dry_run => estimate::run(arguments),
        Place::Folder(folder) => folder::run(arguments, folder),
        Place::OneResult => one_result::run(arguments),
    }
}
