//! What about the output is scored or attributed at each generation step.

mod alignment;
mod alternative;
mod contrast;
mod distribution;
mod expression;
mod filter;
mod mc_dropout;
mod registry;
mod target;

use std::fmt;
use std::sync::Arc;

use burn::tensor::{Int, Tensor};
use inseq_core::aggregators::AggregationFunction;
use inseq_core::{Argument, Entry};
use inseq_models::model::Model;
use serde_json::{Map, Value};

pub(crate) use alignment::aligned;
pub use alternative::{Alignments, ContrastArguments, OneOrMore, OtherContext, OtherContexts};
pub use expression::GRAMMAR;
pub(crate) use expression::Vocabulary;
pub use registry::{StepFunctions, arguments_of, list, named};

use crate::{Error, Result};

/// What a step function sees: one row for each step of each text.
#[derive(Clone, Debug)]
pub struct StepContext {
    /// `[row, vocabulary]`: the model's logits at the step.
    pub logits: Tensor<2>,
    /// `[row]`: ids of the tokens that were generated.
    pub targets: Tensor<1, Int>,
    /// Whose step each row is.
    pub rows: Vec<Row>,
    /// What the logits are in each of the [noisy forwards](StepFunction::noisy_forwards) that the function asks for.
    pub noisy: Vec<Tensor<2>>,
    /// Whether gradients of the logits will be asked for: the logits are tracked by autodiff then.
    pub tracked: bool,
}

/// A step of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The text, counted over the whole call.
    pub text: usize,
    /// The step, counted from the first attributed one.
    pub step: usize,
}

impl StepContext {
    /// The column of each row's target, `[row]`.
    pub fn of_targets(&self, values: Tensor<2>) -> Tensor<1> {
        values.gather(1, self.targets.clone().unsqueeze_dim(1)).squeeze_dim(1)
    }
}

/// A score of each step, differentiable by Burn's autodiff.
///
/// Written in ordinary tensor operations; the gradient of the logits is taken on this small graph alone.
pub trait StepFunction: Send + Sync {
    /// The name by which results know it.
    fn name(&self) -> &str;

    /// The score of each row, `[row]`.
    ///
    /// # Errors
    /// When it cannot be computed, for example since the device cannot be read. No score stands in for it: the call fails.
    fn evaluate(&self, context: &StepContext) -> Result<Tensor<1>>;

    /// What the function compares with, where it does.
    fn contrast(&self) -> Option<&ContrastArguments> {
        None
    }

    /// The function for the texts of one call, with what `model` says in the other context of each; `attributed` where it is
    /// what is attributed. Functions that compare with nothing have none.
    fn bound(&self, model: Arc<Model>, contexts: OtherContexts, attributed: bool) -> Option<SharedStepFunction> {
        let _ = (model, contexts, attributed);
        None
    }

    /// The forwards with dropout whose logits the function wants beside those of the one without; most want none.
    fn noisy_forwards(&self) -> Option<NoisyForwards> {
        None
    }
}

/// Forwards with dropout that a function looks at beside the one without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoisyForwards {
    /// How many there are.
    pub count: usize,
    /// The seed of their noise.
    pub seed: u64,
}

/// A step function that is shared between calls.
pub type SharedStepFunction = Arc<dyn StepFunction>;

/// A closure over logits as a step function.
///
/// ```
/// use inseq_methods::step_functions::{from_closure, StepFunction};
///
/// let margin = from_closure("margin", |context| {
///     Ok(context.of_targets(context.logits.clone()) - context.logits.clone().mean_dim(1).squeeze_dim(1))
/// });
/// assert_eq!(margin.name(), "margin");
/// ```
pub fn from_closure(
    name: impl Into<String>,
    f: impl Fn(&StepContext) -> Result<Tensor<1>> + Send + Sync + 'static,
) -> SharedStepFunction {
    struct Closure<F> {
        name: String,
        f: F,
    }
    impl<F: Fn(&StepContext) -> Result<Tensor<1>> + Send + Sync> StepFunction for Closure<F> {
        fn name(&self) -> &str {
            &self.name
        }
        fn evaluate(&self, context: &StepContext) -> Result<Tensor<1>> {
            (self.f)(context)
        }
    }
    Arc::new(Closure { name: name.into(), f })
}

impl fmt::Debug for dyn StepFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StepFunction({})", self.name())
    }
}

/// Makes a step function from its arguments.
pub type MakeStepFunction = Arc<dyn Fn(&Map<String, Value>) -> Result<SharedStepFunction> + Send + Sync>;

/// One entry of [`StepFunctions`].
#[derive(Clone)]
pub struct StepFunctionInfo {
    /// The name to ask for.
    pub name: &'static str,
    /// One line on what it measures.
    pub description: &'static str,
    /// Its arguments.
    pub arguments: &'static [Argument],
    /// What makes one score of a merged token's, where the rules for all do not know.
    pub aggregation: Option<AggregationFunction>,
    /// Makes it.
    pub make: MakeStepFunction,
}

impl fmt::Debug for StepFunctionInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StepFunctionInfo").field("name", &self.name).field("arguments", &self.arguments).finish()
    }
}

impl Entry for StepFunctionInfo {
    const KIND: &'static str = "step function";

    fn name(&self) -> &'static str {
        self.name
    }

    fn description(&self) -> &'static str {
        self.description
    }

    fn arguments(&self) -> &'static [Argument] {
        self.arguments
    }
}

/// The entry of a function of the program.
fn info(
    name: &'static str,
    description: &'static str,
    arguments: &'static [Argument],
    make: fn(&Map<String, Value>) -> Result<SharedStepFunction>,
) -> StepFunctionInfo {
    StepFunctionInfo { name, description, arguments, aggregation: None, make: Arc::new(make) }
}

/// An argument of functions of probabilities.
const LOGPROB: Argument = Argument::new("logprob", "false", "Whether probabilities are logarithms.");

fn boolean(arguments: &Map<String, Value>, name: &str) -> Result<bool> {
    match arguments.get(name) {
        None => Ok(false),
        Some(Value::Bool(value)) => Ok(*value),
        Some(other) => Err(Error::Argument(format!("argument `{name}` must be true or false, found {other}"))),
    }
}
