//! One `attribute` call, from texts to the result.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::time::Instant;

use inseq_core::{AttributionResult, SequenceAttribution, StepAttribution, Token};
use inseq_models::tokenizer::Role;
use ndarray::Array1;
use serde_json::{Map, Value, json};

use crate::alternatives::compare;
use crate::engine::{Engine, TextSteps};
use crate::feature_groups::{FeatureGroups, TextTokens};
use crate::loading::{Loading, Policy};
use crate::method::{Attributions, Method, MethodContext};
use crate::other_contexts::Run;
use crate::pieces::{batches, joined, pieces};
use crate::positions::{Positions, hide_what_steps_cannot_see, steps_of, without_value};
use crate::request::{AttributionRequest, MethodChoice, Progress, ProgressCallback, StepFunctionChoice};
use crate::step_functions::{SharedStepFunction, StepFunction};
use crate::targets::{Target, Targets};
use crate::{AttributionModel, Error, Result};

impl AttributionModel {
    /// Attributes every generated token of every text.
    ///
    /// # Errors
    /// When an option, a text or a position cannot be used, naming it.
    pub fn attribute(&self, request: &AttributionRequest) -> Result<AttributionResult> {
        self.attribute_with_progress(request, &mut |_| ControlFlow::Continue(()))
    }

    /// As [`attribute`](Self::attribute), telling how far it has come.
    ///
    /// # Errors
    /// As [`attribute`](Self::attribute), and [`Error::Cancelled`] when `progress` returns `Break`.
    pub fn attribute_with_progress(
        &self,
        request: &AttributionRequest,
        progress: ProgressCallback,
    ) -> Result<AttributionResult> {
        let options = Options::new(self, request)?;
        let chats = self.as_chats(request)?;
        let request = &*chats;
        let mut targets = self.targets(request, progress)?;
        let positions = Positions::of(request, &targets.texts, !self.model().is_decoder_only())?;
        let texts = self.all_steps(request, &targets.texts, &positions)?;
        let functions = || std::iter::once(&options.attributed_fn).chain(&options.step_scores);
        targets.warnings.extend(self.contrast_warnings(request, functions(), &texts)?);
        targets.warnings.extend(positions.warnings);
        let alternatives = self.alternatives(request, functions(), &texts)?;
        let started = Instant::now();
        let mut sequences = self.attribute_texts(request, &options, &texts, progress)?;
        let seconds = started.elapsed().as_secs_f64();
        targets.warnings.extend(without_value(&sequences));
        let mut steps: Vec<Vec<StepAttribution>> =
            sequences.iter().map(|one| if request.output_step_attributions { steps_of(one) } else { vec![] }).collect();
        for ((sequence, steps), others) in sequences.iter_mut().zip(&mut steps).zip(&alternatives) {
            compare(sequence, steps, others);
        }
        let steps = request.output_step_attributions.then(|| steps.into_iter().flatten().collect());
        let mut info = self.info(request, &options, &targets, &sequences, seconds)?;
        let attributed_fn = std::iter::once(&options.attributed_fn);
        for (name, arguments) in [
            ("attributed_fn_args", self.with_alignments(request, &request.attributed_fn_args, attributed_fn, &texts)?),
            (
                "step_scores_args",
                self.with_alignments(request, &request.step_scores_args, options.step_scores.iter(), &texts)?,
            ),
        ] {
            info.insert(name.into(), arguments.into());
        }
        Ok(AttributionResult { sequences, steps, info })
    }

    pub(crate) fn all_steps(
        &self,
        request: &AttributionRequest,
        targets: &[Target],
        positions: &Positions,
    ) -> Result<Vec<TextSteps>> {
        let texts = targets.iter().zip(&positions.steps).enumerate();
        texts.map(|(index, (target, steps))| self.text_steps(request, target, index, steps.clone())).collect()
    }

