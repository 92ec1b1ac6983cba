//! What is attributed: texts as ids, generated where they are not given.

use inseq_models::tokenizer::Role;

use crate::request::{AttributionRequest, ProgressCallback};
use crate::{AttributionModel, Error, Result};

/// A text as ids.
pub(crate) struct Target {
    pub(crate) source: Vec<u32>,
    pub(crate) target: Vec<u32>,
    pub(crate) text: String,
    /// What whoever reads the result should know.
    pub(crate) warning: Option<String>,
}

impl AttributionModel {
    /// Source ids and whole target ids of each text, generated where they are not given.
    pub(crate) fn targets(&self, request: &AttributionRequest, progress: ProgressCallback) -> Result<Vec<Target>> {
        let inputs = &request.input_texts;
        if inputs.is_empty() {
            return Err(Error::Argument("there is no input text; give at least one".into()));
        }
        if let Some(given) = &request.generated_texts
            && given.len() != inputs.len()
        {
            return Err(Error::Argument(format!(
                "{} generated texts are given for {} input texts; give one for each",
                given.len(),
                inputs.len()
            )));
        }
        let decoder_only = self.model().encoder.is_none();
        // A decoder-only model has nothing but a prefix to go on from.
        let goes_on = request.generate_from_target_prefix && !decoder_only;
        if goes_on && request.generated_texts.is_none() {
            return Err(Error::Argument("`generate_from_target_prefix` needs `generated_texts` to go on from".into()));
        }
        let special = !request.skip_special_tokens;
        let sources = inputs
            .iter()
            .enumerate()
            .map(|(index, text)| {
                if text.trim().is_empty() && !decoder_only {
                    return Err(Error::Argument(format!(
                        "input text {} is empty; an encoder-decoder model needs something to read",
                        index + 1
                    )));
                }
                let mut ids = self.encode(text, Role::Source, special)?;
                let mut positions = self.model().max_source_positions();
                if decoder_only {
                    positions = self.model().max_target_positions();
                    if ids.is_empty() {
                        ids = vec![self.first_token(index)?];
                    }
                }
                self.fit(ids, positions, "input", index, request)
            })
            .collect::<Result<Vec<_>>>()?;
        let encode_given = |special: bool| -> Result<Option<Vec<Vec<u32>>>> {
            let Some(given) = &request.generated_texts else { return Ok(None) };
            let encoded = given.iter().enumerate().map(|(index, text)| {
                let mut ids = self.encode(text, Role::Target, special)?;
                if decoder_only && !text.starts_with(&inputs[index]) {
                    return Err(Error::Argument(format!(
                        "generated text {} must start with its input text, since a decoder-only model goes on from it: \
                         {text:?} does not start with {:?}",
                        index + 1,
                        inputs[index]
                    )));
                }
                if decoder_only && inputs[index].is_empty() && self.special_tokens().bos != ids.first().copied() {
                    ids.insert(0, self.first_token(index)?);
                }
                self.fit(ids, self.model().max_target_positions(), "generated", index, request)
            });
            encoded.collect::<Result<Vec<_>>>().map(Some)
        };
        let targets = match encode_given(special && !goes_on)? {
            Some(given) if !goes_on => given,
            prefixes => self
                .generate_ids(&sources, prefixes.as_deref(), &request.generation_args, progress)?
                .into_iter()
                .map(|generated| generated.ids)
                .collect(),
        };
        sources
            .into_iter()
            .zip(targets)
            .map(|(source, target)| {
                let text = self.decode(&target, Role::Target, true)?;
                let warning = (decoder_only && !target.starts_with(&source)).then(|| {
                    format!(
                        "the last tokens of the prompt and the first of what follows are written as one in {text:?}; \
                         attribution starts after the {} tokens that the prompt has alone",
                        source.len()
                    )
                });
                Ok(Target { source, target, text, warning })
            })
            .collect()
    }

    /// What to say of options that the model, or the rest of the call, makes no use of.
    pub(crate) fn unused_options(&self, request: &AttributionRequest) -> impl Iterator<Item = &'static str> {
        let decoder_only = self.model().encoder.is_none();
        let goes_on = request.generate_from_target_prefix && !decoder_only;
        let are_given = request.generated_texts.is_some() && !goes_on;
        let each = [
            (
                decoder_only && request.attribute_target,
                "`attribute_target` has no effect: a decoder-only model has nothing else to attribute",
            ),
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

    /// What an empty prompt becomes: a decoder needs something to start from.
    fn first_token(&self, index: usize) -> Result<u32> {
        self.special_tokens().bos.ok_or_else(|| {
            Error::Argument(format!(
                "input text {} is empty, and the tokenizer has no beginning-of-sequence token to start from",
                index + 1
            ))
        })
    }

    /// Refuses, or cuts, what the model has no positions for.
    pub(crate) fn fit(
        &self,
        mut ids: Vec<u32>,
        positions: Option<usize>,
        what: &str,
        index: usize,
        request: &AttributionRequest,
    ) -> Result<Vec<u32>> {
        let Some(positions) = positions.filter(|&positions| ids.len() > positions) else { return Ok(ids) };
        if !request.truncate {
            return Err(Error::Argument(format!(
                "{what} text {} has {} tokens, but the model has {positions} positions; shorten it, or let it be cut \
                 with `truncate`",
                index + 1,
                ids.len()
            )));
        }
        let end = ids.last().copied();
        ids.truncate(positions);
        if let (Some(last), Some(end)) = (ids.last_mut(), end.filter(|id| self.special_tokens().eos == Some(*id))) {
            *last = end;
        }
        Ok(ids)
    }
}
