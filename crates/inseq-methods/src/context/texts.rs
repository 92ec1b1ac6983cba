//! The texts of a call: with the context, and without it.

use std::ops::Range;

use inseq_core::{TextKind, TextName, Warning};
use inseq_models::tokenizer::Role;

use super::output_ids::OutputIds;
use super::request::{ContextRequest, OutputContextStrategy};
use super::template::{Rendered, Template};
use crate::passage::{Passage, Reader};
use crate::{Error, Result};

/// The name of the text with its context in messages.
pub(super) const WITH: TextName = TextName::new(TextKind::WithContext, 0);
/// The name of the text without its context in messages.
pub(super) const WITHOUT: TextName = TextName::new(TextKind::WithoutContext, 0);

/// The templates of a call, read and checked.
#[derive(Debug)]
pub(super) struct Templates {
    pub(super) input: Template,
    pub(super) output: Template,
    pub(super) contextless_input: Template,
    pub(super) contextless_output: Template,
    /// Context of the input, if its template has a place for one.
    pub(super) input_context: Option<String>,
    /// Given context of the output, if its template has a place for one.
    pub(super) output_context: Option<String>,
}

impl Templates {
    /// Reads the templates of a request.
    ///
    /// # Errors
    /// A template is wrong, or a text that it has a place for is missing.
    pub(super) fn of(request: &ContextRequest, warnings: &mut Vec<Warning>) -> Result<Self> {
        if request.input_current_text.trim().is_empty() {
            return Err(Error::argument(
                "input_current_text",
                "`input_current_text` is empty; give the input whose output is to be studied".into(),
            ));
        }
        let context = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let (input_context, output_context) =
            (context(&request.input_context_text), context(&request.output_context_text));
        let template = |argument: &str, given: &Option<String>, has_context: bool| {
            let usual = if has_context { "{context} {current}" } else { "{current}" };
            Template::read(argument, given.as_deref().unwrap_or(usual))
        };
        let contextless = |argument: &str, given: &Option<String>| {
            let template = template(argument, given, false)?;
            match template.has_context() {
                false => Ok(template),
                true => Err(Error::argument(
                    argument,
                    format!("`{argument}` is the template without a context, but has {{context}}; leave it out"),
                )),
            }
        };
        let input = template("input_template", &request.input_template, input_context.is_some())?;
        let output = template("output_template", &request.output_template, output_context.is_some())?;
        if input.has_context() && input_context.is_none() {
            return Err(Error::argument(
                "input_context_text",
                "`input_template` has {context}, but there is no `input_context_text`; give it, or leave {context} out"
                    .into(),
            ));
        }
        if output.has_context() && !output.context_is_first() {
            return Err(Error::argument(
                "output_template",
                "`output_template` has {context} behind {current}, but an output depends on what is before it; put {context} first"
                    .into(),
            ));
        }
        let is_generated = output.has_context() && output_context.is_none();
        if is_generated && request.handle_output_context_strategy == OutputContextStrategy::Pre {
            return Err(Error::argument(
                "output_context_text",
                "`output_template` has {context}, and with the strategy `pre` the context must be given as `output_context_text`"
                    .into(),
            ));
        }
        let mut unused = Vec::new();
        let mut used = |template: &Template, context: Option<String>, side: &str, given: &Option<String>| {
            if context.is_some() && !template.has_context() {
                unused.push(format!(
                    "`{side}_template` ({:?}) has no place for `{side}_context_text`; write {{context}} where it stands",
                    given.as_deref().unwrap_or_default()
                ));
            }
            context.filter(|_| template.has_context())
        };
        let templates = Self {
            contextless_input: contextless("contextless_input_current_text", &request.contextless_input_current_text)?,
            contextless_output: contextless(
                "contextless_output_current_text",
                &request.contextless_output_current_text,
            )?,
            input_context: used(&input, input_context, "input", &request.input_template),
            output_context: used(&output, output_context, "output", &request.output_template),
            input,
            output,
        };
        if !(templates.input.has_context() || templates.output.has_context()) {
            let way_out = match unused.is_empty() {
                true => "give `input_context_text` or `output_context_text`".to_owned(),
                false => unused.join("; "),
            };
            return Err(Error::argument("input_context_text", format!("there is no context to study: {way_out}")));
        }
        warnings.extend(unused.into_iter().map(|said| format!("a context has no effect: {said}").into()));
        let suffix = templates.output.suffix();
        if !suffix.trim().is_empty() {
            let said = match request.output_current_text {
                Some(_) => "has no effect, since a token depends only on what is before it",
                None => {
                    "must be the end of what the model generates, and is not studied; give `output_current_text` to study another text"
                }
            };
            warnings.push(format!("the suffix {suffix:?} of `output_template` {said}").into());
        }
        Ok(templates)
    }
}

