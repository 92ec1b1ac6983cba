//! The output to study: given, or generated and divided.

use std::ops::Range;

use inseq_core::Warning;
use inseq_models::generation::GenerationConfig;
use inseq_models::tokenizer::Role;

use super::dialogue::ContextDialogue;
use super::request::{ContextRequest, OutputContextStrategy};
use super::splitting::{Division, Originals, behind, divide};
use super::template::Rendered;
use super::texts::{Templates, WITH, WithContext, first_position, joined};
use crate::passage::{Passage, Reader};
use crate::progress::ProgressCallback;
use crate::{Error, Result};

/// Reads the text with its context, and generates what is not given.
pub(super) struct Outputs<'a> {
    pub(super) reader: &'a Reader<'a>,
    pub(super) request: &'a ContextRequest,
    pub(super) templates: &'a Templates,
    pub(super) generation: &'a GenerationConfig,
    pub(super) warnings: &'a mut Vec<Warning>,
}

impl Outputs<'_> {
    /// The text with its context.
    ///
    /// # Errors
    /// A text is too long or has no token; a generated text does not fit the template or cannot be divided; the dialogue has no answer;
    /// the call is cancelled.
    pub(super) fn with_context(
        mut self,
        dialogue: &mut dyn ContextDialogue,
        progress: ProgressCallback,
    ) -> Result<WithContext> {
        let templates = self.templates;
        let input = templates.input.render(&self.request.input_current_text, templates.input_context.as_deref());
        let source = match self.reader.model.model().is_decoder_only() {
            true => None,
            false => Some(self.reader.read(WITH, input.text.clone(), Role::Source, self.warnings)?),
        };
        let context = templates.output_context.as_deref();
        let is_divided = templates.output.has_context() && context.is_none();
        let with = match (self.request.output_current_text.as_deref(), is_divided) {
            (Some(current), false) => self.given(source, &input, current, context)?,
            (None, false) => self.generated(source, &input, context, progress)?,
            (given, true) => {
                let whole = self.generated(source, &input, None, progress)?;
                let divided = self.divided(whole, dialogue)?;
                match given {
                    None => divided,
                    Some(current) => {
                        let context = divided.output_context.clone().and_then(|span| divided.target.text.get(span));
                        let context = context.unwrap_or_default().to_owned();
                        let said = format!(
                            "the model generated {:?} after the context {context:?}; the given `output_current_text` is studied",
                            divided.output()
                        );
                        self.warnings.push(said.into());
                        self.given(divided.source, &input, current, Some(&context))?
                    }
                }
            }
        };
        self.checked(with)
    }

    /// The given output.
    fn given(
        &mut self,
        source: Option<Passage>,
        input: &Rendered,
        current: &str,
        context: Option<&str>,
    ) -> Result<WithContext> {
        let output = self.templates.output.render(current, context);
        let (rendered, role) = self.behind_prompt(&source, input, output);
        let target = self.reader.read(WITH, rendered.text, role, self.warnings)?;
        Ok(self.parts(source, input, target, rendered.context, rendered.current))
    }

    /// An output behind the prompt of a decoder-only model, and the role of the whole.
    fn behind_prompt(&self, source: &Option<Passage>, input: &Rendered, output: Rendered) -> (Rendered, Role) {
        match source {
            Some(_) => (output, Role::Target),
            None => (joined(&input.text, output, &self.request.decoder_input_output_separator), Role::Source),
        }
    }

    fn parts(
        &self,
        source: Option<Passage>,
        input: &Rendered,
        target: Passage,
        output_context: Option<Range<usize>>,
        current: Range<usize>,
    ) -> WithContext {
        let prompt = if source.is_some() { 0 } else { input.text.len() };
        WithContext {
            first: first_position(self.reader, &target, prompt),
            input_context: input.context.clone(),
            output_context,
            positions: self.reader.tokens_of(&target, &current),
            current,
            source,
            target,
        }
    }

    /// What the model writes after the input and a given context of the output. The context is part of the template; its
    /// prefix and suffix are not part of the output.
    fn generated(
        &mut self,
        source: Option<Passage>,
        input: &Rendered,
        context: Option<&str>,
        progress: ProgressCallback,
    ) -> Result<WithContext> {
        let template = &self.templates.output;
        let whole = template.render("", context);
        let before = match context {
            Some(_) => Rendered { text: whole.text[..whole.current.start].to_owned(), ..whole },
            None => Rendered { text: String::new(), current: 0..0, context: None },
        };
        let (mut before, role) = self.behind_prompt(&source, input, before);
        // A space at the end is part of the token that follows.
        before.text.truncate(before.text.trim_end_matches(' ').len());
        let output_context = before.context.map(|span| span.start..span.end.min(before.text.len()));
        let start = match (role, before.text.is_empty()) {
            (Role::Target, true) => Passage::empty(role),
            _ => {
                let read = self.reader.read(WITH, before.text, role, self.warnings)?;
                self.reader.open(read)
            }
        };
        let sources = [source.as_ref().map_or_else(|| start.ids.clone(), |source| source.ids.clone())];
        let prefixes = [start.ids.clone()];
        let prefixes = (!start.ids.is_empty()).then_some(&prefixes[..]);
        self.warnings.extend(self.generation.warnings().into_iter().map(Warning::from));
        let generated = self.reader.model.generate_ids(&sources, prefixes, self.generation, progress)?;
        let ids = generated.into_iter().next().map(|generated| generated.ids).unwrap_or_default();
        let written = start.text.len();
        let target = self.reader.going_on(start, ids);
        let mut current = trimmed(&target.text, written..target.text.len());
        // What the model was given is not to be generated again.
        let prefix = if context.is_some() { "" } else { template.prefix().trim() };
        for (part, literal) in [("prefix", prefix), ("suffix", template.suffix().trim())] {
            let output = &target.text[current.clone()];
            let rest = match part {
                "prefix" => output.strip_prefix(literal).map(|rest| current.end - rest.len()..current.end),
                _ => output.strip_suffix(literal).map(|rest| current.start..current.start + rest.len()),
            };
            let Some(rest) = rest else {
                return Err(Error::argument(
                    "output_template",
                    format!(
                        "`output_template` has the {part} {literal:?}, but the model generated {output:?}; change the template, or give \
                         `output_current_text`"
                    ),
                ));
            };
            current = trimmed(&target.text, rest);
        }
        if current.is_empty() {
            return Err(Error::argument(
                "output_current_text",
                "the model generated no text: it ended the output at once; give `output_current_text`, or make it go on with \
                 `min_new_tokens`"
                    .into(),
            ));
        }
        let mut with = self.parts(source, input, target, output_context, current);
        with.first = with.first.min(with.positions.first().copied().unwrap_or(usize::MAX));
        Ok(with)
    }

    /// A generated text, divided into its context and the output to study.
    fn divided(&self, mut whole: WithContext, dialogue: &mut dyn ContextDialogue) -> Result<WithContext> {
        let output = whole.output().to_owned();
        let template = &self.templates.output;
        let originals = self.templates.input_context.as_deref().filter(|_| whole.source.is_some());
        let originals =
            originals.map(|context| Originals { context, current: self.request.input_current_text.as_str() });
        let proposed = divide(&output, template, originals);
        let division = match (self.request.handle_output_context_strategy, proposed) {
            (OutputContextStrategy::Auto, Some(proposed)) => proposed,
            (OutputContextStrategy::Auto, None) => {
                return Err(Error::argument(
                    "output_context_text",
                    format!(
                        "the model generated {output:?}, and neither {:?} nor punctuation nor sentences divide it into a context and a \
                         text; give `output_context_text`",
                        template.separator()
                    ),
                ));
            }
            (_, proposed) => {
                let proposed = proposed.map(|Division { context, .. }| &output[context]);
                let context = dialogue.output_context(&output, proposed)?;
                behind(&output, &context, template).ok_or_else(|| {
                    Error::argument(
                        "output_context_text",
                        format!("the output context must be the beginning of {output:?}, found {context:?}"),
                    )
                })?
            }
        };
        let start = whole.current.start;
        let moved = |span: Range<usize>| span.start + start..span.end + start;
        whole.output_context = Some(moved(division.context.clone()));
        whole.current = trimmed(&whole.target.text, moved(division.current));
        whole.positions = self.reader.tokens_of(&whole.target, &whole.current);
        if whole.current.is_empty() && self.request.output_current_text.is_none() {
            return Err(Error::argument(
                "output_context_text",
                format!(
                    "the model generated {output:?}, of which nothing is left after the context {:?}; give `output_context_text`, \
                     which is then the beginning of what the model generates",
                    &output[division.context]
                ),
            ));
        }
        Ok(whole)
    }

    /// Checks that each part has a token.
    fn checked(&self, with: WithContext) -> Result<WithContext> {
        let has_none = |passage: &Passage, span: &Option<Range<usize>>| {
            span.as_ref().is_some_and(|span| !span.is_empty() && self.reader.tokens_of(passage, span).is_empty())
        };
        let parts = [
            ("input_context_text", has_none(with.input(), &with.input_context)),
            ("output_context_text", has_none(&with.target, &with.output_context)),
            ("output_current_text", with.positions.is_empty()),
        ];
        match parts.iter().find(|(_, is_empty)| *is_empty) {
            None => Ok(with),
            Some((name, _)) => Err(Error::argument(
                name,
                format!(
                    "`{name}` has no token of its own: each of its characters is white space, a special token, or part of a token that \
                     begins before it (`special_tokens_to_keep` names special tokens that count as text)"
                ),
            )),
        }
    }
}

/// A span without white space at its ends.
fn trimmed(text: &str, span: Range<usize>) -> Range<usize> {
    let part = text.get(span.clone()).unwrap_or_default();
    let start = span.start + part.len() - part.trim_start().len();
    start..start + part.trim().len()
}
