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
use inseq_models::model::Model;
use serde_json::{Map, Value};

pub(crate) use alignment::aligned;
pub use alternative::{Alignments, ContrastArguments, OneOrMore, OtherContext, OtherContexts};
pub use expression::GRAMMAR;
pub(crate) use expression::Vocabulary;
pub(crate) use registry::Registry;
pub use registry::{arguments_of, list, named};

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

/// One entry of [`list`].
#[derive(Clone, Copy, Debug)]
pub struct StepFunctionInfo {
    /// The name to ask for.
    pub name: &'static str,
    /// One line on what it measures.
    pub description: &'static str,
    /// Names of its arguments.
    pub arguments: &'static [&'static str],
    make: fn(&Map<String, Value>) -> Result<SharedStepFunction>,
}

const ALL: &[StepFunctionInfo] = &[
    StepFunctionInfo {
        name: "logit",
        description: "The logit of the generated token.",
        arguments: &[],
        make: |_| Ok(Arc::new(target::Logit)),
    },
    StepFunctionInfo {
        name: "probability",
        description: "The probability of the generated token, or its logarithm with `logprob`.",
        arguments: &["logprob"],
        make: |arguments| Ok(Arc::new(target::Probability { log: boolean(arguments, "logprob")? })),
    },
    StepFunctionInfo {
        name: "entropy",
        description: "The entropy of the next-token distribution, in nats.",
        arguments: &[],
        make: |_| Ok(Arc::new(distribution::Entropy)),
    },
    StepFunctionInfo {
        name: "crossentropy",
        description: "The cross entropy of the generated token, in nats.",
        arguments: &[],
        make: |_| Ok(Arc::new(target::CrossEntropy)),
    },
    StepFunctionInfo {
        name: "perplexity",
        description: "2 to the power of the cross entropy in nats, as the reference defines it.",
        arguments: &[],
        make: |_| Ok(Arc::new(target::Perplexity)),
    },
    contrast::ALL[0],
    contrast::ALL[1],
    contrast::ALL[2],
    contrast::ALL[3],
    contrast::ALL[4],
    contrast::ALL[5],
    contrast::ALL[6],
    mc_dropout::MC_DROPOUT_PROB_AVG,
    filter::TOP_P_SIZE,
];

fn boolean(arguments: &Map<String, Value>, name: &str) -> Result<bool> {
    match arguments.get(name) {
        None => Ok(false),
        Some(Value::Bool(value)) => Ok(*value),
        Some(other) => Err(Error::Argument(format!("argument `{name}` must be true or false, found {other}"))),
    }
}
