//! `inseq cite`: the answer to a prompt with its sources.

mod arguments;
mod documents;
mod shown;

use std::io::Write as _;
use std::time::Instant;

use inseq_core::{CitationRule, Citations};
use inseq_viz::html::{CitationsOptions, render_citations};

pub use arguments::CiteArguments;

use crate::failure::Failure;
use crate::model::load;
use crate::output::{self, Destination};
use crate::picture_format::Format;
use crate::progress::{Bar, watch_interrupts};
use crate::warnings::Warnings;

/// Runs the command.
pub fn run(arguments: &CiteArguments) -> Result<(), Failure> {
    check_places(arguments)?;
    let rule = CitationRule::default().most(arguments.top_sources).least_share(arguments.least_share);
    let request = arguments.request()?;
    let verbosity = &arguments.verbosity;
    let model = load(&arguments.model, verbosity)?;
    verbosity.say(|| format!("loaded {} on {:?}", model.name(), model.device()));
    let interrupted = watch_interrupts()?;
    let started = Instant::now();
    let citations = {
        let bar = Bar::new(interrupted);
        model.cite_with_progress(&request, &mut |progress| bar.update(progress))?
    };
    Warnings::default().say(&citations.warnings);
    verbosity.say(|| format!("scored {} sources by {}", citations.sources.len(), citations.method));
    verbosity.say_more(|| format!("{} forwards took {:.2?}", citations.forwards, started.elapsed()));
    write(arguments, &rule, &citations)
}

/// Checks, before the work, that the results can be written.
fn check_places(arguments: &CiteArguments) -> Result<(), Failure> {
    let (save, page) = (arguments.save_path.as_ref(), arguments.viz_path.as_ref());
    output::check_places([("--save-path", save), ("--viz-path", page)])?;
    if let Some(Destination::File(path)) = page
        && Format::of_file(path)? != Format::Html
    {
        return Err(Failure::Argument(format!("{}: citations are drawn as a page; name a .html file", path.display())));
    }
    save.into_iter().chain(page).try_for_each(Destination::check_writable)
}

/// Writes the files, then what goes to standard output.
fn write(arguments: &CiteArguments, rule: &CitationRule, citations: &Citations) -> Result<(), Failure> {
    let page = || {
        let mut options = CitationsOptions::default().rule(*rule).theme(arguments.theme);
        options.title.clone_from(&arguments.prompt.question);
        render_citations(citations, &options)
    };
    if let Some(Destination::File(path)) = &arguments.save_path {
        citations.save(path)?;
    }
    if let Some(Destination::File(path)) = &arguments.viz_path {
        let page = page()?;
        inseq_core::write_whole(path, true, |file| Ok(file.write_all(page.as_bytes())?))?;
    }
    match (&arguments.save_path, &arguments.viz_path) {
        (Some(Destination::Standard), _) => {
            let mut bytes = Vec::new();
            citations.write(&mut bytes)?;
            bytes.push(b'\n');
            output::print(&bytes)
        }
        (_, Some(Destination::Standard)) => output::print(page()?.as_bytes()),
        _ if arguments.hide => Ok(()),
        _ => output::print(shown::shown(citations, rule).as_bytes()),
    }
}
