//! `inseq attribute-context`: which tokens of an output depend on its context, and on which tokens of the context.

mod arguments;
mod conversation;

use std::io::{self, IsTerminal as _};
use std::ops::ControlFlow;

pub use arguments::AttributeContextArguments;
use inseq_core::{AttributionResult, Info, SequenceAttribution};
use inseq_methods::{ContextDialogue, ContextOutcome, NoDialogue, Progress};
use inseq_viz::figure::FigureOptions;
use inseq_viz::html::{self, HtmlOptions};
use inseq_viz::scale::Theme;
use inseq_viz::terminal::{self, TerminalOptions};

use crate::failure::Failure;
use crate::model::load;
use crate::output::{self, Destination};
use crate::picture_file;
use crate::picture_format::Format;
use crate::progress::{Bar, watch_interrupts};
use crate::warnings::Warnings;
use conversation::{Asking, Conversation};

/// Runs the command.
pub fn run(arguments: &AttributeContextArguments) -> Result<(), Failure> {
    let output = &arguments.output;
    let file = output.checked()?;
    let request = arguments.request()?;
    let model = load(&arguments.model, &arguments.verbosity)?;
    let interrupted = watch_interrupts()?;
    let ContextOutcome { mut attribution, sensitivity, cues, .. } = {
        let bar = Bar::new(interrupted);
        let progress = &mut |news: Progress| -> ControlFlow<()> { bar.update(news) };
        let mut person = Asking { bar: &bar, person: Conversation::new(io::stdin().lock(), io::stderr()) };
        let is_there = io::stdin().is_terminal() && io::stderr().is_terminal();
        let dialogue: &mut dyn ContextDialogue = if is_there { &mut person } else { &mut NoDialogue };
        model.attribute_context_with(&request, dialogue, progress)?
    };
    let selected = attribution.cci_scores.len();
    arguments.verbosity.say(|| format!("{selected} of {} tokens are context-sensitive", attribution.cti_scores.len()));
    if let Some(info) = &mut attribution.info {
        Warnings::default().say(&info.warnings);
        info.arguments.extend(arguments.facts());
    }
    let picture = match output.is_shown() {
        true => Some(terminal::render_context(&attribution, &options(arguments))?),
        false => None,
    };
    let drawn = match file.map(|file| file.format) {
        Some(Format::Html) => html::render_context(&attribution, &HtmlOptions::default())?.into_bytes(),
        Some(format) => picture_file::figure(format, &attribution, &FigureOptions::default().theme(Theme::Light))?,
        None => Vec::new(),
    };
    if !output.has_info() {
        attribution.info = None;
    }
    match &output.save_path {
        Some(Destination::File(path)) => {
            attribution.save(path, true)?;
            arguments.verbosity.say(|| format!("saved {}", path.display()));
        }
        Some(Destination::Standard) => {
            let mut json = Vec::new();
            attribution.write(&mut json)?;
            output::print(&json)?;
        }
        None => {}
    }
    if let Some(file) = file {
        file.write(&drawn)?;
    }
    let is_free = [&output.save_path, &output.viz_path].iter().all(|place| **place != Some(Destination::Standard));
    if output.show_intermediate_outputs && is_free {
        for sequences in [sensitivity, cues] {
            show(sequences, arguments)?;
        }
    }
    picture.map_or(Ok(()), |picture| output::print(picture.as_bytes()))
}

/// Options of pictures on standard output.
fn options(arguments: &AttributeContextArguments) -> TerminalOptions {
    let detected = TerminalOptions::detect();
    let colors = arguments.output.color.of(detected.colors);
    detected.colors(colors)
}

/// Shows attributions, one below the other.
fn show(sequences: Vec<SequenceAttribution>, arguments: &AttributeContextArguments) -> Result<(), Failure> {
    if sequences.is_empty() {
        return Ok(());
    }
    let sequences = sequences.iter().map(SequenceAttribution::aggregate).collect::<Result<_, _>>()?;
    let result = AttributionResult { sequences, steps: None, info: Info::default() };
    output::print(format!("{}\n", terminal::render(&result, &options(arguments))?).as_bytes())
}
