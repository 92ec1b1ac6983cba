//! Estimates the cost of a `cite` call.

use std::ops::ControlFlow;

use inseq_core::Warning;
use inseq_models::model::{IncrementalDecoder, Wanted};
use inseq_models::tokenizer::Role;
use serde_json::Map;
use web_time::Instant;

use super::cite::Citing;
use super::memory::Memory;
use super::method::{AttributionWork, CitationMethod};
use super::registry::list_methods;
use super::request::CitationRequest;
use super::token_scores::log_odds;
use super::variants::Ids;
use crate::attribution_model::AttributionModel;
use crate::engine::{Engine, Steps, TextSteps};
use crate::method::Bounds;
use crate::{Error, Result};

/// Estimated cost of a `cite` call.
#[derive(Clone, Debug, PartialEq)]
pub struct CitationPlan {
    /// Number of sources.
    pub sources: usize,
    /// Number of tokens of the prompt.
    pub prompt: usize,
    /// Number of tokens of the answer; if the model is to generate it, the largest number.
    pub answer: usize,
    /// Approximate time in seconds to generate the answers, from one timed token; `None` if nothing is generated.
    pub generation: Option<f64>,
    /// Cost of the method of the request, then of the other methods with their default arguments.
    pub methods: Vec<CitationCost>,
    /// Warnings for the reader of a result, one sentence each.
    pub warnings: Vec<Warning>,
}

/// Estimated cost of a citation method.
#[derive(Clone, Debug, PartialEq)]
pub struct CitationCost {
    /// Name of the method.
    pub method: String,
    /// Number of forwards, each for all sentences of the answer. The upper bound has two for the prompt with and without its sources,
    /// and one for the gain of each source.
    pub forwards: Bounds,
    /// Number of pullbacks, each of a sentence or of a token. An answer that is to be generated counts as sentences of 25 tokens.
    pub pullbacks: Bounds,
    /// Approximate time in seconds. The lower bound is that of forwards that share the whole prompt, the upper one that of forwards that
    /// share nothing.
    pub seconds: Bounds<f64>,
    /// Approximate peak size of the tensors without the model's weights, in bytes. It is larger than the memory budget if the method does
    /// not fit; then it is the smallest budget that would do.
    pub bytes: usize,
}

/// Largest number of tokens of a text that is timed. The time of a longer one follows from its number of multiplications.
const TIMED: usize = 512;

/// Number of tokens of a sentence, if the answer is not known.
const SENTENCE: usize = 25;

/// Seconds after which what is timed is not timed again: a first run takes longer by less than this.
const LONG: f64 = 1.0;

/// Timed parts of a forward, in seconds.
struct Times {
    /// The prompt with the answer.
    whole: f64,
    /// The answer, after the prompt.
    answer: f64,
    /// One token after the prompt.
    token: f64,
    /// The pullback of a sentence, with what the trace of the prompt takes more than its forward.
    pullback: f64,
}

impl AttributionModel {
    /// Estimates the cost of a `cite` call, without its answer: tokens, forwards, memory, and the time of every method.
    ///
    /// # Errors
    /// As those of [`cite`](Self::cite).
    ///
    /// ```
    /// # #[cfg(feature = "demo")] {
    /// use inseq_methods::AttributionModel;
    /// use inseq_methods::citations::{CitationRequest, Sources};
    ///
    /// let prompt = "The doors are white. The tired nurse said that she was late.";
    /// let sources = Sources::of_spans(prompt, [("doors".to_owned(), 0..20), ("nurse".to_owned(), 21..60)])?;
    /// let plan = AttributionModel::demo()?.plan_citations(&CitationRequest::new(sources).answer("Les portes."))?;
    /// assert_eq!((plan.sources, plan.methods[0].method.as_str()), (2, "context_cite"));
    /// # }
    /// # Ok::<(), inseq_methods::Error>(())
    /// ```
    pub fn plan_citations(&self, request: &CitationRequest) -> Result<CitationPlan> {
        let mut warnings = Vec::new();
        let plan = self.citing(request, &mut warnings, |citing, warnings| {
            let prompt = citing.prompt_ids()?;
            let most = citing.most_new_tokens(prompt.len());
            let (whole, sentences) = match &request.answer {
                Some(_) => {
                    let (whole, answer) = citing.answered(&mut |_| ControlFlow::Continue(()), warnings)?;
                    (whole, answer.sentences.into_iter().map(|sentence| sentence.tokens).collect())
                }
                None => {
                    let whole = citing.with_any_answer(prompt.clone(), most)?;
                    let tokens = whole.target.len() - whole.first;
                    let sentence = |start: usize| start..(start + SENTENCE).min(tokens);
                    (whole, (0..tokens).step_by(SENTENCE).map(sentence).collect::<Vec<_>>())
                }
            };
            let text = whole.with_sentences(sentences.into_iter());
            citing.check_fits(&text)?;
            let times = Times::of(&citing.engine(), &whole)?;
            let generations = usize::from(request.answer.is_none()) + usize::from(request.contextless_answer);
            let sources = citing.prompt.spans.len();
            let others = list_methods().iter().filter(|info| info.name != request.method.name());
            let others = others.map(|info| info.with(&Map::new())).collect::<Result<Vec<_>>>()?;
            let methods = std::iter::once(&request.method).chain(&others);
            Ok(CitationPlan {
                sources,
                prompt: prompt.len(),
                answer: whole.target.len() - whole.first,
                generation: (generations > 0)
                    .then(|| (generations * most * citing.generation.num_beams) as f64 * times.token),
                methods: methods
                    .map(|method| citing.cost(&**method, (sources, &text), &times))
                    .collect::<Result<_>>()?,
                warnings: Vec::new(),
            })
        })?;
        Ok(CitationPlan { warnings, ..plan })
    }
}