/// The text with its context, and the spans of its parts.
#[derive(Debug)]
pub(super) struct WithContext {
    /// Source of an encoder-decoder.
    pub(super) source: Option<Passage>,
    /// Target; of a decoder-only model with its prompt.
    pub(super) target: Passage,
    /// Position of the first token of the target that is not part of a prompt or the decoder start.
    pub(super) first: usize,
    /// Span of the input context in the source or, for decoder-only models, in the target.
    pub(super) input_context: Option<Range<usize>>,
    /// Span of the output context in the target.
    pub(super) output_context: Option<Range<usize>>,
    /// Span of the output to study in the target.
    pub(super) current: Range<usize>,
    /// Positions in the target of the tokens of the output to study.
    pub(super) positions: Vec<usize>,
}

impl WithContext {
    /// The output to study.
    pub(super) fn output(&self) -> &str {
        self.target.text.get(self.current.clone()).unwrap_or_default()
    }

    /// The ids of the text.
    pub(super) fn ids(&self) -> OutputIds {
        OutputIds {
            input: self.input().text.clone(),
            source: self.source.as_ref().map(|source| source.ids.clone()),
            target: self.target.ids.clone(),
            first: self.first,
            positions: self.positions.clone(),
        }
    }

    /// The passage that has the input context.
    pub(super) fn input(&self) -> &Passage {
        self.source.as_ref().unwrap_or(&self.target)
    }
}

/// Reads the text without its context. The output to study has the ids that it has with its context; only the space before its
/// first token may differ.
///
/// # Errors
/// The text is too long, or the tokenizer fails.
pub(super) fn without_context(
    reader: &Reader,
    templates: &Templates,
    request: &ContextRequest,
    with: &WithContext,
    warnings: &mut Vec<Warning>,
) -> Result<OutputIds> {
    let input = templates.contextless_input.render(&request.input_current_text, None).text;
    let output = templates.contextless_output.render(with.output(), None);
    let (source, rendered, role, prompt) = match with.source {
        Some(_) => {
            let source = reader.read(WITHOUT, input.clone(), Role::Source, warnings)?;
            (Some(source.ids), output, Role::Target, 0)
        }
        None => {
            let separator = &request.decoder_input_output_separator;
            (None, joined(&input, output, separator), Role::Source, input.len())
        }
    };
    let Rendered { text, current, .. } = rendered;
    let target = reader.read(WITHOUT, text, role, warnings)?;
    let first = first_position(reader, &target, prompt);
    let own = reader.tokens_of(&target, &current);
    let ids = |passage: &Passage, positions: &[usize]| -> Vec<u32> {
        positions.iter().map(|&position| passage.ids[position]).collect()
    };
    let (own_ids, with_ids) = (ids(&target, &own), ids(&with.target, &with.positions));
    let is_same = own_ids.len() == with_ids.len()
        && own_ids.get(1..) == with_ids.get(1..)
        && reader.text_of(&own_ids[..1], role)? == reader.text_of(&with_ids[..1], role)?;
    if is_same {
        return Ok(OutputIds { input, source, target: target.ids, first, positions: own });
    }
    // The tokens that the output has with its context, in the place of its own.
    let behind = reader.position_behind(&target, current.start);
    let (start, end) = (own.first().copied().unwrap_or(behind), own.last().map_or(behind, |last| last + 1));
    let (from, to) = (with.positions[0], with.positions.last().map_or(0, |last| last + 1));
    let ids = [&target.ids[..start], &with.target.ids[from..to], &target.ids[end..]].concat();
    let most = reader.model.model().max_target_positions().unwrap_or(usize::MAX);
    if ids.len() > most {
        let problem = format!("has {} tokens, but the model has {most} positions; shorten it", ids.len());
        let said = WITHOUT.sentence_alone(&problem);
        return Err(Error::Limit { name: "input_current_text".into(), text: None, problem: said });
    }
    let positions = with.positions.iter().map(|position| position - from + start).collect();
    Ok(OutputIds { input, source, target: ids, first, positions })
}

