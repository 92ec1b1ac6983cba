//! The influence of a context on a generated text (PECoRe, <https://arxiv.org/abs/2310.01188>): which generated tokens depend on
//! the context, and on which tokens of the context each of them depends.
//!
//! The text is read once with its context and once without it. Templates are rendered with known spans, and a token belongs to the
//! part of the text that its first letter is in; no text is searched. The steps of both texts are compared by a contrastive step
//! function. The tokens that differ most are attributed: all of them are probes of one forward of the text with its context.

mod contrasts;
pub(crate) mod cues;
mod dialogue;
mod info;
pub(crate) mod output_ids;
mod outputs;
mod request;
pub(crate) mod sensitivity;
mod splitting;
mod template;
mod texts;

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};

use inseq_core::{ContextAttribution, ContextInfo, SequenceAttribution, Warning};

pub use dialogue::{ContextDialogue, NoDialogue};
pub use request::{ContextRequest, OutputContextStrategy};

use crate::attribution_model::AttributionModel;
use crate::call::Call;
use crate::passage::{Passage, Reader};
use crate::progress::ProgressCallback;
use crate::request::AttributionRequest;
use crate::{Error, Result};
use contrasts::Finder;
use cues::{Selected, aggregated, attributed, attributes_target, check_arguments, cues};
use outputs::Outputs;
use sensitivity::Sensitivity;
use texts::{Templates, WithContext, without_context};

/// A context attribution, and the attributions that it was made of.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ContextOutcome {
    /// The context-sensitive tokens and their cues.
    pub attribution: ContextAttribution,
    /// The output without the context, in runs of tokens that follow each other, with the sensitivity of each token as a step score.
    pub sensitivity: Vec<SequenceAttribution>,
    /// The aggregated attribution of each selected token with the context, the most sensitive token first.
    pub cues: Vec<SequenceAttribution>,
}

impl AttributionModel {
    /// Finds the tokens of an output that depend on its context, and attributes each of them to the tokens of the context.
    ///
    /// ```
    /// # #[cfg(feature = "demo")] {
    /// use inseq_core::Salience;
    /// use inseq_methods::{AttributionModel, ContextRequest};
    ///
    /// let model = AttributionModel::demo()?;
    /// let request = ContextRequest::new("She was late.")
    ///     .input_context_text("The tired nurse left.".to_owned())
    ///     .context_sensitivity(Salience::default().std_threshold(0.0).top_k(1));
    /// let attribution = model.attribute_context(&request)?;
    /// let cues = &attribution.cci_scores[0];
    /// assert_eq!(cues.input_context_scores.as_ref().map(Vec::len), attribution.input_context_tokens.map(|tokens| tokens.len()));
    /// # }
    /// # Ok::<(), inseq_methods::Error>(())
    /// ```
    ///
    /// # Errors
    /// A template, a text or an option is invalid, or a part of the text has no token; the error names it. A question to a person,
    /// for which [`attribute_context_with`](Self::attribute_context_with) takes a dialogue, is an error here.
    pub fn attribute_context(&self, request: &ContextRequest) -> Result<ContextAttribution> {
        let outcome = self.attribute_context_with(request, &mut NoDialogue, &mut |_| ControlFlow::Continue(()))?;
        Ok(outcome.attribution)
    }

    /// As [`attribute_context`](Self::attribute_context), with a dialogue that answers questions, and a progress callback. Returns the
    /// attributions of single tokens, too.
    ///
    /// # Errors
    /// As [`attribute_context`](Self::attribute_context), those of the dialogue, and [`Error::Cancelled`].
    pub fn attribute_context_with(
        &self,
        request: &ContextRequest,
        dialogue: &mut dyn ContextDialogue,
        progress: ProgressCallback,
    ) -> Result<ContextOutcome> {
        let mut warnings = Vec::new();
        let model = self.on(&request.limits)?;
        check_arguments(&request.attributed_fn_args)?;
        check_thresholds(request)?;
        let templates = Templates::of(request, &mut warnings)?;
        let reader = Reader::new(model, &request.special_tokens_to_keep)?;
        let generation = model.generation().merge(&request.generation_args)?;
        // An unknown method or function is an error before a text is generated.
        let metric = &request.context_sensitivity_metric;
        Sensitivity::check((model, &self.choices), metric, &request.limits, "context_sensitivity_metric")?;
        let unread = attribution_request(request, "", Vec::new(), false);
        let asked = Call::resolve_with(model, &self.choices, &unread, Some(Default::default()))?;
        let outputs = Outputs {
            reader: &reader,
            request,
            templates: &templates,
            generation: &generation,
            warnings: &mut warnings,
        };
        let with = outputs.with_context(dialogue, progress)?;
        let without = without_context(&reader, &templates, request, &with, &mut warnings)?;
        let ids = with.ids();
        let forward = ids.all().forward(&asked.attributing().engine(), &*asked.method)?;
        let sensitivity =
            Sensitivity::of((model, &self.choices), (metric, &request.limits), (&ids, &without), &forward, progress)?;
        let chosen = sensitivity.selected(request.context_sensitivity);
        let mut attribution = described(&reader, &with, &sensitivity);
        if chosen.is_empty() {
            warnings.extend(attribution.nothing_selected(request.context_sensitivity));
        }

        let run = attribution_request(request, &with.input().text, with.target.ids.clone(), attributes_target(&with));
        let function = self.choices.attributed_fn(model, &run, &run.attributed_fn_args)?;
        let forces = function.contrast().map(|contrast| contrast.contrast_force_inputs);
        let finder = Finder {
            reader: &reader,
            request,
            generation: &generation,
            with: &with,
            without: &without,
            sensitivity: &sensitivity,
        };
        let alternatives = match forces {
            Some(_) => finder.alternatives(&chosen, dialogue, progress)?,
            None => {
                warnings.extend(unused_contrasts(request, function.name()));
                Vec::new()
            }
        };
        let by_index: BTreeMap<usize, u32> = chosen.iter().copied().zip(alternatives.iter().copied()).collect();
        let other = ids.compared_with((&without, sensitivity.states.clone()), &by_index, forces == Some(true));
        let call = Call::resolve_with(model, &self.choices, &run, Some(other))?;
        let raw = match chosen.is_empty() {
            true => Vec::new(),
            false => attributed(&call, &ids, &forward, &chosen, progress)?,
        };
        let each = raw.iter().map(|raw| aggregated(request, raw)).collect::<Result<Vec<_>>>()?;
        let found = chosen.iter().zip(&each).map(|(&index, aggregated)| {
            let score = sensitivity.scores[index];
            cues(
                &reader,
                (&with, &without),
                Selected { index, score, alternative: by_index.get(&index).copied() },
                aggregated,
            )
        });
        attribution.cci_scores = found.collect::<Result<Vec<_>>>()?;
        attribution.info = Some(ContextInfo {
            arguments: info::arguments(request, &call, &templates, &attribution),
            warnings: distinct(warnings),
            ..spans(&reader, &with)
        });
        Ok(ContextOutcome { attribution, sensitivity: sensitivity.runs, cues: each })
    }
}

