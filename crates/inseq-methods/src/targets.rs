//! The targets of a call: given or generated texts as ids.

use std::ops::Range;

use inseq_core::{TextKind, TextName, Warning};
use inseq_models::generation::GenerationConfig;
use inseq_models::tokenizer::Role;
use rayon::prelude::*;

use crate::progress::ProgressCallback;
use crate::reading::{Fitting, Text};
use crate::texts::Texts;
use crate::{Error, Result};

/// A text as ids.
pub(crate) struct Target {
    pub(crate) source: Vec<u32>,
    pub(crate) target: Vec<u32>,
    pub(crate) text: String,
    /// Reasons why the text may have nothing to attribute, one clause each.
    pub(crate) notes: Vec<String>,
}

/// Reads given texts, and generates the others.
pub(crate) struct Targets<'c> {
    pub(crate) texts: &'c Texts<'c>,
    /// Generation configuration; `None` if targets are given.
    pub(crate) generation: Option<&'c GenerationConfig>,
}

impl Targets<'_> {
    /// Source ids and whole target ids of some texts.
    ///
    /// # Errors
    /// A text is invalid, or the call is cancelled.
    pub(crate) fn of(
        &self,
        range: Range<usize>,
        progress: ProgressCallback,
        warnings: &mut Vec<Warning>,
    ) -> Result<Vec<Target>> {
        let model = self.texts.model;
        let decoder_only = model.model().is_decoder_only();
        // What is said of a prompt alone is said of what follows it, too.
        let given = self.given(range.clone(), warnings)?;
        let mut notes: Vec<Vec<String>> = match &given {
            Some(given) => given.iter().map(|given| given.cut.iter().cloned().collect()).collect(),
            None => vec![Vec::new(); range.len()],
        };
        let read = |index: usize, warnings: &mut Vec<Warning>| {
            self.source(index, given.as_ref().map(|given| &given[index - range.start]), warnings)
        };
        let read = each(range.clone(), warnings, read)?;
        let (sources, cuts): (Vec<_>, Vec<_>) = read.into_iter().unzip();
        for (notes, cut) in notes.iter_mut().zip(cuts) {
            notes.extend(cut);
        }
        let given: Option<Vec<_>> = given.map(|given| given.into_iter().map(|given| given.ids).collect());
        let targets = match (given, self.generation) {
            (Some(targets), None) => targets,
            (prefixes, generation) => {
                let config = generation.unwrap_or(model.generation());
                if range.start == 0 {
                    warnings.extend(config.warnings().into_iter().map(Warning::from));
                }
                let generated = model.generate_ids(&sources, prefixes.as_deref(), config, progress);
                let generated = generated.map_err(|error| match notes.concat() {
                    notes if !notes.is_empty() => error.noted(&notes.join("; ")),
                    _ => error,
                });
                let generated = generated.map_err(|error| error.among(range.start))?;
                generated.into_iter().map(|generated| generated.ids).collect::<Vec<_>>()
            }
        };
        let texts = range.zip(sources).zip(targets).zip(notes);
        let targets = texts.map(|(((index, source), target), mut notes)| {
            let text = model.decode(&target, Role::Target, true)?;
            // A text that was cut may end in its prompt.
            if decoder_only && !target.starts_with(&source) && !source.starts_with(&target) {
                let (alone, all) = (source.len(), target.len());
                let merged =
                    format!("the last tokens of the prompt and the first of what follows are written as one in {text:?}");
                let note = match alone < all {
                    true => {
                        format!("{merged}; attribution starts after the first {alone} tokens, as many as the prompt has alone")
                    }
                    false => format!(
                        "{merged}: that are {all} tokens, and the prompt alone has {alone}, so that no token comes after it; end \
                         the prompt where a token of the text ends, without a space"
                    ),
                };
                warnings.push(Warning::about(TextName::new(TextKind::Attributed, index), format!(": {note}")));
                notes.push(note);
            }
            Ok(Target { source, target, text, notes })
        });
        targets.collect()
    }

    /// The texts that cannot be read: the index of each, and why. Nothing is generated.
    pub(crate) fn refusals(&self) -> Vec<(usize, Error)> {
        let refusal = |index: usize| {
            let mut said = Vec::new();
            let given = self.given(index..index + 1, &mut said);
            let read = given.and_then(|given| self.source(index, given.as_ref().and_then(|g| g.first()), &mut said));
            read.err().map(|error| (index, error))
        };
        (0..self.texts.len()).into_par_iter().filter_map(refusal).collect()
    }

    /// The source ids of a text with its given target, and a note if the text was cut.
    fn source(
        &self,
        index: usize,
        given: Option<&Fitting>,
        warnings: &mut Vec<Warning>,
    ) -> Result<(Vec<u32>, Option<String>)> {
        let (texts, model) = (self.texts, self.texts.model);
        let decoder_only = model.model().is_decoder_only();
        let text = &texts.inputs[index];
        let name = TextName::new(TextKind::Input, index);
        if !decoder_only && !texts.empty_inputs && text.trim().is_empty() {
            let problem = "is empty; an encoder-decoder model needs something to read";
            return Err(Error::of_text("input_texts", name, problem));
        }
        if decoder_only && text.ends_with(' ') {
            warnings.push(Warning::about(
                name,
                "ends in a space: most models read a space as the start of the word that follows, and rarely saw one alone",
            ));
        }
        let first = self.first_of(text, texts.add_special_tokens, index)?;
        let add_special_tokens = texts.add_special_tokens;
        let input = Text { name, text, role: Role::Source, add_special_tokens, first };
        match given.filter(|_| decoder_only) {
            Some(given) => Ok((model.without_start(input, given.lost_at_start)?, None)),
            None => model.fitting(input, texts.truncate, warnings).map(|fitting| (fitting.ids, fitting.cut)),
        }
    }

    /// The given targets or target prefixes.
    fn given(&self, range: Range<usize>, warnings: &mut Vec<Warning>) -> Result<Option<Vec<Fitting>>> {
        let (texts, model) = (self.texts, self.texts.model);
        if let Some(ids) = texts.ids {
            let given = range.map(|index| model.given_ids(ids[index].clone(), index));
            return given.collect::<Result<Vec<_>>>().map(Some);
        }
        let Some(given) = &texts.generated else { return Ok(None) };
        let decoder_only = model.model().is_decoder_only();
        let add_special_tokens = texts.add_special_tokens && !texts.goes_on;
        let fitting = |index: usize, warnings: &mut Vec<Warning>| {
            let (text, input) = (&given[index], &texts.inputs[index]);
            let name = TextName::new(TextKind::Generated, index);
            if decoder_only && !text.starts_with(input) {
                return Err(Error::of_text(
                    "generated_texts",
                    name,
                    format!(
                        "must start with its input text, since a decoder-only model goes on from it: {text:?} does not start with \
                         {input:?}"
                    ),
                ));
            }
            let first = self.first_of(input, add_special_tokens, index)?;
            let target = Text { name, text, role: Role::Target, add_special_tokens, first };
            model.fitting(target, texts.truncate, warnings)
        };
        each(range, warnings, fitting).map(Some)
    }

    /// The first token of a text with an empty prompt, because a decoder-only model needs a token to start with.
    fn first_of(&self, prompt: &str, add_special_tokens: bool, index: usize) -> Result<Option<u32>> {
        let model = self.texts.model;
        if !model.model().is_decoder_only() || !prompt.is_empty() {
            return Ok(None);
        }
        let bos = model.special_tokens().bos;
        if bos.is_none() && model.encode("", Role::Source, add_special_tokens)?.is_empty() {
            return Err(Error::of_text(
                "input_texts",
                TextName::new(TextKind::Input, index),
                "is empty, and the tokenizer has no beginning-of-sequence token to start from",
            ));
        }
        Ok(bos)
    }
}

/// Reads texts on all cores. What is said of them is in their order, and so is the first error.
fn each<T: Send>(
    range: Range<usize>,
    warnings: &mut Vec<Warning>,
    read: impl Fn(usize, &mut Vec<Warning>) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let read = range.into_par_iter().map(|index| {
        let mut said = Vec::new();
        (read(index, &mut said), said)
    });
    let read: Vec<_> = read.collect();
    let in_order = read.into_iter().map(|(text, said)| {
        warnings.extend(said);
        text
    });
    in_order.collect()
}