/// Position of the first token behind the prompt of a target, whose length in bytes is `prompt`; of an encoder-decoder, the position
/// behind the decoder start.
pub(super) fn first_position(reader: &Reader, target: &Passage, prompt: usize) -> usize {
    match target.role {
        Role::Target => 1,
        Role::Source => reader.position_behind(target, prompt).max(1),
    }
}

/// A prompt and an output of a decoder-only model, with the separator between them unless one of them has it there.
pub(super) fn joined(prompt: &str, output: Rendered, separator: &str) -> Rendered {
    let separator = match prompt.ends_with(separator) || output.text.starts_with(separator) {
        true => "",
        false => separator,
    };
    output.after(&format!("{prompt}{separator}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(request: ContextRequest) -> (Result<Templates>, Vec<String>) {
        let mut warnings = Vec::new();
        let templates = Templates::of(&request, &mut warnings);
        (templates, warnings.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn requests_that_make_no_sense_are_named() {
        let request = ContextRequest::new("Why?").input_context_text("Ann left.".to_owned());
        let text = |text: &str| Some(text.to_owned());
        for (request, expected) in [
            (ContextRequest::new(" "), "`input_current_text` is empty"),
            (ContextRequest::new("Why?"), "there is no context to study"),
            (request.clone().input_template(text("{context}")), "`input_template` has no place for the text"),
            (
                request.clone().input_template(text("Q: {current}")),
                "there is no context to study: `input_template` (\"Q: {current}\") has no place for `input_context_text`; write {context}",
            ),
            (
                ContextRequest::new("Why?").input_template(text("{context} {current}")),
                "`input_template` has {context}, but there is no `input_context_text`",
            ),
            (
                request.clone().output_template(text("{current} {context}")),
                "`output_template` has {context} behind {current}",
            ),
            (
                request
                    .clone()
                    .output_template(text("{context} {current}"))
                    .handle_output_context_strategy(OutputContextStrategy::Pre),
                "`output_template` has {context}, and with the strategy `pre`",
            ),
            (
                request.clone().contextless_input_current_text(text("{context} {current}")),
                "`contextless_input_current_text` is the template without a context",
            ),
            (
                request.clone().contextless_output_current_text(text("Well")),
                "`contextless_output_current_text` has no place for the text",
            ),
        ] {
            let error = said(request).0.unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
        // The reference fails on the first of these before it fills in the template.
        assert!(said(request.clone().handle_output_context_strategy(OutputContextStrategy::Pre)).0.is_ok());
        let (templates, warnings) = said(request.output_context_text(text("Yes.")).input_template(text("{current}")));
        assert_eq!(templates.unwrap().input_context, None);
        assert_eq!(
            warnings,
            [
                "a context has no effect: `input_template` (\"{current}\") has no place for `input_context_text`; write {context} where it \
              stands"
            ]
        );
        let ends = |request: ContextRequest| said(request.output_template(text("{current}</a>"))).1;
        let generated = ends(ContextRequest::new("Why?").input_context_text("Ann left.".to_owned()));
        assert!(
            generated.len() == 1
                && generated[0].starts_with("the suffix \"</a>\" of `output_template` must be the end of"),
            "{generated:?}"
        );
        let given = ContextRequest::new("Why?").input_context_text("Ann left.".to_owned());
        let given = ends(given.output_current_text(text("No.")));
        assert!(given.len() == 1 && given[0].contains("has no effect"), "{given:?}");
    }

    #[test]
    fn a_separator_is_there_once() {
        let template = Template::read("output_template", "{current}").unwrap();
        for (prompt, output, separator, expected) in
            [("a", "b", " ", "a b"), ("a ", "b", " ", "a b"), ("a", " b", " ", "a b"), ("a", "b", "", "ab")]
        {
            let rendered = joined(prompt, template.render(output, None), separator);
            assert_eq!(rendered.text, expected);
            assert_eq!(&rendered.text[rendered.current], output);
        }
    }
}