/// Refuses thresholds that are no number of standard deviations.
fn check_thresholds(request: &ContextRequest) -> Result<()> {
    for (name, salience) in [
        ("context_sensitivity_std_threshold", request.context_sensitivity),
        ("attribution_std_threshold", request.attribution_salience),
    ] {
        if !salience.std_threshold.is_finite() {
            return Err(Error::argument(
                name,
                format!("`{name}` must be a finite number of standard deviations, found {}", salience.std_threshold),
            ));
        }
    }
    Ok(())
}

/// Warnings about words to compare with, if the attributed function compares with none.
fn unused_contrasts<'r>(request: &'r ContextRequest, function: &'r str) -> impl Iterator<Item = Warning> {
    let given = [
        ("contextless_output_next_tokens", !request.contextless_output_next_tokens.is_empty()),
        ("prompt_user_for_contextless_output_next_tokens", request.prompt_user_for_contextless_output_next_tokens),
    ];
    let named = given.into_iter().filter(|(_, is_given)| *is_given);
    named.map(move |(name, _)| {
        let said = format!(
            "`{name}` has no effect: the attributed function {function} compares with no other token; give a contrastive `attributed_fn`, \
             such as contrast_prob_diff"
        );
        Warning::from(said)
    })
}

/// The attribution of the text with its context.
fn attribution_request(
    request: &ContextRequest,
    input: &str,
    target: Vec<u32>,
    attribute_target: bool,
) -> AttributionRequest {
    let mut run = AttributionRequest::new([input])
        .generated_token_ids(vec![target])
        .attribution_args(request.attribution_args.clone())
        .attributed_fn_args(request.attributed_fn_args.clone())
        .attribute_target(attribute_target)
        .limits(request.limits.clone());
    run.method.clone_from(&request.method);
    run.attributed_fn.clone_from(&request.attributed_fn);
    run
}

/// The texts and their tokens, with the sensitivity of the output.
fn described(reader: &Reader, with: &WithContext, sensitivity: &Sensitivity) -> ContextAttribution {
    let tokens = |passage: &Passage, positions: &[usize]| -> Vec<String> {
        positions.iter().map(|&position| reader.spelling(passage.ids[position], passage.role)).collect()
    };
    let tokens_of = |passage: &Passage, span: &Range<usize>| tokens(passage, &reader.tokens_of(passage, span));
    let text = |passage: &Passage, span: &Range<usize>| passage.text.get(span.clone()).unwrap_or_default().to_owned();
    let (input, input_context, output_context) = (with.input(), &with.input_context, &with.output_context);
    ContextAttribution {
        input_context: input_context.as_ref().map(|span| text(input, span)),
        input_context_tokens: input_context.as_ref().map(|span| tokens_of(input, span)),
        output_context: output_context.as_ref().map(|span| text(&with.target, span)),
        output_context_tokens: output_context.as_ref().map(|span| tokens_of(&with.target, span)),
        output_current: with.output().to_owned(),
        output_current_tokens: tokens(&with.target, &with.positions),
        cti_scores: sensitivity.scores.clone(),
        cci_scores: Vec::new(),
        info: None,
    }
}

/// The spans of the tokens of each part.
fn spans(reader: &Reader, with: &WithContext) -> ContextInfo {
    let of = |passage: &Passage, span: &Range<usize>| passage.spans(&reader.tokens_of(passage, span), span);
    ContextInfo {
        input_context_spans: with.input_context.as_ref().map(|span| of(with.input(), span)),
        output_context_spans: with.output_context.as_ref().map(|span| of(&with.target, span)),
        output_current_spans: Some(with.target.spans(&with.positions, &with.current)),
        ..ContextInfo::default()
    }
}

/// Warnings, each once: a tokenizer says the same of the text with its context and without it.
fn distinct(warnings: Vec<Warning>) -> Vec<Warning> {
    let mut said: Vec<Warning> = Vec::new();
    for warning in warnings {
        let sentence = Warning::from(warning.alone());
        if !said.contains(&sentence) {
            said.push(sentence);
        }
    }
    said
}
