//! Step functions that a user writes as an expression: `logit(target) - logit('▁elle')`.

mod grammar;

use std::cell::OnceCell;
use std::sync::Arc;

use burn::tensor::{Int, Tensor, activation::log_softmax};
use inseq_core::did_you_mean;
use inseq_models::model::Model;
use serde_json::{Map, Value as JsonValue};

use self::grammar::{Node, NodeKind, Operator};
use super::alternative::Alternative;
use super::{ContrastArguments, OtherContexts, SharedStepFunction, StepContext, StepFunction};
use crate::{Error, Result};

/// Description of the syntax for users.
pub const GRAMMAR: &str = "\
Numbers, + - * / and parentheses over scores of the model at each step, with gradients:

  logit(TOKEN)      the token's logit
  prob(TOKEN)       its probability
  logprob(TOKEN)    the logarithm of its probability
  entropy           the entropy of the next-token distribution, in nats
  abs(x) exp(x) log(x) sqrt(x) min(x, y, ...) max(x, y, ...)

A TOKEN is one of four: `target`, the generated token; a piece of the vocabulary in
quotes, such as '▁elle'; the id of a token; or `contrast`, the alternative from the
argument `contrast_targets`.

  inseq attribute -i \"She was late.\" --attributed-fn \"logit(target) - logit('▁Il')\"
";

/// The vocabulary for the tokens of an expression.
pub(crate) struct Vocabulary<'a> {
    /// The id of a piece.
    pub(crate) id: &'a dyn Fn(&str) -> Option<u32>,
    /// The piece of an id.
    pub(crate) piece: &'a dyn Fn(u32) -> Option<String>,
    /// Number of tokens that the model scores.
    pub(crate) size: usize,
}

/// A problem of an expression, and its byte offset.
#[derive(Clone, Debug, PartialEq)]
struct Misread {
    at: usize,
    message: String,
}

impl Misread {
    /// The error, which names the place in the expression.
    fn error(self, text: &str) -> Error {
        let column = text.get(..self.at).map_or(0, |before| before.chars().count()) + 1;
        Error::argument(text, format!("the expression `{text}` is wrong at column {column}: {}", self.message))
    }
}

/// Whether a step function is an expression and not a name.
pub(crate) fn is_expression(text: &str) -> bool {
    !text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Parses an expression.
///
/// # Errors
/// The syntax is wrong, or a name or token is unknown; the error points at the place and names similar ones.
pub(crate) fn read(
    text: &str,
    arguments: &Map<String, JsonValue>,
    vocabulary: &Vocabulary,
) -> Result<SharedStepFunction> {
    let value = grammar::parse(text).and_then(|node| value(&node, vocabulary)).map_err(|wrong| wrong.error(text))?;
    if !value.any(&|part| matches!(part, Value::Of(..) | Value::Entropy)) {
        return Err(Error::argument(
            text,
            format!("the expression `{text}` has no score of the model in it, such as logit(target)"),
        ));
    }
    let arguments = ContrastArguments::read(text, arguments)?;
    let other = match value.any(&|part| matches!(part, Value::Of(_, Token::Contrast))) {
        true => Some(Alternative::new(arguments)),
        false => None,
    };
    Ok(Arc::new(Expression { text: text.to_owned(), value, other }))
}

/// A score of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Score {
    Logit,
    Probability,
    LogProbability,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Target,
    Contrast,
    Id(u32),
}

/// A function of one value.
type Unary = fn(Tensor<1>) -> Tensor<1>;

/// A function of two values, row by row.
type Pairwise = fn(Tensor<1>, Tensor<1>) -> Tensor<1>;

/// The meaning of an expression.
#[derive(Clone, Debug)]
enum Value {
    Number(f64),
    Entropy,
    Of(Score, Token),
    Unary(Unary, Box<Value>),
    Pairwise(Pairwise, Box<[Value; 2]>),
}

impl Value {
    fn any(&self, is: &dyn Fn(&Value) -> bool) -> bool {
        let inside = match self {
            Value::Number(_) | Value::Entropy | Value::Of(..) => false,
            Value::Unary(_, value) => value.any(is),
            Value::Pairwise(_, values) => values.iter().any(|value| value.any(is)),
        };
        inside || is(self)
    }
}

