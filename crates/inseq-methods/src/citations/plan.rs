//! Estimates the cost of a `cite` call.

use std::borrow::Cow;
use std::ops::ControlFlow;

use inseq_core::Warning;
use inseq_models::model::IncrementalDecoder;
use inseq_models::tokenizer::Role;
use serde_json::Map;
use web_time::Instant;

use super::cite::Citing;
use super::method::CitationMethod;
use super::registry::list_methods;
use super::request::CitationRequest;
use super::token_scores::log_odds;
use super::variants::Ids;
use crate::attribution_model::AttributionModel;
use crate::engine::Engine;
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
    /// Approximate peak size of the tensors without the model's weights, in bytes.
    pub bytes: usize,
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
    /// Approximate time in seconds. The lower bound is that of forwards that share the whole prompt, the upper one that of forwards that
    /// share nothing. `None` if the method attributes sentences to tokens: pullbacks and the forwards of such methods are not estimated.
    pub seconds: Option<Bounds<f64>>,
}

/// Timed parts of a forward, in seconds.
struct Times {
    /// The prompt with the answer.
    whole: f64,
    /// The answer, after the prompt.
    answer: f64,
    /// One token after the prompt.
    token: f64,
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
            let whole = match &request.answer {
                Some(_) => citing.answered(&mut |_| ControlFlow::Continue(()), warnings)?.0,
                None => citing.with_any_answer(prompt.clone(), most)?,
            };
            citing.check_fits(Some(&whole))?;
            let engine = citing.engine();
            let times = timed(&engine, &whole)?;
            let generations = usize::from(request.answer.is_none()) + usize::from(request.contextless_answer);
            let sources = citing.prompt.spans.len();
            let others = list_methods().iter().filter(|info| info.name != request.method.name());
            let others = others.map(|info| info.with(&Map::new())).collect::<Result<Vec<_>>>()?;
            let methods = std::iter::once(&request.method).chain(&others);
            Ok(CitationPlan {
                sources,
                prompt: prompt.len(),
                answer: whole.target.len() - whole.first,
                bytes: bytes_of(&engine, &whole),
                generation: (generations > 0)
                    .then(|| (generations * most * citing.generation.num_beams) as f64 * times.token),
                methods: methods.map(|method| cost(&**method, sources, &times)).collect(),
                warnings: Vec::new(),
            })
        })?;
        Ok(CitationPlan { warnings, ..plan })
    }
}

fn cost(method: &dyn CitationMethod, sources: usize, times: &Times) -> CitationCost {
    // The whole prompt, the prompt without sources, and that without each source may be among the forwards of the method, or not.
    let least = method.forwards(sources);
    let forwards = Bounds { least, most: least + 2 + sources };
    let seconds = |each: f64, forwards: usize| times.whole + each * forwards.saturating_sub(1) as f64;
    CitationCost {
        method: method.name().to_owned(),
        forwards,
        seconds: (!method.reads_tokens()).then(|| Bounds {
            least: seconds(times.answer, forwards.least),
            most: seconds(times.whole, forwards.most),
        }),
    }
}

/// Size in bytes of the tensors of one forward, with the keys and values that the next ones share.
fn bytes_of(engine: &Engine, whole: &Ids) -> usize {
    let history = match engine.model.is_decoder_only() {
        // Those of the whole prompt, and a copy that a variant goes on from.
        true => 2 * engine.model.bytes_per_history(whole.target.len()),
        false => 0,
    };
    history + engine.model.bytes_per_probe(whole.source.len(), whole.target.len())
}

fn timed(engine: &Engine, whole: &Ids) -> Result<Times> {
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
    let mut times = Times { whole: 0.0, answer: 0.0, token: 0.0 };
    // What is run for the first time takes longer.
    for _ in 0..2 {
        let start = Instant::now();
        let point = engine.inputs(&[&text])?;
        let memory = point.source.as_ref().and_then(|source| model.memory(source));
        let mut decoder = IncrementalDecoder::after_encoder(model, memory.as_ref(), 1);
        let encoder = start.elapsed().as_secs_f64();
        let before = decoder.clone();
        times.whole = encoder + run(0, &mut decoder)?;
        times.answer = match model.is_decoder_only() {
            true => run(whole.first - 1, &mut decoder.prefix(whole.first - 1))?,
            false => times.whole,
        };
        let mut decoder = if model.is_decoder_only() { decoder.prefix(whole.first - 1) } else { before };
        let start = Instant::now();
        let embedded = model.target_embedding.forward(&whole.target[whole.first - 1..whole.first], 1);
        crate::device::read(model.logits(decoder.extend(embedded, 1)).sum(), "logits")?;
        times.token = start.elapsed().as_secs_f64();
    }
    Ok(times)
}

impl Citing<'_> {
    /// The ids of the prompt that the model reads before its answer.
    fn prompt_ids(&self) -> Result<Vec<u32>> {
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

    /// Refuses a prompt whose forward does not fit into the memory budget, with its answer or with one token.
    pub(super) fn check_fits(&self, whole: Option<&Ids>) -> Result<()> {
        let whole = match whole {
            Some(whole) => Cow::Borrowed(whole),
            None => Cow::Owned(self.with_any_answer(self.prompt_ids()?, 1)?),
        };
        let engine = self.engine();
        let bytes = bytes_of(&engine, &whole);
        match bytes > engine.memory_budget {
            false => Ok(()),
            true => Err(Error::Limit {
                name: "memory_budget".to_owned(),
                text: None,
                problem: format!(
                    "one forward of the prompt and the answer ({} tokens) needs about {bytes} bytes, but `memory_budget` is {} bytes; \
                     set `memory_budget` to {bytes} or more, or leave sources out",
                    whole.source.len() + whole.target.len(),
                    engine.memory_budget
                ),
            }),
        }
    }

    /// The prompt with an answer of a length; which tokens these are does not change the cost.
    fn with_any_answer(&self, prompt: Vec<u32>, tokens: usize) -> Result<Ids> {
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
