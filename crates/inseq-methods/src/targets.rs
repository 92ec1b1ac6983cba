//! What is attributed: texts as ids, generated where they are not given.

use inseq_models::tokenizer::Role;

use crate::reading::{Fitting, Text};
use crate::request::{AttributionRequest, ProgressCallback};
use crate::{AttributionModel, Error, Result};

/// A text as ids.
pub(crate) struct Target {
    pub(crate) source: Vec<u32>,
    pub(crate) target: Vec<u32>,
    pub(crate) text: String,
    /// Why there may be nothing of it to attribute, one clause each.
    pub(crate) notes: Vec<String>,
}

/// The texts of a call.
pub(crate) struct Targets {
    pub(crate) texts: Vec<Target>,
    /// What whoever reads the result should know, one sentence each.
    pub(crate) warnings: Vec<String>,
}

impl AttributionModel {
    /// Source ids and whole target ids of each text, generated where they are not given.
    pub(crate) fn targets(&self, request: &AttributionRequest, progress: ProgressCallback) -> Result<Targets> {
        let inputs = &request.input_texts;
        if inputs.is_empty() {
            return Err(Error::Argument("there is no input text; give at least one".into()));
        }
        if request.batch_size == Some(0) {
            return Err(Error::Argument("`batch_size` must be at least 1, found 0".into()));
        }
        let counts =
            [request.generated_texts.as_ref().map(Vec::len), request.generated_token_ids.as_ref().map(Vec::len)];
        if let Some(count) = counts.into_iter().flatten().find(|count| *count != inputs.len()) {
            return Err(Error::Argument(format!(
                "{count} generated texts are given for {} input texts; give one for each",
                inputs.len()
            )));
        }
        let decoder_only = self.model().is_decoder_only();
        // A decoder-only model has nothing but a prefix to go on from.
        let goes_on = request.generate_from_target_prefix && !decoder_only;
        if goes_on && counts == [None, None] {
            return Err(Error::Argument("`generate_from_target_prefix` needs `generated_texts` to go on from".into()));
        }
        let special = !request.skip_special_tokens;
        let mut warnings: Vec<String> = self.unused_options(request).map(str::to_owned).collect();
        // What is said of a prompt alone is said of what follows it, too.
        let given = self.given_targets(request, special && !goes_on, &mut warnings)?;
        let mut sources = Vec::new();
        let mut notes: Vec<Vec<String>> = match &given {
            Some(given) => given.iter().map(|given| given.cut.iter().cloned().collect()).collect(),
            None => vec![Vec::new(); inputs.len()],
        };
        for (index, text) in inputs.iter().enumerate() {
            if !decoder_only && text.trim().is_empty() {
                return Err(Error::Argument(format!(
                    "input text {} is empty; an encoder-decoder model needs something to read",
                    index + 1
                )));
            }
            if decoder_only && text.ends_with(' ') {
                warnings.push(format!(
                    "input text {} ends in a space: most models read a space as the start of the word that follows, and \
                     rarely saw one alone",
                    index + 1
                ));
            }
            let first = self.first_of(text, special, index)?;
            let input = Text { what: "input", index, text, role: Role::Source, add_special_tokens: special, first };
            sources.push(match given.as_ref().filter(|_| decoder_only) {
                Some(given) => self.without_start(input, given[index].lost_at_start)?,
                None => {
                    let fitting = self.fitting(input, request.truncate, &mut warnings)?;
                    notes[index].extend(fitting.cut);
                    fitting.ids
                }
            });
        }
        let targets = match given {
            Some(given) if !goes_on => given.into_iter().map(|given| given.ids).collect(),
            prefixes => {
                let prefixes: Option<Vec<_>> = prefixes.map(|given| given.into_iter().map(|given| given.ids).collect());
                let config = self.generation.merge(&request.generation_args)?;
                warnings.extend(config.warnings());
                let generated = self.generate_ids(&sources, prefixes.as_deref(), &config, progress);
                let generated = generated.map_err(|error| match notes.concat() {
                    notes if !notes.is_empty() && !matches!(error, Error::Cancelled) => {
                        Error::Argument(format!("{error} ({})", notes.join("; ")))
                    }
                    _ => error,
                })?;
                generated.into_iter().map(|generated| generated.ids).collect::<Vec<_>>()
            }
        };
        let texts = sources.into_iter().zip(targets).zip(notes).map(|((source, target), mut notes)| {
            let text = self.decode(&target, Role::Target, true)?;
            // A text that was cut may end in its prompt.
            if decoder_only && !target.starts_with(&source) && !source.starts_with(&target) {
                let (alone, all) = (source.len(), target.len());
                let merged =
                    format!("the last tokens of the prompt and the first of what follows are written as one in {text:?}");
                let note = match alone < all {
                    true => format!("{merged}; attribution starts after the first {alone} tokens, as many as the prompt has alone"),
                    false => format!(
                        "{merged}: that are {all} tokens, and the prompt alone has {alone}, so that no token comes after it; end \
                         the prompt where a token of the text ends, without a space"
                    ),
                };
                warnings.push(note.clone());
                notes.push(note);
            }
            Ok(Target { source, target, text, notes })
        });
        let texts = texts.collect::<Result<_>>()?;
        Ok(Targets { texts, warnings })
    }

