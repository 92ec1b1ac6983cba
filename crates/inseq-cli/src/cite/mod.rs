//! `inseq cite`: the answer to a prompt with its sources.

mod arguments;
mod documents;
mod shown;

use std::time::Instant;

use inseq_core::{CitationRule, Citations};
use inseq_viz::figure::FigureOptions;
use inseq_viz::html::{CitationsOptions, render_citations};
use inseq_viz::scale::Theme;

pub use arguments::CiteArguments;

use crate::failure::Failure;
use crate::model::load;
use crate::output::{self, Destination};
use crate::picture_file::{self, PictureFile};
use crate::picture_format::Format;
use crate::progress::{Bar, watch_interrupts};
use crate::warnings::Warnings;

/// Runs the command.
pub fn run(arguments: &CiteArguments) -> Result<(), Failure> {
    let file = checked(arguments)?;
    let rule = arguments.rule();
    let request = arguments.request()?;
    let verbosity = &arguments.verbosity;
    let model = load(&arguments.model, verbosity)?;
    verbosity.say(|| format!("loaded {} on {:?}", model.name(), model.device()));
    let interrupted = watch_interrupts()?;
    if arguments.dry_run {
        let plan = model.plan_citations(&request)?;
        Warnings::default().say(&plan.warnings);
        return output::print(shown::planned(&plan).as_bytes());
    }
    let started = Instant::now();
    let citations = {
        let bar = Bar::new(interrupted);
        model.cite_with_progress(&request, &mut |progress| bar.update(progress))?
    };
    Warnings::default().say(&citations.warnings);
    verbosity.say(|| format!("scored {} sources by {}", citations.sources.len(), citations.method));
    verbosity.say_more(|| format!("{} forwards took {:.2?}", citations.forwards, started.elapsed()));
    write(arguments, file, rule, &citations)
}

/// Checks, before the work, that the results can be written. Returns the file of the picture.
fn checked(arguments: &CiteArguments) -> Result<Option<PictureFile<'_>>, Failure> {
    let (save, picture) = (arguments.save_path.as_ref(), arguments.viz_path.as_ref());
    if arguments.dry_run {
        output::check_dry_run([("--save-path", save), ("--viz-path", picture)])?;
    }
    output::check_places([("--save-path", save), ("--viz-path", picture)])?;
    save.into_iter().try_for_each(|save| save.check_json("--save-path"))?;
    PictureFile::of(picture, arguments.viz_format)
}

/// Writes the files, then what goes to standard output.
fn write(
    arguments: &CiteArguments,
    file: Option<PictureFile>,
    rule: CitationRule,
    citations: &Citations,
) -> Result<(), Failure> {
    match &arguments.save_path {
        Some(Destination::File(path)) => citations.save(path)?,
        Some(Destination::Standard) => {
            let mut bytes = Vec::new();
            citations.write(&mut bytes)?;
            bytes.push(b'\n');
            output::print(&bytes)?;
        }
        None => {}
    }
    if let Some(file) = file {
        file.write(&picture(arguments, file.format, rule, citations)?)?;
    }
    let places = [&arguments.save_path, &arguments.viz_path];
    match arguments.hide || places.iter().any(|place| **place == Some(Destination::Standard)) {
        true => Ok(()),
        false => output::print(shown::shown(citations, &rule).as_bytes()),
    }
}

/// The picture of an answer with its sources.
fn picture(
    arguments: &CiteArguments,
    format: Format,
    rule: CitationRule,
    citations: &Citations,
) -> Result<Vec<u8>, Failure> {
    if format != Format::Html {
        let mut options = FigureOptions::default().theme(arguments.theme.unwrap_or(Theme::Light));
        options.view.title.clone_from(&arguments.prompt.question);
        return picture_file::figure(format, (citations, rule), &options);
    }
    let mut options = CitationsOptions::default().rule(rule).theme(arguments.theme);
    options.title.clone_from(&arguments.prompt.question);
    Ok(render_citations(citations, &options)?.into_bytes())
}
