//! One call: a request that is resolved once, and the stages of its texts.

use std::collections::{BTreeMap, HashSet};
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use web_time::Instant;

use inseq_core::aggregators::AggregationFunction;
use inseq_core::{Info, SequenceAttribution, StepAttribution, TextKind, TextName, Warning};
use inseq_models::generation::GenerationConfig;
use inseq_models::tokenizer::Role;
use serde_json::{Map, Value};

use crate::alternatives::compare;
use crate::attributing::{Attributing, Work};
use crate::choices::Choices;
use crate::engine::{Steps, TextSteps};
use crate::feature_groups::{FeatureGroups, TextTokens};
use crate::info::{Facts, Outcome};
use crate::limits::Limits;
use crate::loading::checked_budget;
use crate::method::{Attributions, INCLUDE_EOS_BASELINE, Method};
use crate::other_contexts::{Contrasts, OtherIds};
use crate::positions::{Asked, check_positions, steps_of, without_value};
use crate::progress::{Progress, ProgressCallback};
use crate::request::AttributionRequest;
use crate::sequences::{Sequences, runs};
use crate::step_functions::SharedStepFunction;
use crate::target_spans::{TargetSpans, Written};
use crate::targets::{Target, Targets};
use crate::text_model::TextModel;
use crate::texts::Texts;
use crate::{Error, Result, unused_options};

/// Number of texts that are read, generated and attributed together: the largest number of unfinished texts that a call holds,
/// for any number of texts.
const WINDOW: usize = 256;

/// A resolved request: each option is looked up, read and checked.
pub(crate) struct Call<'r> {
    pub(crate) texts: Texts<'r>,
    /// Generation configuration; `None` if targets are given.
    generation: Option<GenerationConfig>,
    pub(crate) asked: Asked<'r>,
    pub(crate) method: Arc<dyn Method>,
    pub(crate) attributed_fn: SharedStepFunction,
    pub(crate) step_scores: Vec<SharedStepFunction>,
    /// Functions that merge step scores, by name.
    merging: BTreeMap<String, AggregationFunction>,
    /// Whether target tokens have scores; in decoder-only models they always have.
    pub(crate) has_target_scores: bool,
    include_eos_baseline: bool,
    clean: bool,
    groups: &'r FeatureGroups,
    pub(crate) spans: &'r TargetSpans,
    batch_size: Option<usize>,
    output_steps: bool,
    limits: &'r Limits,
    pub(crate) memory_budget: usize,
    /// Warnings about options that have no effect.
    unused_options: Vec<String>,
    facts: Facts<'r>,
    /// The other context of the only text, if it is given as ids.
    other: Option<OtherIds>,
}

/// The functions that merge step scores, by name.
fn merging(step_scores: &[SharedStepFunction]) -> Result<BTreeMap<String, AggregationFunction>> {
    let each = step_scores.iter().filter_map(|one| Some((one.name().to_owned(), one.merging()?)));
    each.map(|(name, function)| Ok((name, function.checked()?))).collect()
}

/// Refuses a function of forwards with dropout for a model without dropout.
fn check_dropout(model: &TextModel, function: &SharedStepFunction) -> Result<()> {
    match function.noisy_forwards().is_some() && !model.model().has_dropout() {
        true => Err(Error::argument(
            "mc_dropout",
            format!(
                "the step function `{}` looks at forwards with dropout, but the model has none: every rate in its config.json \
                 is 0",
                function.name()
            ),
        )),
        false => Ok(()),
    }
}

/// A finished text.
pub(crate) struct Finished {
    /// Index of the text in the call.
    pub(crate) index: usize,
    /// Its attribution: one for each run of requested positions that follow each other.
    pub(crate) sequences: Vec<SequenceAttribution>,
    /// Raw output of each step, if requested.
    pub(crate) steps: Vec<StepAttribution>,
}

/// Texts as ids with their steps, and facts about them.
#[derive(Default)]
pub(crate) struct Prepared {
    pub(crate) texts: Vec<TextSteps>,
    /// The target of each, as text.
    pub(crate) written: Vec<String>,
}

