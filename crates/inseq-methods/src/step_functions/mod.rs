//! Step functions: scores of the model's output at each generation step, shown as step scores or attributed.

mod alignment;
mod alternative;
mod context;
mod contrast;
mod distribution;
mod expression;
mod filter;
mod mc_dropout;
mod registry;
mod target;

use std::any::{Any, TypeId};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use burn::tensor::Tensor;
use inseq_core::aggregators::AggregationFunction;
use inseq_core::{About, Argument, Entry};
use inseq_models::model::Model;
use serde_json::{Map, Value};

pub(crate) use alignment::aligned;
pub use alternative::{Alignments, ContrastArguments, OneOrMore, OtherContext, OtherContexts};
pub(crate) use context::Inputs;
pub use context::{Row, StepContext, StepTokens};
pub use expression::GRAMMAR;
pub(crate) use expression::Vocabulary;
pub(crate) use registry::check_own;
pub use registry::{StepFunctions, arguments_of, list, named};

use crate::{Error, Result};

/// A score of each step, differentiable by Burn's autodiff.
///
/// Write it with ordinary tensor operations. The gradient with respect to the logits and the hidden state of each step is computed
/// on this small graph only. A score must depend only on its own row (see [`StepContext`]).
pub trait StepFunction: Any + Send + Sync {
    /// Name of the function in results. Names of built-in functions, and expressions, are for these alone: a call refuses another
    /// function with such a name.
    fn name(&self) -> &str;

    /// Computes the score of each row, `[row]`.
    ///
    /// # Errors
    /// The score cannot be computed, for example because the device cannot be read. The call then fails.
    fn evaluate(&self, context: &StepContext) -> Result<Tensor<1>>;

    /// Function that merges the scores of merged tokens, such as the product of probabilities; results keep it. `None` merges
    /// them as attributions are merged.
    fn merging(&self) -> Option<AggregationFunction> {
        None
    }

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

/// Makes a step function from a closure over the logits, hidden states and tokens of steps.
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
    impl<F: Fn(&StepContext) -> Result<Tensor<1>> + Send + Sync + 'static> StepFunction for Closure<F> {
        fn name(&self) -> &str {
            &self.name
        }
        fn evaluate(&self, context: &StepContext) -> Result<Tensor<1>> {
            (self.f)(context)
        }
    }
    Arc::new(Closure { name: name.into(), f })
}

/// The same step function, whose scores of merged tokens are merged by `merging`.
///
/// ```
/// use inseq_core::aggregators::AggregationFunction;
/// use inseq_methods::step_functions::{from_closure, merged_by};
///
/// let logit = from_closure("largest", |context| Ok(context.logits.clone().max_dim(1).squeeze_dim(1)));
/// assert_eq!(logit.merging(), None);
/// assert_eq!(merged_by(logit, AggregationFunction::Max).merging(), Some(AggregationFunction::Max));
/// ```
pub fn merged_by(function: SharedStepFunction, merging: AggregationFunction) -> SharedStepFunction {
    Arc::new(Merged { function, merging })
}

/// A step function whose scores of merged tokens are merged by another function than its own.
struct Merged {
    function: SharedStepFunction,
    merging: AggregationFunction,
}

impl StepFunction for Merged {
    fn name(&self) -> &str {
        self.function.name()
    }

    fn evaluate(&self, context: &StepContext) -> Result<Tensor<1>> {
        self.function.evaluate(context)
    }

    fn merging(&self) -> Option<AggregationFunction> {
        Some(self.merging)
    }

    fn contrast(&self) -> Option<&ContrastArguments> {
        self.function.contrast()
    }

    fn bound(&self, model: Arc<Model>, contexts: OtherContexts, attributed: bool) -> Option<SharedStepFunction> {
        self.function.bound(model, contexts, attributed)
    }

    fn noisy_forwards(&self) -> Option<NoisyForwards> {
        self.function.noisy_forwards()
    }
}

/// The type that computes the scores of a function.
fn scoring_type(function: &dyn StepFunction) -> TypeId {
    let function: &dyn Any = function;
    match function.downcast_ref::<Merged>() {
        Some(merged) => scoring_type(&*merged.function),
        None => function.type_id(),
    }
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
    /// Name, meaning and arguments of the function.
    pub about: About,
    /// Makes the function from its arguments.
    pub make: MakeStepFunction,
}

impl fmt::Debug for StepFunctionInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StepFunctionInfo").field("about", &self.about).finish_non_exhaustive()
    }
}

impl Deref for StepFunctionInfo {
    type Target = About;

    fn deref(&self) -> &About {
        &self.about
    }
}

impl Entry for StepFunctionInfo {
    const KIND: &'static str = "step function";
}

/// Entry of a built-in function, and the type of the function.
type BuiltIn = (StepFunctionInfo, TypeId);

/// Entry of the built-in function that `make` makes.
fn built_in<F: StepFunction>(
    name: &'static str,
    description: &'static str,
    arguments: &'static [Argument],
    make: impl Fn(&Map<String, Value>) -> Result<F> + Send + Sync + 'static,
) -> BuiltIn {
    let about = About { name, description, arguments, ..About::default() };
    let make = move |arguments: &Map<String, Value>| -> Result<SharedStepFunction> { Ok(Arc::new(make(arguments)?)) };
    (StepFunctionInfo { about, make: Arc::new(make) }, TypeId::of::<F>())
}

/// An argument of functions of probabilities.
const LOGPROB: Argument = Argument::new("logprob", "false", "Whether log probabilities replace probabilities.");

fn boolean(arguments: &Map<String, Value>, name: &str) -> Result<bool> {
    match arguments.get(name) {
        None => Ok(false),
        Some(Value::Bool(value)) => Ok(*value),
        Some(other) => Err(Error::argument(name, format!("argument `{name}` must be true or false, found {other}"))),
    }
}
