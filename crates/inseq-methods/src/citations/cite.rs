//! The `cite` call.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::ControlFlow;

use inseq_core::{Citations, CitedSentence, Piece, Warning};
use inseq_models::generation::GenerationConfig;
use inseq_models::tokenizer::Role;
use serde_json::{Map, Value};

use super::answer::Answer;
use super::context::CitationContext;
use super::method::CitationScores;
use super::prompt::{Mask, Prompt};
use super::request::CitationRequest;
use super::variants::{Ids, Variants, prompt_ids, too_long};
use crate::attribution_model::AttributionModel;
use crate::engine::Engine;
use crate::loading::checked_budget;
use crate::progress::{Progress, ProgressCallback};
use crate::targets::Targets;
use crate::text_model::TextModel;
use crate::texts::Texts;
use crate::{Error, Result};

/// Largest number of tokens of an answer, where neither the request nor the model says another.
const NEW_TOKENS: usize = 256;

impl AttributionModel {
    /// Scores every source of a prompt for every sentence of an answer.
    ///
    /// # Errors
    /// The prompt is too long for the model, the answer has no text, an option is invalid, or the call is cancelled; the error names
    /// the option.
    pub fn cite(&self, request: &CitationRequest) -> Result<Citations> {
        self.cite_with_progress(request, &mut |_| ControlFlow::Continue(()))
    }

    /// As [`cite`](Self::cite), with a progress callback.
    ///
    /// # Errors
    /// As [`cite`](Self::cite), and [`Error::Cancelled`] also if `progress` returns `Break`.
    pub fn cite_with_progress(&self, request: &CitationRequest, progress: ProgressCallback) -> Result<Citations> {
        let progress: ProgressCallback = &mut |news: Progress| match request.limits.is_cancelled() {
            true => ControlFlow::Break(()),
            false => progress(news),
        };
        let mut warnings = Vec::new();
        let citations = self.citing(request, &mut warnings, |citing, warnings| citing.run(progress, warnings))?;
        Ok(Citations { warnings, ..citations })
    }

    /// Resolves a request, and hands it to `run`.
    pub(super) fn citing<T>(
        &self,
        request: &CitationRequest,
        warnings: &mut Vec<Warning>,
        run: impl FnOnce(&Citing, &mut Vec<Warning>) -> Result<T>,
    ) -> Result<T> {
        request.method.validate()?;
        request.method.check(self)?;
        let model = self.on(&request.limits)?;
        let budget = checked_budget(request.limits.memory_budget.unwrap_or(self.choices.load_options.memory_budget))?;
        let prompt = Prompt::of(model, &request.sources, request.plain, warnings)?;
        let generation = citing_generation(model, request)?;
        let citing = Citing { attribution: self, model, prompt: &prompt, request, generation, budget };
        citing.check_sources()?;
        warnings.extend(citing.special_tokens()?);
        warnings.extend(request.method.unused_options(prompt.spans.len()).into_iter().map(Warning::from));
        run(&citing, warnings)
    }
}

/// The generation configuration of answers.
fn citing_generation(model: &TextModel, request: &CitationRequest) -> Result<GenerationConfig> {
    let config = model.generation().merge(&request.generation_args)?;
    match (config.max_length, config.max_new_tokens) {
        (None, None) => Ok(config.merge(&Map::from_iter([("max_new_tokens".to_owned(), Value::from(NEW_TOKENS))]))?),
        _ => Ok(config),
    }
}

/// A resolved request.
pub(super) struct Citing<'c> {
    pub(super) attribution: &'c AttributionModel,
    pub(super) model: &'c TextModel,
    pub(super) prompt: &'c Prompt,
    pub(super) request: &'c CitationRequest,
    pub(super) generation: GenerationConfig,
    /// Memory budget in bytes.
    pub(super) budget: usize,
}