impl<'r> Call<'r> {
    /// Resolves a request.
    ///
    /// # Errors
    /// An option is invalid; the error names it.
    pub(crate) fn resolve(model: &'r TextModel, choices: &Choices, request: &'r AttributionRequest) -> Result<Self> {
        Self::resolve_with(model, choices, request, None)
    }

    /// Resolves a request for one text, whose functions compare with another context that is given as ids.
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve).
    pub(crate) fn resolve_with(
        model: &'r TextModel,
        choices: &Choices,
        request: &'r AttributionRequest,
        other: Option<OtherIds>,
    ) -> Result<Self> {
        if request.batch_size == Some(0) {
            return Err(Error::argument("batch_size", "`batch_size` must be at least 1, found 0".into()));
        }
        request.feature_groups.check()?;
        let method = choices.method(model, request)?;
        let attributed_fn_args = choices.attributed_fn_args(request);
        let attributed_fn = choices.attributed_fn(model, request, &attributed_fn_args)?;
        let step_scores = choices.step_scores(model, request)?;
        for function in std::iter::once(&attributed_fn).chain(&step_scores) {
            check_dropout(model, function)?;
            if let (Some(contrast), None) = (function.contrast(), &other) {
                contrast.check(function.name())?;
            }
        }
        check_positions(request)?;
        let texts = Texts::of(model, request)?;
        let generation = match texts.gives_targets() && !texts.goes_on {
            true => None,
            false => Some(model.generation().merge(&request.generation_args)?),
        };
        let decoder_only = model.model().is_decoder_only();
        Ok(Self {
            facts: Facts::of(request, &*method, &attributed_fn, attributed_fn_args, &step_scores),
            unused_options: unused_options::of_call(request, &*method, model),
            generation,
            asked: Asked::Range { start: request.attr_pos_start, end: request.attr_pos_end },
            merging: merging(&step_scores)?,
            method,
            attributed_fn,
            step_scores,
            has_target_scores: request.attribute_target || decoder_only,
            include_eos_baseline: request.include_eos_baseline,
            clean: request.clean_special_chars,
            groups: &request.feature_groups,
            spans: &request.target_spans,
            batch_size: request.batch_size,
            output_steps: request.output_step_attributions,
            memory_budget: checked_budget(request.limits.memory_budget.unwrap_or(choices.load_options.memory_budget))?,
            limits: &request.limits,
            texts,
            other,
        })
    }

    /// Attributes the texts, and passes each to `each` when it is finished. Returns the other facts of a result.
    ///
    /// # Errors
    /// A text or a position is invalid, the call is cancelled, or `each` fails.
    pub(crate) fn run(&self, progress: ProgressCallback, mut each: impl FnMut(Finished) -> Result<()>) -> Result<Info> {
        let progress = &mut |news: Progress| match self.is_cancelled() {
            true => ControlFlow::Break(()),
            false => progress(news),
        };
        let mut outcome = Outcome::default();
        let mut work = Work::default();
        // Texts without steps have arrays of the others' shape.
        let mut shape: Option<Attributions> = None;
        let mut idle: Vec<TextSteps> = Vec::new();
        for window in self.windows() {
            let prepared = self.prepare(window, &mut outcome, progress)?;
            let started = Instant::now();
            let mut finish = |text: &TextSteps, attributions: Attributions, outcome: &mut Outcome| {
                if self.is_cancelled() {
                    return Err(Error::Cancelled);
                }
                let finished = self.finished(text, attributions)?;
                for sequence in &finished.sequences {
                    outcome.add(sequence);
                    let name = self.attributed_fn.name();
                    let is_undefined = || self.attributing().is_undefined(text);
                    let place = (finished.index, self.texts.len());
                    outcome.without_value.extend(without_value(sequence, place, name, is_undefined)?);
                }
                each(finished)
            };
            self.attributing().run(&prepared.texts, &mut work, progress, |text, attributions| {
                shape.get_or_insert_with(|| attributions.without_steps(0, 0));
                finish(text, attributions, &mut outcome)
            })?;
            idle.extend(prepared.texts.into_iter().filter(|text| text.steps.is_empty()));
            if let Some(shape) = &shape {
                for text in idle.drain(..) {
                    finish(&text, shape.without_steps(text.source.len(), text.target.len()), &mut outcome)?;
                }
            }
            outcome.seconds += started.elapsed().as_secs_f64();
        }
        if let Some((bytes, index)) = work.largest.filter(|(bytes, _)| *bytes > self.memory_budget) {
            outcome.warnings.push(unused_options::too_large(index, self.texts.len(), bytes, self.memory_budget));
        }
        Ok(self.facts.info(&self.texts, &outcome))
    }

    /// The texts that cannot be read: the index of each, and why.
    pub(crate) fn refusals(&self) -> Vec<(usize, Error)> {
        Targets { texts: &self.texts, generation: self.generation.as_ref() }.refusals()
    }

    /// Whether the caller has cancelled this call.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.limits.is_cancelled()
    }

    /// The facts of a result that do not depend on the texts.
    pub(crate) fn facts(&self) -> Map<String, Value> {
        const OF_TEXTS: [&str; 6] =
            ["attr_pos_start", "attr_pos_end", "exec_time", "input_texts", "generated_texts", "warnings"];
        let mut facts = self.facts.info(&self.texts, &Outcome::default()).to_map();
        facts.retain(|name, _| !OF_TEXTS.contains(&name.as_str()));
        facts
    }

    /// Ranges of texts that are read, generated and attributed together.
    pub(crate) fn windows(&self) -> impl Iterator<Item = Range<usize>> {
        let count = self.texts.len();
        (0..count).step_by(WINDOW).map(move |start| start..(start + WINDOW).min(count))
    }

    /// Texts as ids with their steps.
    ///
    /// # Errors
    /// A text is invalid, or no text of the call has the requested positions.
    pub(crate) fn prepare(
        &self,
        window: Range<usize>,
        outcome: &mut Outcome,
        progress: ProgressCallback,
    ) -> Result<Prepared> {
        if window.start == 0 {
            outcome.warnings.extend(self.unused_options.iter().cloned().map(Warning::from));
            outcome.warnings.extend(self.facts.unused_options(&self.texts).map(|said| Warning::from(said.to_owned())));
        }
        let targets = Targets { texts: &self.texts, generation: self.generation.as_ref() };
        let targets = targets.of(window.clone(), progress, &mut outcome.warnings)?;
        let mut prepared = Prepared::default();
        for (index, target) in window.clone().zip(targets) {
            let prompt = self.texts.model.model().is_decoder_only().then_some(target.source.len());
            let length = target.target.len();
            let steps = self.asked.of(index, prompt, length, &target.text);
            let steps = steps.and_then(|steps| self.in_spans(&target, index, steps));
            let steps = steps.map_err(|reason| match target.notes.as_slice() {
                [] => reason,
                notes => reason.noted(&notes.join("; ")),
            });
            outcome.has_steps |= steps.is_ok();
            let steps = steps.unwrap_or_else(|reason| {
                let count = self.texts.len();
                let name = TextName::new(TextKind::Attributed, index).of(count);
                outcome.without_steps.push(Warning::refusal(name, reason.to_string()));
                outcome.refusal.get_or_insert(reason);
                Steps::default()
            });
            prepared.texts.push(self.text_steps(&target, index, steps)?);
            prepared.written.push(target.text);
        }
        if let (false, true) = (outcome.has_steps, window.end == self.texts.len())
            && let Some(reason) = outcome.refusal.take()
        {
            return Err(reason);
        }
        let special = self.texts.model.special_tokens();
        outcome.has_end |= prepared.texts.iter().any(|text| unused_options::sees_end(text, &special));
        let uses_end = self.include_eos_baseline && !self.method.unused_options().contains(&INCLUDE_EOS_BASELINE);
        if uses_end && !outcome.has_end && window.end == self.texts.len() {
            outcome.warnings.push(unused_options::NO_END.to_owned().into());
        }
        let contrasts = self.contrasts();
        for text in &prepared.texts {
            outcome.contrasts.extend(contrasts.warnings(self.functions(), text)?);
            let of_attributed_fn = contrasts.alignment(std::iter::once(&self.attributed_fn), text)?;
            let of_step_scores = contrasts.alignment(self.step_scores.iter(), text)?;
            outcome.alignments[0].extend(of_attributed_fn);
            outcome.alignments[1].extend(of_step_scores);
        }
        // Functions that compare with the same texts say the same.
        let mut said = HashSet::new();
        outcome.contrasts.retain(|warning| said.insert(warning.clone()));
        outcome.written.extend(prepared.written.iter().cloned());
        Ok(prepared)
    }

    /// The steps of a text whose tokens are `requested` one by one.
    fn in_spans(&self, target: &Target, index: usize, requested: Steps) -> Result<Steps> {
        let tokens = match self.spans {
            TargetSpans::Tokens => return Ok(requested),
            _ => self.texts.model.tokens(&target.target, Role::Target, self.texts.given(index, Role::Target), false)?,
        };
        let first = if self.texts.model.model().is_decoder_only() { target.source.len() } else { 1 };
        self.spans.steps(requested, &Written { index, texts: self.texts.len(), tokens: &tokens, first })
    }

    /// A text with its baselines and features.
    pub(crate) fn text_steps(&self, target: &Target, index: usize, steps: Steps) -> Result<TextSteps> {
        let (texts, model) = (&self.texts, self.texts.model);
        let special = model.special_tokens();
        let unknown = special.unk.unwrap_or(0);
        let baseline = |ids: &[u32]| -> Vec<u32> {
            let keeps = |id: u32| !self.include_eos_baseline && Some(id) == special.eos;
            ids.iter().map(|&id| if keeps(id) { id } else { unknown }).collect()
        };
        let mut target_baseline = baseline(&target.target);
        if let (Some(first), Some(start)) = (target_baseline.first_mut(), model.decoder_start()) {
            *first = start;
        }
        // The prompt of a decoder-only model is the start of its target, and ends at the same place whichever steps are asked
        // for, and the features with it.
        let (source, first) = match model.model().is_decoder_only() {
            true => (Vec::new(), target.source.len()),
            false => (target.source.clone(), 1),
        };
        let [source_features, target_features] = self.groups.features(&TextTokens {
            index,
            texts: texts.len(),
            source: model.tokens(&source, Role::Source, texts.given(index, Role::Source), false)?,
            target: model.tokens(&target.target, Role::Target, texts.given(index, Role::Target), false)?,
            first_step: first,
        })?;
        Ok(TextSteps {
            index,
            source_features,
            target_features,
            source_baseline: baseline(&source),
            source,
            first,
            steps,
            target: target.target.clone(),
            target_baseline,
        })
    }

    /// Builds a finished text from the output of a method.
    pub(crate) fn finished(&self, text: &TextSteps, attributions: Attributions) -> Result<Finished> {
        let is_grouped = *self.groups != FeatureGroups::Tokens;
        let sequences = Sequences { texts: &self.texts, clean: self.clean, is_grouped };
        let others = self.contrasts().alternatives(self.functions(), text, self.clean)?;
        let mut finished = Finished { index: text.index, sequences: Vec::new(), steps: Vec::new() };
        for (run, text, attributions) in runs(text, attributions) {
            let mut sequence = sequences.of(&text, attributions)?;
            sequence.step_score_merging = self.merging.clone();
            let mut steps = if self.output_steps { steps_of(&sequence) } else { vec![] };
            compare(&mut sequence, &mut steps, others.get(run).unwrap_or_default());
            finished.sequences.push(sequence);
            finished.steps.extend(steps);
        }
        Ok(finished)
    }

    /// The attributed function and the step scores.
    fn functions(&self) -> impl Iterator<Item = &SharedStepFunction> {
        std::iter::once(&self.attributed_fn).chain(&self.step_scores)
    }

    pub(crate) fn contrasts(&self) -> Contrasts<'_> {
        Contrasts { texts: &self.texts, given: self.other.as_ref() }
    }

    pub(crate) fn attributing(&self) -> Attributing<'_> {
        Attributing {
            model: self.texts.model,
            method: &*self.method,
            attributed_fn: &self.attributed_fn,
            step_scores: &self.step_scores,
            has_target_scores: self.has_target_scores,
            contrasts: self.contrasts(),
            memory_budget: self.memory_budget,
            batch_size: self.batch_size,
            forward: None,
        }
    }
}