    /// A text with its baselines and features.
    fn text_steps(
        &self,
        request: &AttributionRequest,
        target: &Target,
        index: usize,
        steps: Range<usize>,
    ) -> Result<TextSteps> {
        let special = self.special_tokens();
        let unknown = special.unk.unwrap_or(0);
        let baseline = |ids: &[u32]| -> Vec<u32> {
            let keeps = |id: u32| !request.include_eos_baseline && Some(id) == special.eos;
            ids.iter().map(|&id| if keeps(id) { id } else { unknown }).collect()
        };
        let mut target_baseline = baseline(&target.target);
        if let (Some(first), Some(start)) = (target_baseline.first_mut(), self.loaded.decoder_start) {
            *first = start;
        }
        // The prompt of a decoder-only model is the start of its target.
        let source = if self.model().is_decoder_only() { Vec::new() } else { target.source.clone() };
        // The prompt ends at the same place whichever steps are asked for, and the features with it.
        let first = if self.model().is_decoder_only() { target.source.len() } else { 1 };
        let [source_features, target_features] = request.feature_groups.features(&TextTokens {
            index,
            texts: request.input_texts.len(),
            source: self.tokens(&source, Role::Source, self.given(request, index, Role::Source), false)?,
            target: self.tokens(&target.target, Role::Target, self.given(request, index, Role::Target), false)?,
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

    fn attribute_texts(
        &self,
        request: &AttributionRequest,
        options: &Options,
        texts: &[TextSteps],
        progress: ProgressCallback,
    ) -> Result<Vec<SequenceAttribution>> {
        let engine = Engine { model: self.model(), memory_budget: self.load_options.memory_budget, layer: None };
        let pieces = pieces(self.model(), &*options.method, options.has_target_scores, texts);
        let longest = pieces.iter().map(|piece| engine.entries_that_fit(&piece.steps)).min().unwrap_or(1);
        let size = request.batch_size.unwrap_or(usize::MAX).clamp(1, longest);
        let work = |text: &TextSteps| {
            options.method.cost(self.model(), text, options.has_target_scores).forwards.times(text.steps.len()).most
        };
        let total = pieces.iter().map(|piece| work(&piece.steps)).fold(0, usize::saturating_add);
        let special_tokens = self.special_tokens().all;
        let mut done = 0;
        let mut of_pieces: Vec<Vec<Attributions>> = vec![Vec::new(); texts.len()];
        for batch in batches(self.model(), &pieces, size) {
            let batch_texts: Vec<&TextSteps> = batch.iter().map(|piece| &*piece.steps).collect();
            let shown = batch_texts
                .iter()
                .map(|text| self.decode(&text.target, Role::Target, true))
                .collect::<Result<Vec<_>>>()?;
            let mut advance = |more: usize| {
                done = usize::saturating_add(done, more);
                match progress(Progress::Attributing { done, total, texts: shown.clone() }) {
                    ControlFlow::Continue(()) => Ok(()),
                    ControlFlow::Break(()) => Err(Error::Cancelled),
                }
            };
            advance(0)?;
            let point = engine.inputs(&batch_texts)?;
            let trace = engine.trace(&point);
            let run = Run { point: &point, trace: &trace };
            let function = self.bound(&options.attributed_fn, request, &run, true)?;
            let step_scores = options.step_scores.iter().map(|function| self.bound(function, request, &run, false));
            let step_scores = step_scores.collect::<Result<Vec<_>>>()?;
            let functions: Vec<&dyn StepFunction> = step_scores.iter().map(|function| &**function).collect();
            let scores = engine.scores(&point, trace.hidden(), &functions)?;
            let attributions = options.method.attribute(&mut MethodContext {
                attribution_model: self,
                engine: &engine,
                point: &point,
                trace: &trace,
                function,
                attribute_target: options.has_target_scores,
                special_tokens: &special_tokens,
                advance: &mut advance,
            })?;
            if attributions.len() != batch.len() {
                return Err(Error::Method {
                    method: options.method.name().to_owned(),
                    problem: format!(
                        "gave {} results for {} texts; it must give one for each",
                        attributions.len(),
                        batch.len()
                    ),
                });
            }
            for (entry, mut attributions) in attributions.into_iter().enumerate() {
                attributions.check(options.method.name(), self.model(), batch_texts[entry])?;
                let named = options.step_scores.iter().zip(&scores);
                let named = named.map(|(f, s)| (f.name().to_string(), Array1::from(s[entry].clone())));
                attributions.step_scores = named.chain(attributions.step_scores).collect();
                let piece = batch[entry];
                of_pieces[piece.text].push(piece.of_asked(attributions));
            }
        }
        // A text without steps has no pieces.
        let nothing = of_pieces.iter().flatten().next().map(|some| some.without_steps(0, 0)).unwrap_or_default();
        let each = of_pieces.into_iter().zip(texts).map(|(pieces, text)| {
            let attributions = match text.steps.is_empty() {
                true => nothing.without_steps(text.source.len(), text.target.len()),
                false => joined(pieces)?,
            };
            let sequence = self.sequence(request, text, attributions)?;
            Ok(SequenceAttribution { step_score_merging: self.step_score_merging(&options.step_scores), ..sequence })
        });
        each.collect()
    }

    fn sequence(
        &self,
        request: &AttributionRequest,
        text: &TextSteps,
        attributions: Attributions,
    ) -> Result<SequenceAttribution> {
        let mut target_attributions = attributions.target;
        if let Some(array) = &mut target_attributions {
            hide_what_steps_cannot_see(array, text.steps.start);
        }
        let tokens = |ids: &[u32], role| {
            self.tokens(ids, role, self.given(request, text.index, role), request.clean_special_chars)
        };
        let target = tokens(&text.target, Role::Target)?;
        let mut sequence = SequenceAttribution {
            source: match &self.model().encoder {
                Some(_) => tokens(&text.source, Role::Source)?,
                None => target[..text.steps.start].to_vec(),
            },
            target,
            source_attributions: attributions.source,
            target_attributions,
            step_scores: attributions.step_scores.into_iter().collect(),
            sequence_scores: attributions.sequence_scores.into_iter().collect(),
            attr_pos_start: text.steps.start,
            attr_pos_end: text.steps.end,
            kind: attributions.kind,
            ..SequenceAttribution::default()
        };
        sequence.add_unseen_rows();
        if request.feature_groups == FeatureGroups::Tokens {
            return Ok(sequence);
        }
        let mut merged = text.merge_features(&sequence)?;
        if request.clean_special_chars {
            // Between the pieces of a word there is nothing, between words a space, which only the marks tell.
            let [source, target] = text.merged();
            let (role, ids) = match &self.model().encoder {
                Some(_) => (Role::Source, &text.source),
                None => (Role::Target, &text.target),
            };
            self.clean_merged(&mut merged.source, ids, role, source)?;
            self.clean_merged(&mut merged.target, &text.target, Role::Target, target)?;
        }
        Ok(merged)
    }

    /// Gives tokens that were merged of the spans of `ids` the text of these.
    fn clean_merged(&self, tokens: &mut [Token], ids: &[u32], role: Role, spans: Vec<Range<usize>>) -> Result<()> {
        for (token, span) in tokens.iter_mut().filter(|token| token.id.is_none()).zip(spans) {
            token.text = self.decode_whole(&ids[span], role, token.piece.as_ref())?.trim().to_owned();
        }
        Ok(())
    }

    /// The text that the ids of a side are, as far as it was given.
    fn given<'r>(&self, request: &'r AttributionRequest, index: usize, role: Role) -> Option<&'r str> {
        let given = request.generated_texts.as_ref().and_then(|texts| texts.get(index));
        // A decoder-only model goes on from its prompt.
        let is_prompt = role == Role::Source || (self.model().is_decoder_only() && given.is_none());
        let text = if is_prompt { request.input_texts.get(index) } else { given };
        text.map(String::as_str)
    }

    /// Tokens with what they stand for in their text, which is `given` or was generated.
    pub(crate) fn tokens(&self, ids: &[u32], role: Role, given: Option<&str>, clean: bool) -> Result<Vec<Token>> {
        let role = self.role(role);
        let mut tokens = self.tokenizer.tokens(ids, role, given);
        if clean {
            for (token, id) in tokens.iter_mut().zip(ids) {
                let cleaned = self.decode_whole(&[*id], role, token.piece.as_ref())?;
                if !cleaned.is_empty() {
                    token.text = cleaned;
                }
            }
        }
        Ok(tokens)
    }

    /// The text of ids; where it is not a whole number of characters, that of the `piece` that they are.
    fn decode_whole(&self, ids: &[u32], role: Role, piece: Option<&inseq_core::Piece>) -> Result<String> {
        Ok(match piece {
            Some(piece) if !piece.is_whole() => piece.to_string(),
            _ => self.decode(ids, role, false)?,
        })
    }

    fn info(
        &self,
        request: &AttributionRequest,
        options: &Options,
        targets: &Targets,
        sequences: &[SequenceAttribution],
        seconds: f64,
    ) -> Result<Map<String, Value>> {
        let names =
            |functions: &[SharedStepFunction]| functions.iter().map(|f| f.name().to_string()).collect::<Vec<_>>();
        let texts: Vec<&str> = targets.texts.iter().map(|target| target.text.as_str()).collect();
        let attributed = || sequences.iter().filter(|sequence| sequence.steps() > 0);
        let info = json!({
            "attribution_method": options.method.name(),
            "attr_pos_start": attributed().map(|s| s.attr_pos_start).max(),
            "attr_pos_end": attributed().map(|s| s.attr_pos_end).max(),
            "output_step_attributions": request.output_step_attributions,
            "attribute_target": options.attribute_target,
            "step_scores": names(&options.step_scores),
            "exec_time": seconds,
            "model_name": self.name(),
            "model_class": self.loaded.model_class,
            "tokenizer_name": self.name(),
            "tokenizer_class": self.tokenizer.class(),
            "include_eos_baseline": request.include_eos_baseline,
            "attributed_fn": options.attributed_fn.name(),
            "attribution_args": match &request.method {
                Some(MethodChoice::Own(method)) => method.arguments(),
                _ => request.attribution_args.clone(),
            },
            "input_texts": request.input_texts,
            "generated_texts": texts,
            "generation_args": request.generation_args,
            "constrained_decoding": request.gives_targets(),
            "generate_from_target_prefix": request.generate_from_target_prefix && !self.model().is_decoder_only(),
        });
        let Value::Object(mut info) = info else { return Ok(Map::new()) };
        if let Some(groups) = request.feature_groups.name() {
            info.insert("feature_groups".into(), json!(groups));
        }
        if !targets.warnings.is_empty() {
            info.insert("warnings".into(), json!(targets.warnings));
        }
        Ok(info)
    }
}

/// The options of a request, looked up.
pub(crate) struct Options {
    pub(crate) method: Arc<dyn Method>,
    pub(crate) attributed_fn: SharedStepFunction,
    step_scores: Vec<SharedStepFunction>,
    attribute_target: bool,
    /// Whether target tokens have scores: those of a decoder-only model always have.
    pub(crate) has_target_scores: bool,
}

impl Options {
    pub(crate) fn new(model: &AttributionModel, request: &AttributionRequest) -> Result<Self> {
        let function = request.attributed_fn.as_ref().unwrap_or(model.default_attributed_fn());
        let method = match &request.method {
            None => model.methods().named(model.default_method(), &request.attribution_args)?,
            Some(MethodChoice::Named(name)) => model.methods().named(name, &request.attribution_args)?,
            Some(MethodChoice::Own(method)) if request.attribution_args.is_empty() => {
                method.validate()?;
                method.clone()
            }
            Some(MethodChoice::Own(method)) => {
                return Err(Error::Argument(format!(
                    "the method `{}` is given with its options, so that `attribution_args` are for no method; leave them out, \
                     or give the method by its name",
                    method.name()
                )));
            }
        };
        method.check(model.model())?;
        let method = method.prepare(&Loading::new(&model.load_options, Policy::OPEN))?.unwrap_or(method);
        Ok(Self {
            method,
            attributed_fn: match function {
                StepFunctionChoice::Named(name) => model.step_function(name, &request.attributed_fn_args)?,
                StepFunctionChoice::Own(function) => function.clone(),
            },
            step_scores: {
                let names = request.step_scores.iter().filter_map(|choice| match choice {
                    StepFunctionChoice::Named(name) => Some(name.as_str()),
                    StepFunctionChoice::Own(_) => None,
                });
                let names: Vec<&str> = names.collect();
                let mut named = model.shared_step_functions(&names, &request.step_scores_args)?.into_iter();
                let each = request.step_scores.iter().filter_map(|choice| match choice {
                    StepFunctionChoice::Named(_) => named.next(),
                    StepFunctionChoice::Own(function) => Some(function.clone()),
                });
                each.collect()
            },
            attribute_target: request.attribute_target && !model.model().is_decoder_only(),
            has_target_scores: request.attribute_target || model.model().is_decoder_only(),
        })
    }
}
