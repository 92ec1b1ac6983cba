//! `inseq show`: a saved result as a picture.

use std::io;

use inseq_core::{AttributionResult, LoadOptions};

use crate::aggregation::Aggregation;
use crate::arguments::ShowArguments;
use crate::failure::Failure;
use crate::output;

/// Runs the command.
pub fn run(arguments: &ShowArguments) -> Result<(), Failure> {
    output::check_folder(arguments.picture.viz_path.as_deref())?;
    let aggregation = Aggregation::of(&arguments.picture)?;
    let result = if output::is_standard(&arguments.file) {
        AttributionResult::read(io::stdin().lock(), &LoadOptions::default())?
    } else {
        AttributionResult::load(&arguments.file)?
    };
    let shown = aggregation.apply(&result)?;
    output::save_page(&shown, &arguments.picture)?;
    output::print_map(&shown, arguments.picture.color)
}