    /// What to say of options that the model, or the rest of the call, makes no use of.
    pub(crate) fn unused_options(&self, request: &AttributionRequest) -> impl Iterator<Item = &'static str> {
        let decoder_only = self.model().is_decoder_only();
        let goes_on = request.generate_from_target_prefix && !decoder_only;
        let are_given = request.gives_targets() && !goes_on;
        let each = [
            (
                decoder_only && request.generate_from_target_prefix,
                "`generate_from_target_prefix` has no effect: a decoder-only model goes on from its prompt",
            ),
            (
                are_given && !request.generation_args.is_empty(),
                "arguments of the generation have no effect: the generated texts are given",
            ),
        ];
        each.into_iter().filter_map(|(is_unused, warning)| is_unused.then_some(warning))
    }

    /// The targets, or target prefixes, that are given.
    fn given_targets(
        &self,
        request: &AttributionRequest,
        add_special_tokens: bool,
        warnings: &mut Vec<String>,
    ) -> Result<Option<Vec<Fitting>>> {
        if let Some(ids) = &request.generated_token_ids {
            let given = ids.iter().enumerate().map(|(index, ids)| self.given_ids(ids.clone(), index));
            return given.collect::<Result<Vec<_>>>().map(Some);
        }
        let Some(given) = &request.generated_texts else { return Ok(None) };
        let decoder_only = self.model().is_decoder_only();
        let fitting = given.iter().zip(&request.input_texts).enumerate().map(|(index, (text, input))| {
            if decoder_only && !text.starts_with(input) {
                return Err(Error::Argument(format!(
                    "generated text {} must start with its input text, since a decoder-only model goes on from it: \
                     {text:?} does not start with {input:?}",
                    index + 1
                )));
            }
            let first = self.first_of(input, add_special_tokens, index)?;
            let target = Text { what: "generated", index, text, role: Role::Target, add_special_tokens, first };
            self.fitting(target, request.truncate, warnings)
        });
        fitting.collect::<Result<Vec<_>>>().map(Some)
    }

    /// The token that a text starts with where its prompt is empty: a decoder-only model needs something to start from.
    fn first_of(&self, prompt: &str, add_special_tokens: bool, index: usize) -> Result<Option<u32>> {
        if !self.model().is_decoder_only() || !prompt.is_empty() {
            return Ok(None);
        }
        let bos = self.special_tokens().bos;
        if bos.is_none() && self.encode("", Role::Source, add_special_tokens)?.is_empty() {
            return Err(Error::Argument(format!(
                "input text {} is empty, and the tokenizer has no beginning-of-sequence token to start from",
                index + 1
            )));
        }
        Ok(bos)
    }
}