impl Times {
    /// Times a text, or its last tokens if it is long.
    fn of(engine: &Engine, whole: &Ids) -> Result<Self> {
        let model = engine.model;
        let short = whole.shortened(TIMED);
        let mut times = Self { whole: 0.0, answer: 0.0, token: 0.0, pullback: 0.0 };
        // What is run for the first time takes longer.
        for _ in 0..2 {
            let start = Instant::now();
            times = Self::measured(engine, &short)?;
            if start.elapsed().as_secs_f64() > LONG {
                break;
            }
        }
        let more = |of: fn(&Ids, bool) -> [usize; 3], again: bool| {
            let count = |ids: &Ids| {
                let [source, past, new] = of(ids, again);
                model.multiplications(source, past, new).max(1.0)
            };
            count(whole) / count(&short)
        };
        let of_whole = more(|ids, _| [ids.source.len(), 0, ids.target.len()], true);
        let of_answer = more(
            |ids, shares| match shares {
                true => [0, ids.first - 1, ids.target.len() - ids.first + 1],
                false => [ids.source.len(), 0, ids.target.len()],
            },
            model.is_decoder_only(),
        );
        let of_token = more(|ids, _| [0, ids.first - 1, 1], true);
        Ok(Self {
            whole: times.whole * of_whole,
            answer: times.answer * of_answer,
            token: times.token * of_token,
            pullback: times.pullback * of_whole,
        })
    }

    fn measured(engine: &Engine, whole: &Ids) -> Result<Self> {
        let model = engine.model;
        let run = |from: usize, decoder: &mut IncrementalDecoder| -> Result<f64> {
            let text = whole.starting_at(from);
            let start = Instant::now();
            let point = engine.inputs(&[&text])?;
            let hidden = decoder.extend(point.target.clone(), point.target.dims()[1]);
            engine.scores(&point, &hidden, &[&*log_odds()])?;
            Ok(start.elapsed().as_secs_f64())
        };
        let text = whole.starting_at(0);
        let start = Instant::now();
        let point = engine.inputs(&[&text])?;
        let memory = point.source.as_ref().and_then(|source| model.memory(source));
        let mut decoder = IncrementalDecoder::after_encoder(model, memory.as_ref(), 1);
        let encoder = start.elapsed().as_secs_f64();
        let before = decoder.clone();
        let all = encoder + run(0, &mut decoder)?;
        let answer = match model.is_decoder_only() {
            true => run(whole.first - 1, &mut decoder.prefix(whole.first - 1))?,
            false => all,
        };
        let mut decoder = if model.is_decoder_only() { decoder.prefix(whole.first - 1) } else { before };
        let start = Instant::now();
        let embedded = model.target_embedding.forward(&whole.target[whole.first - 1..whole.first], 1);
        crate::device::read(model.logits(decoder.extend(embedded, 1)).sum(), "logits")?;
        let token = start.elapsed().as_secs_f64();
        let span = TextSteps { steps: Steps::spans(std::iter::once(whole.first..whole.target.len())), ..text };
        let point = engine.inputs(&[&span])?;
        let wanted = Wanted { source: !model.is_decoder_only(), target: model.is_decoder_only(), first: &[] };
        let start = Instant::now();
        let trace = engine.trace(&point);
        engine.gradients(&point, &trace, &*log_odds(), wanted, |_, _, gradients| {
            // A device may compute only what is read.
            for side in [gradients.source, gradients.target].into_iter().flatten() {
                crate::device::read(side.sum(), "gradients")?;
            }
            Ok(())
        })?;
        Ok(Self { whole: all, answer, token, pullback: (start.elapsed().as_secs_f64() - all).max(0.0) })
    }
}

