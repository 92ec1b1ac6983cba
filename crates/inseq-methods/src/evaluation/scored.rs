//! Scores of methods for the ranked tokens of a text.

use inseq_core::aggregators::Scaling;
use inseq_core::{SequenceAttribution, TextKind, TextName};
use inseq_models::tokenizer::Role;
use serde_json::{Map, Value};

use super::request::EvaluationRequest;
use crate::attributed::{Attributed, default_aggregation, one_score_per_token};
use crate::attribution_model::AttributionModel;
use crate::call::Call;
use crate::engine::{Steps, TextSteps};
use crate::forward::Forward;
use crate::method::Cost;
use crate::progress::ProgressCallback;
use crate::request::{AttributionRequest, MethodChoice};
use crate::target_spans::TargetSpans;
use crate::text_model::TextModel;
use crate::{Error, Result};

/// A method of the call.
pub(super) struct Evaluated {
    pub(super) name: String,
    choice: MethodChoice,
    /// Arguments of a method that is given by name.
    pub(super) given: Map<String, Value>,
}

impl Evaluated {
    /// The methods of a request.
    ///
    /// # Errors
    /// A method is there twice, or has arguments that are no object, or arguments are of another method.
    pub(super) fn of(request: &EvaluationRequest) -> Result<Vec<Self>> {
        let mut methods: Vec<Self> = Vec::new();
        for choice in &request.methods {
            let name = match choice {
                MethodChoice::Named(name) => name.clone(),
                MethodChoice::Own(method) => method.name().to_owned(),
            };
            if methods.iter().any(|method| method.name == name) {
                return Err(Error::argument("methods", format!("`{name}` is there twice; name each method once")));
            }
            let given = match request.method_args.get(&name) {
                None => Map::new(),
                Some(Value::Object(arguments)) => arguments.clone(),
                Some(other) => {
                    let problem = format!("the arguments of `{name}` must be an object, found {other}");
                    return Err(Error::argument("method_args", problem));
                }
            };
            methods.push(Self { name, choice: choice.clone(), given });
        }
        match request.method_args.keys().find(|name| methods.iter().all(|method| method.name != **name)) {
            Some(name) => {
                let names: Vec<&str> = methods.iter().map(|method| method.name.as_str()).collect();
                let problem =
                    format!("has arguments of `{name}`, which is not among the methods ({})", names.join(", "));
                Err(Error::argument("method_args", problem))
            }
            None => Ok(methods),
        }
    }

    /// A request of the method, without texts.
    pub(super) fn any(&self, request: &EvaluationRequest) -> AttributionRequest {
        AttributionRequest {
            input_texts: vec![String::new()],
            target_spans: TargetSpans::Whole,
            limits: request.limits.clone(),
            ..AttributionRequest::default().method(self.choice.clone()).attribution_args(self.given.clone())
        }
    }

    /// The request that attributes a text, whose ids are given, as one span.
    pub(super) fn request(&self, request: &EvaluationRequest, input: &str, target: Vec<u32>) -> AttributionRequest {
        AttributionRequest {
            input_texts: vec![input.to_owned()],
            generated_token_ids: Some(vec![target]),
            ..self.any(request)
        }
    }
}

/// A text with its ranked tokens.
pub(super) struct Subject<'a> {
    pub(super) model: &'a AttributionModel,
    pub(super) text_model: &'a TextModel,
    pub(super) request: &'a EvaluationRequest,
    pub(super) input: &'a str,
    /// The text, with a step for each token of the output.
    pub(super) text: &'a TextSteps,
    /// Place of the text in the call.
    pub(super) index: usize,
    /// Positions of the ranked tokens.
    pub(super) positions: &'a [usize],
}

