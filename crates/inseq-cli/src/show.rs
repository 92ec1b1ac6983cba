//! `inseq show`: a saved result as a picture.

use std::io;

use inseq_core::{AttributionResult, LoadOptions};

use crate::aggregation::Aggregation;
use crate::arguments::ShowArguments;
use crate::failure::Failure;
use crate::output;
use crate::picture::Pictures;

/// Runs the command.
pub fn run(arguments: &ShowArguments) -> Result<(), Failure> {
    let pictures = Pictures::of(&arguments.picture)?;
    let aggregation = Aggregation::of(&arguments.picture)?;
    let result = if output::is_standard(&arguments.file) {
        AttributionResult::read(io::stdin().lock(), &LoadOptions::default())?
    } else {
        AttributionResult::load(&arguments.file)?
    };
    pictures.save(&result, &aggregation)?;
    pictures.print(&result, &aggregation)
}