impl Citing<'_> {
    fn cost(
        &self,
        method: &dyn CitationMethod,
        (sources, text): (usize, &TextSteps),
        times: &Times,
    ) -> Result<CitationCost> {
        let work = method.attributions(self.attribution, text)?;
        let AttributionWork { forwards, pullbacks, .. } = work;
        // The whole prompt, the prompt without sources, and that without each source may be among the forwards of the method, or not.
        let least = method.forwards(sources);
        let variants = Bounds { least, most: least + 2 + sources };
        let memory = self.memory(work, text);
        let seconds = |each: f64, variants: usize, forwards: usize, pullbacks: usize| {
            let variants = times.whole + each * variants.saturating_sub(1) as f64;
            let forwards = forwards + memory.forwards_again(self.budget, pullbacks);
            variants + forwards as f64 * times.whole + pullbacks as f64 * times.pullback
        };
        Ok(CitationCost {
            method: method.name().to_owned(),
            forwards: Bounds {
                least: variants.least.saturating_add(forwards.least),
                most: variants.most.saturating_add(forwards.most),
            },
            pullbacks,
            seconds: Bounds {
                least: seconds(times.answer, variants.least, forwards.least, pullbacks.least),
                most: seconds(times.whole, variants.most, forwards.most, pullbacks.most),
            },
            bytes: memory.needed(self.budget).unwrap_or_else(|bytes| bytes),
        })
    }

    fn memory<'t>(&'t self, work: AttributionWork, text: &'t TextSteps) -> Memory<'t> {
        let beams = if self.request.answer.is_some() { 0 } else { self.generation.num_beams };
        Memory { model: self.model.model(), text, beams, work }
    }

    /// The ids of the prompt that the model reads before its answer.
    pub(super) fn prompt_ids(&self) -> Result<Vec<u32>> {
        let special = !self.prompt.is_chat;
        self.model.encode(&self.prompt.text, Role::Source, special)
    }

    /// The largest number of tokens that the model generates after a prompt of a length.
    fn most_new_tokens(&self, prompt: usize) -> usize {
        // The target of an encoder-decoder begins with one token.
        let start = if self.model.model().is_decoder_only() { prompt } else { 1 };
        let most = self.generation.max_new_tokens;
        most.or_else(|| Some(self.generation.max_length?.saturating_sub(start))).unwrap_or(1).max(1)
    }

    /// Refuses a method that does not fit into the memory budget with a text, whose steps are the sentences of its answer.
    pub(super) fn check_fits(&self, text: &TextSteps) -> Result<()> {
        let method = &self.request.method;
        let work = method.attributions(self.attribution, text)?;
        let Err(bytes) = self.memory(work, text).needed(self.budget) else { return Ok(()) };
        let problem = format!(
            "`{}` for the prompt and the answer ({} tokens) needs about {bytes} bytes, but `memory_budget` is {} bytes; set \
             `memory_budget` to {bytes} or more, or leave sources out",
            method.name(),
            text.source.len() + text.target.len(),
            self.budget
        );
        Err(Error::Limit { name: "memory_budget".to_owned(), text: None, problem })
    }

    /// The prompt with an answer of a length; which tokens these are does not change the cost.
    pub(super) fn with_any_answer(&self, prompt: Vec<u32>, tokens: usize) -> Result<Ids> {
        let model = self.model.model();
        let any = prompt.last().copied().unwrap_or_default();
        let (source, start, positions) = match model.is_decoder_only() {
            true => (Vec::new(), prompt, model.max_target_positions()),
            false => (prompt, self.model.decoder_start().into_iter().collect(), model.max_target_positions()),
        };
        self.check_length(None)?;
        let first = start.len();
        let tokens = positions.map_or(tokens, |most| tokens.min(most.saturating_sub(first))).max(1);
        Ok(Ids { source, target: [start, vec![any; tokens]].concat(), first })
    }
}