const SCORES: [(&str, Score); 4] = [
    ("logit", Score::Logit),
    ("prob", Score::Probability),
    ("probability", Score::Probability),
    ("logprob", Score::LogProbability),
];

const UNARY: [(&str, Unary); 4] =
    [("abs", Tensor::abs), ("exp", Tensor::exp), ("log", Tensor::log), ("sqrt", Tensor::sqrt)];

const PAIRWISE: [(&str, Pairwise); 2] = [("min", Tensor::min_pair), ("max", Tensor::max_pair)];

/// Resolves the names of an expression.
fn value(node: &Node, vocabulary: &Vocabulary) -> Result<Value, Misread> {
    let wrong = |message: String| Err(Misread { at: node.at, message });
    let (name, arguments) = match &node.kind {
        NodeKind::Number(number) => return Ok(Value::Number(*number)),
        NodeKind::Text(text) => return wrong(format!("'{text}' is a token, not a value; write logit('{text}')")),
        NodeKind::Negated(inner) => return Ok(Value::Unary(Tensor::neg, Box::new(value(inner, vocabulary)?))),
        NodeKind::Binary(operator, sides) => {
            let function: Pairwise = match operator {
                Operator::Add => Tensor::add,
                Operator::Subtract => Tensor::sub,
                Operator::Multiply => Tensor::mul,
                Operator::Divide => Tensor::div,
            };
            let sides = [value(&sides[0], vocabulary)?, value(&sides[1], vocabulary)?];
            return Ok(Value::Pairwise(function, Box::new(sides)));
        }
        NodeKind::Name(name, arguments) => (name.as_str(), arguments.as_deref()),
    };
    if name == "entropy" {
        return match arguments {
            None | Some([]) => Ok(Value::Entropy),
            Some(_) => wrong("`entropy` takes nothing in parentheses".into()),
        };
    }
    if let Some((_, score)) = SCORES.iter().find(|(known, _)| *known == name) {
        return match arguments {
            Some([token]) => Ok(Value::Of(*score, self::token(token, vocabulary)?)),
            _ => wrong(format!("`{name}` takes one token: {name}(target), {name}('piece') or {name}(id)")),
        };
    }
    if let Some((_, function)) = UNARY.iter().find(|(known, _)| *known == name) {
        return match arguments {
            Some([one]) => Ok(Value::Unary(*function, Box::new(value(one, vocabulary)?))),
            _ => wrong(format!("`{name}` takes one value in parentheses")),
        };
    }
    if let Some((_, function)) = PAIRWISE.iter().find(|(known, _)| *known == name) {
        let mut values = arguments.unwrap_or_default().iter().map(|argument| value(argument, vocabulary));
        let (Some(first), true) = (values.next(), arguments.is_some_and(|all| all.len() > 1)) else {
            return wrong(format!("`{name}` takes two values or more in parentheses"));
        };
        return values.try_fold(first?, |all, next| Ok(Value::Pairwise(*function, Box::new([all, next?]))));
    }
    if ["target", "contrast"].contains(&name) {
        return wrong(format!("`{name}` is a token, not a value; write logit({name})"));
    }
    let known = SCORES.iter().map(|(name, _)| *name).chain(["entropy"]);
    let known: Vec<&str> = known.chain(UNARY.map(|(name, _)| name)).chain(PAIRWISE.map(|(name, _)| name)).collect();
    let near = did_you_mean(name, known.iter().copied(), 1);
    wrong(format!("unknown function `{name}`; known: {}{near}", known.join(", ")))
}

/// The token in the parentheses of a score.
fn token(node: &Node, vocabulary: &Vocabulary) -> Result<Token, Misread> {
    let wrong = |message: String| Err(Misread { at: node.at, message });
    match &node.kind {
        NodeKind::Name(name, None) if name == "target" => Ok(Token::Target),
        NodeKind::Name(name, None) if name == "contrast" => Ok(Token::Contrast),
        NodeKind::Number(number) if number.fract() == 0.0 => {
            let size = vocabulary.size;
            match Some(*number as u64).filter(|id| *id < size as u64).and_then(|id| u32::try_from(id).ok()) {
                Some(id) => Ok(Token::Id(id)),
                None => wrong(format!("there is no token {number}; ids go from 0 to {}", size.saturating_sub(1))),
            }
        }
        NodeKind::Text(piece) => match (vocabulary.id)(piece).filter(|id| (*id as usize) < vocabulary.size) {
            Some(id) => Ok(Token::Id(id)),
            None => {
                let pieces: Vec<String> = (0..vocabulary.size as u32).filter_map(|id| (vocabulary.piece)(id)).collect();
                let near = did_you_mean(piece, pieces.iter().map(String::as_str), 3);
                wrong(format!("the vocabulary has no token `{piece}`{near}"))
            }
        },
        NodeKind::Name(name, None) => {
            let way_out = match did_you_mean(name, ["target", "contrast"], 1) {
                near if near.is_empty() => format!("; a piece of the vocabulary is quoted: '{name}'"),
                near => near,
            };
            wrong(format!("unknown token `{name}`{way_out}"))
        }
        _ => wrong("expected a token: target, contrast, a piece of the vocabulary in quotes, or an id".into()),
    }
}

