//! The `evaluate` call.

use std::ops::ControlFlow;

use inseq_core::{EvaluatedMethod, EvaluatedMetric, EvaluatedText, Evaluation, RemovalCurves, Warning};
use inseq_models::layers::Propagation;
use serde_json::{Map, Value};
use web_time::Instant;

use super::anchors::{self, LEAVE_ONE_OUT, RANDOM};
use super::curves;
use super::metric::{IsMetric, MetricInfo, Outputs, Ranked, Text};
use super::registry::metric_named;
use super::removal::Removable;
use super::request::EvaluationRequest;
use super::scored::{Evaluated, Subject};
use super::statistics::summaries;
use crate::attribution_model::AttributionModel;
use crate::call::Call;
use crate::dummy::Dummy;
use crate::engine::Engine;
use crate::forward::Forward;
use crate::info::Outcome;
use crate::loading::checked_budget;
use crate::progress::{Progress, ProgressCallback};
use crate::request::{AttributionRequest, StepFunctionChoice};
use crate::{Error, Result};

/// Number of anchors.
const ANCHORS: usize = 2;

impl AttributionModel {
    /// Evaluates attribution methods on texts.
    ///
    /// # Errors
    /// A method, a metric or an option is unknown or invalid, a text has fewer than two tokens that can be ranked, a method gives no
    /// scores for the input, or the call is cancelled.
    pub fn evaluate(&self, request: &EvaluationRequest) -> Result<Evaluation> {
        self.evaluate_with_progress(request, &mut |_| ControlFlow::Continue(()))
    }

    /// As [`evaluate`](Self::evaluate), with a progress callback.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate), and [`Error::Cancelled`] also if `progress` returns `Break`.
    pub fn evaluate_with_progress(
        &self,
        request: &EvaluationRequest,
        progress: ProgressCallback,
    ) -> Result<Evaluation> {
        let progress: ProgressCallback = &mut |news: Progress| match request.limits.is_cancelled() {
            true => ControlFlow::Break(()),
            false => progress(news),
        };
        let methods = Evaluated::of(request)?;
        let metrics = self.checked(request, &methods)?;
        let text_model = self.on(&request.limits)?;
        let budget = checked_budget(request.limits.memory_budget.unwrap_or(self.choices.load_options.memory_budget))?;
        let engine = Engine { model: text_model.model(), memory_budget: budget, layer: None };
        let texts = AttributionRequest {
            input_texts: request.input_texts.clone(),
            generated_texts: request.generated_texts.clone(),
            generation_args: request.generation_args.clone(),
            limits: request.limits.clone(),
            ..AttributionRequest::default().method(Dummy)
        };
        let base = Call::resolve(text_model, &self.choices, &texts)?;
        let mut outcome = Outcome::default();
        let mut found = Found::new(request, text_model.name(), &methods, &metrics);
        let function = self.choices.attributed_fn(
            text_model,
            &AttributionRequest::default().attributed_fn(StepFunctionChoice::from("probability")),
            &Map::from_iter([("logprob".to_owned(), Value::from(true))]),
        )?;
        let special = text_model.special_tokens();
        let empty = special.bos.or(special.unk).unwrap_or(0);
        let special = special.all;
        let started = Instant::now();
        let is_over = |done: usize| done > 0 && request.time_budget.is_some_and(|most| started.elapsed() > most);
        for window in base.windows() {
            if is_over(found.evaluation.texts.len()) {
                break;
            }
            let prepared = base.prepare(window.clone(), &mut outcome, progress)?;
            for ((index, text), written) in window.zip(&prepared.texts).zip(&prepared.written) {
                if is_over(found.evaluation.texts.len()) {
                    break;
                }
                let side = if text_model.model().is_decoder_only() { &text.target[..text.first] } else { &text.source };
                let positions: Vec<usize> =
                    (0..side.len()).filter(|&position| !special.contains(&side[position])).collect();
                if positions.len() < 2 || text.steps.is_empty() {
                    let problem = format!(
                        "has {} tokens that can be ranked and {} generated tokens; an evaluation needs at least 2 and 1",
                        positions.len(),
                        text.steps.len()
                    );
                    let name =
                        inseq_core::TextName::new(inseq_core::TextKind::Input, index).of(request.input_texts.len());
                    return Err(Error::Argument {
                        name: "input_texts".to_owned(),
                        problem: name.sentence(&problem),
                        text: None,
                    });
                }
                let input = &request.input_texts[index];
                let subject = Subject { model: self, text_model, request, input, text, index, positions: &positions };
                let forward = Forward::of(&engine, Propagation::GRADIENT, text)?;
                let mut ranked = Vec::new();
                for (place, method) in methods.iter().enumerate() {
                    let start = Instant::now();
                    let (scores, cost) = subject.scores(method, &forward, progress)?;
                    let own = &mut found.evaluation.methods[place];
                    own.seconds += start.elapsed().as_secs_f64();
                    own.forwards += cost.forwards.most;
                    own.pullbacks += cost.pullbacks;
                    ranked.push(Ranked::of(scores));
                }
                let removable = Removable {
                    engine: &engine,
                    function: function.clone(),
                    text,
                    positions: &positions,
                    removal: request.removal,
                    empty,
                };
                let output = EvaluatedText {
                    input: input.clone(),
                    generated: written.clone(),
                    tokens: positions.len(),
                    log_probability: 0.0,
                };
                found.add(&removable, subject.gold()?, ranked, output, progress)?;
            }
        }
        found.evaluation.warnings = [outcome.warnings, outcome.without_steps].concat();
        let (done, all) = (found.evaluation.texts.len(), request.input_texts.len());
        if done < all {
            let said =
                format!("the time budget was enough for {done} of {all} texts; the others are not in the evaluation");
            found.evaluation.warnings.push(Warning::from(said));
        }
        Ok(found.finished())
    }