impl Subject<'_> {
    /// The scores of a method for the ranked tokens, and its cost.
    ///
    /// # Errors
    /// The method fails, or gives a ranked token no score.
    pub(super) fn scores(
        &self,
        method: &Evaluated,
        forward: &Forward,
        progress: ProgressCallback,
    ) -> Result<(Vec<f64>, Cost)> {
        let run = method.request(self.request, self.input, self.text.target.clone());
        let call = Call::resolve_with(self.text_model, &self.model.choices, &run, None)?;
        let is_decoder_only = self.text_model.model().is_decoder_only();
        let (first, end) = (self.text.steps.first().unwrap_or(self.text.first), self.text.steps.end());
        let span = TextSteps { steps: Steps::spans(std::iter::once(first..end)), ..self.text.clone() };
        let attributed = Attributed {
            source: (!is_decoder_only).then_some(self.text.source.as_slice()),
            target: &self.text.target,
            first: self.text.first,
            steps: span.steps.clone(),
        };
        let cost = call.method.cost(self.text_model.model(), &span, call.has_target_scores);
        let runs = attributed.runs(&call, Some(forward), progress)?;
        let sequence = runs.first().ok_or_else(|| self.without_scores(method))?;
        let scores = self.of_positions(method, sequence, is_decoder_only)?;
        match scores.iter().all(|score| score.is_finite()) {
            true => Ok((scores, cost)),
            false => Err(Error::Method {
                method: method.name.clone(),
                problem: format!(
                    "gave a token of the input {} a score that is no finite number, so that its tokens have no order",
                    self.index + 1
                ),
            }),
        }
    }

    fn of_positions(
        &self,
        method: &Evaluated,
        sequence: &SequenceAttribution,
        is_decoder_only: bool,
    ) -> Result<Vec<f64>> {
        let scored = one_score_per_token(&default_aggregation(sequence, Scaling::None), sequence)?;
        let side = if is_decoder_only { &scored.target_attributions } else { &scored.source_attributions };
        let side = side.as_ref().ok_or_else(|| self.without_scores(method))?;
        let score = |&position: &usize| side.get([position, 0]).copied().map(f64::from);
        self.positions.iter().map(score).collect::<Option<Vec<_>>>().ok_or_else(|| self.without_scores(method))
    }

    fn without_scores(&self, method: &Evaluated) -> Error {
        Error::Method {
            method: method.name.clone(),
            problem: "gives no scores for the tokens of the input; evaluate methods that attribute the input".into(),
        }
    }

    /// Indices of the ranked tokens that lie in spans of characters of the input.
    ///
    /// # Errors
    /// A span has no ranked token.
    pub(super) fn gold(&self) -> Result<Option<Vec<usize>>> {
        let Some(spans) = self.request.gold_spans.as_ref().and_then(|spans| spans.get(self.index)) else {
            return Ok(None);
        };
        let special = !self.text_model.special_tokens().all.is_empty();
        let encoding = self.text_model.tokenizer().encode(self.input, self.text_model.role(Role::Source), special)?;
        let offsets = encoding.offsets.ok_or_else(|| {
            let problem = "the tokenizer of the model does not tell where its tokens are in a text; leave the metric `recovery` out";
            Error::argument("gold_spans", problem.into())
        })?;
        let mut gold = Vec::new();
        for span in spans {
            let bytes = byte_range(self.input, span);
            let is_in = |position: usize| {
                let token = offsets.get(position);
                token.is_some_and(|token| token.start < bytes.end && token.end > bytes.start)
            };
            let tokens: Vec<usize> = (0..self.positions.len()).filter(|&token| is_in(self.positions[token])).collect();
            if tokens.is_empty() {
                let name = TextName::new(TextKind::Input, self.index);
                return Err(Error::argument(
                    "gold_spans",
                    format!("{name} has no token in the characters {}..{}", span.start, span.end),
                ));
            }
            gold.extend(tokens);
        }
        gold.sort_unstable();
        gold.dedup();
        Ok(Some(gold))
    }
}

/// A range of characters as a range of bytes.
fn byte_range(text: &str, characters: &std::ops::Range<usize>) -> std::ops::Range<usize> {
    let at = |character: usize| text.char_indices().nth(character).map_or(text.len(), |(byte, _)| byte);
    at(characters.start)..at(characters.end)
}