/// An expression over the scores of a step.
#[derive(Clone)]
pub(super) struct Expression {
    text: String,
    value: Value,
    /// Source of the alternative, if the expression uses it.
    other: Option<Alternative>,
}

impl StepFunction for Expression {
    fn name(&self) -> &str {
        &self.text
    }

    fn evaluate(&self, context: &StepContext) -> Result<Tensor<1>> {
        let [log, other_log] = [const { OnceCell::new() }; 2];
        Ok(Evaluation { expression: self, context, log, other: OnceCell::new(), other_log }.of(&self.value))
    }

    fn contrast(&self) -> Option<&ContrastArguments> {
        self.other.as_ref().map(|other| &other.arguments)
    }

    fn bound(&self, model: Arc<Model>, contexts: OtherContexts, attributed: bool) -> Option<SharedStepFunction> {
        let other = self.other.as_ref()?.bound(model, contexts, attributed);
        Some(Arc::new(Self { other: Some(other), ..self.clone() }))
    }
}

/// One evaluation; distributions are computed once and on demand.
struct Evaluation<'a> {
    expression: &'a Expression,
    context: &'a StepContext<'a>,
    log: OnceCell<Tensor<2>>,
    other: OnceCell<(Tensor<2>, Tensor<1, Int>)>,
    other_log: OnceCell<Tensor<2>>,
}

impl Evaluation<'_> {
    fn of(&self, value: &Value) -> Tensor<1> {
        let logits = &self.context.logits;
        match value {
            Value::Number(number) => Tensor::full([logits.dims()[0]], *number, (&logits.device(), logits.dtype())),
            Value::Entropy => {
                let log = self.log_probabilities();
                (log.clone().exp() * log.clone()).sum_dim(1).squeeze_dim::<1>(1).neg()
            }
            Value::Of(score, token) => self.score(*score, *token),
            Value::Unary(function, value) => function(self.of(value)),
            Value::Pairwise(function, values) => function(self.of(&values[0]), self.of(&values[1])),
        }
    }

    fn score(&self, score: Score, token: Token) -> Tensor<1> {
        let rows = self.context.logits.dims()[0];
        let id = |id: u32| Tensor::<1, Int>::full([rows], i64::from(id), &self.context.targets.device());
        let (logits, log, tokens): (_, &dyn Fn() -> Tensor<2>, _) = match token {
            Token::Contrast => (&self.other().0, &|| self.other_log_probabilities().clone(), self.other().1.clone()),
            Token::Target => (&self.context.logits, &|| self.log_probabilities().clone(), self.context.targets.clone()),
            Token::Id(token) => (&self.context.logits, &|| self.log_probabilities().clone(), id(token)),
        };
        let values = if score == Score::Logit { logits.clone() } else { log() };
        let values = values.gather(1, tokens.unsqueeze_dim(1)).squeeze_dim(1);
        if score == Score::Probability { values.exp() } else { values }
    }

    fn log_probabilities(&self) -> &Tensor<2> {
        self.log.get_or_init(|| log_softmax(self.context.logits.clone(), 1))
    }

    /// Logits of the other context, and the alternatives.
    fn other(&self) -> &(Tensor<2>, Tensor<1, Int>) {
        self.other.get_or_init(|| match &self.expression.other {
            Some(other) => other.of(self.context, false),
            None => (self.context.logits.clone(), self.context.targets.clone()),
        })
    }

    fn other_log_probabilities(&self) -> &Tensor<2> {
        self.other_log.get_or_init(|| log_softmax(self.other().0.clone(), 1))
    }
}