    /// Checks a request before the work. Returns its metrics.
    fn checked(&self, request: &EvaluationRequest, methods: &[Evaluated]) -> Result<Vec<&'static MetricInfo>> {
        if methods.is_empty() {
            return Err(Error::argument("methods", "there is no method; name at least one".into()));
        }
        if request.metrics.is_empty() {
            return Err(Error::argument("metrics", "there is no metric; name at least one".into()));
        }
        let mut metrics: Vec<&'static MetricInfo> = Vec::new();
        for name in &request.metrics {
            let metric = metric_named(name)?;
            if metrics.iter().any(|other| other.name == metric.name) {
                return Err(Error::argument("metrics", format!("`{name}` is there twice; name each metric once")));
            }
            metrics.push(metric);
        }
        match (&request.gold_spans, metrics.iter().any(|metric| metric.name == "recovery")) {
            (None, true) => {
                let problem =
                    "the metric `recovery` needs `gold_spans`: the characters of each input that decide the output";
                return Err(Error::argument("metrics", problem.into()));
            }
            (Some(gold), _) if gold.len() != request.input_texts.len() => {
                let problem =
                    format!("has spans of {} texts, but there are {} texts", gold.len(), request.input_texts.len());
                return Err(Error::argument("gold_spans", problem));
            }
            _ => {}
        }
        for method in methods {
            self.facts(&method.any(request))?;
        }
        Ok(metrics)
    }
}

/// What was found so far.
struct Found {
    evaluation: Evaluation,
    metrics: Vec<&'static dyn IsMetric>,
    /// Number of columns of each metric.
    has_curves: bool,
}

