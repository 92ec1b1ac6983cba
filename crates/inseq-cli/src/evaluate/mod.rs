//! `inseq evaluate`: how faithful methods are to a model.

mod arguments;
mod page;
mod recommend;
mod shown;

use std::io::Write as _;
use std::time::Instant;

use inseq_core::Evaluation;

pub use arguments::EvaluateArguments;
use arguments::PageFormat;
pub use recommend::{RecommendArguments, run as recommend};

use crate::failure::Failure;
use crate::input;
use crate::model::load;
use crate::output::{self, Destination};
use crate::progress::{Bar, watch_interrupts};
use crate::warnings::Warnings;

/// Runs the command.
pub fn run(arguments: &EvaluateArguments) -> Result<(), Failure> {
    input::check_one_standard(arguments.inputs())?;
    let (save, picture) = (arguments.save_path.as_ref(), arguments.viz_path.as_ref());
    output::check_places([("--save-path", save), ("--viz-path", picture)])?;
    save.into_iter().try_for_each(|save| save.check_json("--save-path"))?;
    let format = picture.map(|picture| arguments.format_of(picture)).transpose()?;
    picture.into_iter().try_for_each(Destination::check_writable)?;
    let request = arguments.request()?;
    let verbosity = &arguments.verbosity;
    let model = load(&arguments.model, verbosity)?;
    verbosity.say(|| format!("loaded {} on {:?}", model.name(), model.device()));
    let interrupted = watch_interrupts()?;
    let started = Instant::now();
    let evaluation = {
        let bar = Bar::new(interrupted);
        model.evaluate_with_progress(&request, &mut |progress| bar.update(progress))?
    };
    Warnings::default().say(&evaluation.warnings);
    verbosity.say_more(|| {
        format!("{} forwards with removed tokens; all took {:.2?}", evaluation.forwards, started.elapsed())
    });
    write(arguments, format, &evaluation)
}

/// Writes the files, then what goes to standard output.
fn write(arguments: &EvaluateArguments, format: Option<PageFormat>, evaluation: &Evaluation) -> Result<(), Failure> {
    let mut outputs: Vec<(&Destination, Vec<u8>)> = Vec::new();
    if let Some(place) = &arguments.save_path {
        let mut bytes = Vec::new();
        evaluation.write(&mut bytes)?;
        bytes.push(b'\n');
        outputs.push((place, bytes));
    }
    if let (Some(place), Some(format)) = (&arguments.viz_path, format) {
        let picture = match format {
            PageFormat::Html => page::page(evaluation)?,
            PageFormat::Tex => shown::latex(evaluation),
        };
        outputs.push((place, picture.into_bytes()));
    }
    let mut is_shown = true;
    for (place, bytes) in outputs {
        match place {
            Destination::File(path) => inseq_core::write_whole(path, true, |file| Ok(file.write_all(&bytes)?))?,
            Destination::Standard => {
                is_shown = false;
                output::print(&bytes)?;
            }
        }
    }
    match is_shown {
        true => output::print(shown::table(evaluation).as_bytes()),
        false => Ok(()),
    }
}
