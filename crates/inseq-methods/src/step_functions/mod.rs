//! Step functions: scores of the model's output at each generation step, shown as step scores or attributed.

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

/// Input of a step function: one row for each step of each text.
#[derive(Clone, Debug)]
pub struct StepContext {
    /// Logits of the model at the step, `[row, vocabulary]`.
    pub logits: Tensor<2>,
    /// Ids of the generated tokens, `[row]`.
    pub targets: Tensor<1, Int>,
    /// Text and step of each row.
    pub rows: Vec<Row>,
    /// Logits of each of the requested [noisy forwards](StepFunction::noisy_forwards), `[row, vocabulary]`.
    pub noisy: Vec<Tensor<2>>,
    /// Whether the gradient of the logits is needed; autodiff then tracks the logits.
    pub tracked: bool,
}

/// A step of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Index of the text in the call.
    pub text: usize,
    /// Index of the step; 0 is the first attributed token.
    pub step: usize,
}

impl StepContext {
    /// The values `[row, vocabulary]` in the column of each row's target, `[row]`.
    pub fn of_targets(&self, values: Tensor<2>) -> Tensor<1> {
        values.gather(1, self.targets.clone().unsqueeze_dim(1)).squeeze_dim(1)
    }
}

/// A score of each step, differentiable by Burn's autodiff.
///
/// Write it with ordinary tensor operations. The gradient with respect to the logits is computed on this small graph only.
pub trait StepFunction: Send + Sync {
    /// Name of the function in results.
    fn name(&self) -> &str;

    /// Computes the score of each row, `[row]`.
    ///
    /// # Errors
    /// The score cannot be computed, for example because the device cannot be read. The call then fails.
    fn evaluate(&self, context: &StepContext) -> Result<Tensor<1>>;

    /// Arguments of the contrast, for contrastive functions.
    fn contrast(&self) -> Option<&ContrastArguments> {
        None
    }

    /// Binds a contrastive function to the texts of one call. `contexts` holds the contrast states of each text; `attributed` is true
    /// for the attributed function. Other functions return `None`.
    fn bound(&self, model: Arc<Model>, contexts: OtherContexts, attributed: bool) -> Option<SharedStepFunction> {
        let _ = (model, contexts, attributed);
        None
    }

    /// Forwards with dropout whose logits the function needs; most functions need none.
    fn noisy_forwards(&self) -> Option<NoisyForwards> {
        None
    }
}

/// Forwards with dropout, in addition to the one without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoisyForwards {
    /// Number of forwards.
    pub count: usize,
    /// Seed of their noise.
    pub seed: u64,
}

/// A step function that is shared between calls.
pub type SharedStepFunction = Arc<dyn StepFunction>;

/// Makes a step function from a closure over logits.
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
    /// Name of the function.
    pub name: &'static str,
    /// Description in one line.
    pub description: &'static str,
    /// Arguments of the function.
    pub arguments: &'static [Argument],
    /// Function that merges the scores of merged tokens; `None` uses the default rules.
    pub aggregation: Option<AggregationFunction>,
    /// Makes the function from its arguments.
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

/// Entry of a built-in function.
fn info(
    name: &'static str,
    description: &'static str,
    arguments: &'static [Argument],
    make: fn(&Map<String, Value>) -> Result<SharedStepFunction>,
) -> StepFunctionInfo {
    StepFunctionInfo { name, description, arguments, aggregation: None, make: Arc::new(make) }
}

/// An argument of functions of probabilities.
const LOGPROB: Argument = Argument::new("logprob", "false", "Whether log probabilities replace probabilities.");

fn boolean(arguments: &Map<String, Value>, name: &str) -> Result<bool> {
    match arguments.get(name) {
        None => Ok(false),
        Some(Value::Bool(value)) => Ok(*value),
        Some(other) => Err(Error::Argument(format!("argument `{name}` must be true or false, found {other}"))),
    }
}