impl Found {
    fn new(request: &EvaluationRequest, model: &str, methods: &[Evaluated], metrics: &[&'static MetricInfo]) -> Self {
        let anchors = [LEAVE_ONE_OUT, RANDOM].map(|name| (name.to_owned(), Map::new()));
        let given = methods.iter().map(|method| (method.name.clone(), method.given.clone()));
        let methods: Vec<EvaluatedMethod> = given
            .chain(anchors)
            .map(|(name, arguments)| EvaluatedMethod { name, arguments, ..EvaluatedMethod::default() })
            .collect();
        let has_curves = metrics.iter().any(|info| info.metric.has_curves());
        let columns = metrics.iter().flat_map(|info| info.columns).map(|&(name, higher_is_better)| EvaluatedMetric {
            name: name.to_owned(),
            higher_is_better,
            values: vec![Vec::new(); methods.len()],
            summaries: Vec::new(),
        });
        let evaluation = Evaluation {
            model: model.to_owned(),
            removal: request.removal.to_string(),
            seed: request.seed,
            removed_shares: if has_curves { curves::shares() } else { Vec::new() },
            metrics: columns.collect(),
            methods,
            ..Evaluation::default()
        };
        Self { evaluation, metrics: metrics.iter().map(|info| info.metric).collect(), has_curves }
    }

    /// Measures the scores of methods for a text.
    fn add(
        &mut self,
        removable: &Removable,
        gold: Option<Vec<usize>>,
        ranked: Vec<Ranked>,
        mut output: EvaluatedText,
        progress: ProgressCallback,
    ) -> Result<()> {
        let start = Instant::now();
        let tokens = removable.positions.len();
        let seed = self.evaluation.seed.wrapping_add((self.evaluation.texts.len() as u64).wrapping_mul(0x9e37_79b9));
        let mut text = Text { seed, tokens, gold, methods: ranked, anchors: ANCHORS };
        let mut done = 0;
        let advance = |total: usize| {
            let shown = vec![output.generated.clone()];
            move |more: usize, progress: ProgressCallback| {
                done += more;
                let news = Progress::Attributing { done, total: total.max(done), texts: shown.clone() };
                match progress(news) {
                    ControlFlow::Continue(()) => Ok(()),
                    ControlFlow::Break(()) => Err(Error::Cancelled),
                }
            }
        };
        // The anchors need outputs of their own first.
        let mut masks = vec![vec![true; tokens]];
        masks.extend(anchors::without_one(tokens));
        let mut each = advance(masks.len());
        let alone = removable.outputs(masks, &mut |more| each(more, &mut *progress))?;
        text.methods.push(Ranked::of(anchors::leave_one_out(tokens, &alone)));
        text.methods.push(Ranked::of(anchors::random(tokens, seed)));
        let wanted =
            self.metrics.iter().flat_map(|metric| text.methods.iter().flat_map(|ranked| metric.masks(&text, ranked)));
        let masks: Vec<_> = wanted.filter(|mask| !alone.known.contains_key(mask)).collect();
        let mut each = advance(masks.len());
        let further = removable.outputs(masks, &mut |more| each(more, &mut *progress))?;
        self.evaluation.forwards += alone.known.len() + further.known.len();
        let mut outputs = alone;
        outputs.known.extend(further.known);
        output.log_probability = outputs.total(&vec![true; tokens]);
        for own in 0..text.methods.len() {
            let values = self.metrics.iter().flat_map(|metric| metric.values(&text, own, &outputs));
            for (metric, value) in self.evaluation.metrics.iter_mut().zip(values.collect::<Vec<_>>()) {
                metric.values[own].push(value.filter(|value| value.is_finite()));
            }
            if self.has_curves {
                self.add_curves(&text, own, &outputs);
            }
        }
        self.evaluation.texts.push(output);
        self.evaluation.seconds += start.elapsed().as_secs_f64();
        Ok(())
    }

    fn add_curves(&mut self, text: &Text, own: usize, outputs: &Outputs) {
        let ranked = &text.methods[own];
        let of_text = [curves::most_first(text, ranked), curves::least_first(text, ranked)]
            .map(|masks| curves::curve(&masks, outputs));
        let curves = self.evaluation.methods[own].curves.get_or_insert_with(RemovalCurves::default);
        let sums = [&mut curves.most_relevant_first, &mut curves.least_relevant_first];
        for (sum, values) in sums.into_iter().zip(of_text) {
            sum.resize(values.len(), 0.0);
            sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
        }
    }

    fn finished(mut self) -> Evaluation {
        let texts = self.evaluation.texts.len().max(1) as f64;
        for curves in self.evaluation.methods.iter_mut().filter_map(|method| method.curves.as_mut()) {
            let sums = curves.most_relevant_first.iter_mut().chain(&mut curves.least_relevant_first);
            sums.for_each(|sum| *sum /= texts);
        }
        let seed = self.evaluation.seed;
        for metric in &mut self.evaluation.metrics {
            metric.summaries = summaries(&metric.values, metric.higher_is_better, seed);
        }
        let left_out: Vec<Warning> = self.evaluation.metrics.iter().filter_map(without_values).collect();
        self.evaluation.warnings.extend(left_out);
        let (texts, others) = (self.evaluation.texts.len(), self.evaluation.methods.len() - 1);
        let needed = texts_for_tests(others);
        if texts < needed {
            self.evaluation.warnings.push(Warning::from(format!(
                "with {texts} of at least {needed} texts no difference of {others} methods from the best one can be significant; evaluate \
                 more texts"
            )));
        }
        self.evaluation
    }
}

/// The smallest number of texts with which a paired test of so many methods can have a probability below 0.05.
fn texts_for_tests(others: usize) -> usize {
    (1..).find(|&texts| 2.0 * others as f64 / 2f64.powi(texts) < 0.05).map_or(0, |texts| texts as usize)
}

/// A warning about a metric that has no value for any text.
fn without_values(metric: &EvaluatedMetric) -> Option<Warning> {
    let is_empty = metric.summaries.iter().all(|summary| summary.mean.is_none());
    is_empty.then(|| Warning::from(format!("the metric `{}` has no value for these texts", metric.name)))
}