impl Citing<'_> {
    /// Generates the answer if there is none, and scores it.
    fn run(&self, progress: ProgressCallback, warnings: &mut Vec<Warning>) -> Result<Citations> {
        let Self { model, prompt, request, .. } = *self;
        if request.answer.is_none() {
            let any = self.with_any_answer(self.prompt_ids()?, 1)?;
            self.check_fits(&any.with_sentences(std::iter::once(0..1)))?;
        }
        let (whole, answer) = self.answered(progress, warnings)?;
        self.check_fits(&whole.with_sentences(answer.sentences.iter().map(|sentence| sentence.tokens.clone())))?;
        let contextless_answer = match request.contextless_answer {
            true => Some(self.contextless_answer(progress)?),
            false => None,
        };
        let sources = prompt.spans.len();
        let planned = 2 + request.method.forwards(sources);
        let mut variants = Variants::new(model, prompt, whole, (self.budget, planned), progress)?;
        let mut context =
            CitationContext { model: self.attribution, request, prompt, variants: &mut variants, answer: &answer };
        let scores = request.method.scores(&mut context)?;
        let untested = scores.untested.clone();
        let sentences = self.sentences(&mut context, scores)?;
        Ok(Citations {
            model: model.name().to_owned(),
            method: request.method.name().to_owned(),
            method_arguments: request.method.arguments(),
            sources: prompt.cited(),
            answer: answer.text,
            is_generated: request.answer.is_none(),
            contextless_answer,
            sentences,
            untested,
            forwards: variants.forwards,
            warnings: Vec::new(),
            prompt: prompt.text.clone(),
        })
    }

    pub(super) fn engine(&self) -> Engine<'_> {
        Engine { model: self.model.model(), memory_budget: self.budget, layer: None }
    }

    /// Refuses sources that are no token of the model.
    fn check_sources(&self) -> Result<()> {
        for ((name, _), span) in self.prompt.named.iter().zip(&self.prompt.spans) {
            let text = &self.prompt.text[span.clone()];
            if self.model.tokenizer().encode(text, self.model.role(Role::Source), false)?.ids.is_empty() {
                return Err(Error::argument(
                    "sources",
                    format!("the tokenizer of the model has no token for the source `{name}` ({text:?}); leave it out"),
                ));
            }
        }
        Ok(())
    }

    /// Warnings about texts of strangers with special tokens, which end a message or a text for the model.
    fn special_tokens(&self) -> Result<Vec<Warning>> {
        let (tokenizer, role) = (self.model.tokenizer(), self.model.role(Role::Source));
        let mut warnings = Vec::new();
        for (name, text) in self.request.sources.given_texts() {
            let mut found: Vec<String> = Vec::new();
            for id in tokenizer.encode(&text, role, false)?.ids {
                let token = tokenizer.token(id, role).unwrap_or_default();
                if tokenizer.piece(id, role) == Piece::Special && text.contains(&token) && !found.contains(&token) {
                    found.push(token);
                }
            }
            if !found.is_empty() {
                let said = format!(
                    "`{name}` has {}, which the tokenizer of the model reads as special tokens and not as text; the model may take what                      follows for a message of its own, so remove them unless they are meant",
                    found.join(" and ")
                );
                warnings.push(said.into());
            }
        }
        Ok(warnings)
    }

    /// The prompt with its answer as ids, and the sentences of the answer.
    pub(super) fn answered(&self, progress: ProgressCallback, warnings: &mut Vec<Warning>) -> Result<(Ids, Answer)> {
        // White space after the answer is in no sentence.
        let given = self.request.answer.as_deref().map(str::trim_end);
        if given.is_some_and(|answer| answer.trim().is_empty()) {
            return Err(Error::argument(
                "answer",
                "`answer` has no text; give the text whose sources are asked for, or no answer, so that the model generates one".into(),
            ));
        }
        let is_decoder_only = self.model.model().is_decoder_only();
        if is_decoder_only && given.is_some_and(|answer| answer.starts_with(&self.prompt.text)) {
            return Err(Error::argument(
                "answer",
                "`answer` begins with the prompt; give only the text that the model writes after it".into(),
            ));
        }
        let generated = given.map(|answer| self.target_of(answer));
        self.check_length(generated.as_deref())?;
        let texts = Texts {
            model: self.model,
            inputs: Cow::Owned(vec![self.prompt.text.clone()]),
            generated: generated.as_ref().map(|text| Cow::Borrowed(std::slice::from_ref(text))),
            ids: None,
            goes_on: false,
            add_special_tokens: !self.prompt.is_chat,
            truncate: false,
            empty_inputs: false,
            chats: Cow::Borrowed(&[]),
        };
        let generation = given.is_none().then_some(&self.generation);
        let target = Targets { texts: &texts, generation }.of(0..1, progress, warnings)?.swap_remove(0);
        if is_decoder_only && !target.target.starts_with(&target.source) {
            return Err(Error::argument(
                "answer",
                "the last token of the prompt and the first one of the answer are written as one token, so that the answer has no \
                 first token; begin the answer with a space, or end the prompt where a token ends"
                    .into(),
            ));
        }
        let first = if is_decoder_only { target.source.len() } else { 1 };
        let tokens = self.model.tokens(&target.target, Role::Target, generated.as_deref(), false)?;
        let answer = Answer::of(&tokens[first.min(tokens.len())..]);
        if answer.sentences.is_empty() {
            return Err(Error::argument(
                "answer",
                "the model generated no text for the prompt: it ended the answer at once; give `answer`, or make it go on with \
                 `min_new_tokens`"
                    .into(),
            ));
        }
        let source = if is_decoder_only { Vec::new() } else { target.source };
        Ok((Ids { source, target: target.target, first }, answer))
    }

    /// The target of an answer. A decoder-only model reads it after the prompt, with a space between them.
    fn target_of(&self, answer: &str) -> String {
        let prompt = &self.prompt.text;
        let has_space =
            self.prompt.is_chat || prompt.ends_with(char::is_whitespace) || answer.starts_with(char::is_whitespace);
        match self.model.model().is_decoder_only() {
            true if !has_space => format!("{prompt} {answer}"),
            _ => self.model.answered(prompt, answer),
        }
    }

    /// Refuses a prompt or an answer that does not fit into the model.
    pub(super) fn check_length(&self, target: Option<&str>) -> Result<()> {
        let model = self.model.model();
        let special = !self.prompt.is_chat;
        let (text, positions) = match (model.is_decoder_only(), target) {
            (true, Some(target)) => (target, model.max_target_positions()),
            (true, None) => (self.prompt.text.as_str(), model.max_target_positions()),
            (false, _) => (self.prompt.text.as_str(), model.max_source_positions()),
        };
        let tokens = self.model.encode(text, Role::Source, special)?.len();
        if let Some(positions) = positions.filter(|&positions| tokens > positions) {
            return Err(too_long(tokens, positions));
        }
        let Some(answer) = target.filter(|_| !model.is_decoder_only()) else { return Ok(()) };
        let tokens = self.model.encode(answer, Role::Target, true)?.len();
        match model.max_target_positions().filter(|&positions| tokens > positions) {
            None => Ok(()),
            Some(positions) => Err(Error::argument(
                "answer",
                format!(
                    "`answer` has {tokens} tokens, but the model has {positions} positions; shorten it, or cite a part of it"
                ),
            )),
        }
    }

    /// The answer that the model generates without the sources.
    fn contextless_answer(&self, progress: ProgressCallback) -> Result<String> {
        let prompt = prompt_ids(self.model, self.prompt, &vec![false; self.prompt.spans.len()])?;
        let start = prompt.len();
        let generated = self.model.generate_ids(&[prompt], None, &self.generation, progress)?;
        let ids = generated.into_iter().next().map(|generated| generated.ids).unwrap_or_default();
        let answer = if self.model.model().is_decoder_only() { ids.get(start..).unwrap_or_default() } else { &ids };
        Ok(self.model.decode(answer, Role::Target, true)?.trim().to_owned())
    }

    /// The sentences with their scores and gains.
    fn sentences(&self, context: &mut CitationContext, found: CitationScores) -> Result<Vec<CitedSentence>> {
        let sources = context.sources();
        let method = &self.request.method;
        let CitationScores { mut scores, untested } = found;
        let answer = context.answer;
        let fits = scores.len() == answer.sentences.len() && untested.iter().all(|source| *source < sources);
        if !fits || scores.iter().any(|of_sources| of_sources.len() != sources) {
            let problem =
                format!("gave no score for each of {} sentences and {sources} sources", answer.sentences.len());
            return Err(Error::Method { method: method.name().to_owned(), problem });
        }
        let mut sentences: Vec<CitedSentence> = answer
            .sentences
            .iter()
            .zip(scores.drain(..))
            .map(|(sentence, scores)| CitedSentence {
                text: sentence.text.clone(),
                span: sentence.span,
                tokens: sentence.tokens.len(),
                scores,
                ..CitedSentence::default()
            })
            .collect();
        // A gain is there for each source that is cited, and where it costs nothing.
        let cited: BTreeSet<usize> = sentences.iter().flat_map(|sentence| sentence.cited(&self.request.rule)).collect();
        let without = |left_out: usize| -> Mask { (0..sources).map(|source| source != left_out).collect() };
        let has_gain = |source: &usize| cited.contains(source) || context.variants.is_known(&without(*source));
        let left_out: Vec<usize> = (0..sources).filter(has_gain).collect();
        let masks =
            [vec![true; sources], vec![false; sources]].into_iter().chain(left_out.iter().copied().map(without));
        let log_probabilities = context.log_probabilities(&masks.collect::<Vec<_>>())?;
        let [with_all, with_none, without @ ..] = log_probabilities.as_slice() else { return Ok(Vec::new()) };
        for (index, sentence) in sentences.iter_mut().enumerate() {
            for (&source, without) in left_out.iter().zip(without) {
                sentence.scores[source].gain = Some(with_all[index] - without[index]);
            }
            (sentence.log_probability, sentence.contextless_log_probability) = (with_all[index], with_none[index]);
            let values = sentence.scores.iter().map(|source| source.score).chain([with_all[index], with_none[index]]);
            if let Some(value) = values.into_iter().find(|value| !value.is_finite()) {
                return Err(Error::Method {
                    method: method.name().to_owned(),
                    problem: format!(
                        "gave a score or a log-probability of {value} for sentence {} of the answer ({:?}): the model gives no finite \
                         probabilities there",
                        index + 1,
                        sentence.text
                    ),
                });
            }
            sentence.citations = sentence.cited(&self.request.rule);
            let is_below = |source: &usize| sentence.scores[*source].has_gain_below_zero();
            sentence.gain_below_zero = sentence.citations.iter().copied().filter(is_below).collect();
        }
        Ok(sentences)
    }
}
