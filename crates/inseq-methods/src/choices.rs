//! Resolves the names in a request.

use std::borrow::Cow;
use std::sync::Arc;

use inseq_models::tokenizer::Role;
use serde_json::{Map, Value};

use crate::loading::{LoadOptions, Loading};
use crate::method::Method;
use crate::registry::{Methods, check_own};
use crate::request::{AttributionRequest, MethodChoice, StepFunctionChoice};
use crate::step_functions::{SharedStepFunction, StepFunctions, Vocabulary};
use crate::target_spans::TargetSpans;
use crate::text_model::TextModel;
use crate::{Error, Result, step_functions};

/// The default attributed function.
const PROBABILITY: &str = "probability";

/// Its argument for log probabilities.
const LOGPROB: &str = "logprob";

/// The registries of a model, and the defaults of requests.
#[derive(Clone, Debug)]
pub(crate) struct Choices {
    pub(crate) methods: Methods,
    pub(crate) step_functions: StepFunctions,
    pub(crate) default_method: String,
    pub(crate) default_attributed_fn: StepFunctionChoice,
    /// Options with which the model was loaded.
    pub(crate) load_options: LoadOptions,
}

impl Choices {
    /// The built-in entries and defaults.
    pub(crate) fn new(load_options: &LoadOptions) -> Self {
        Self {
            methods: Methods::new(),
            step_functions: StepFunctions::new(),
            default_method: "saliency".into(),
            default_attributed_fn: PROBABILITY.into(),
            load_options: load_options.clone(),
        }
    }

    /// The method of a request, checked and ready to run.
    ///
    /// # Errors
    /// The method is unknown, an argument is invalid, or a file or model that it names does not exist or may not be opened.
    pub(crate) fn method(&self, model: &TextModel, request: &AttributionRequest) -> Result<Arc<dyn Method>> {
        let method = match &request.method {
            None => self.methods.named(&self.default_method, &request.attribution_args)?,
            Some(MethodChoice::Named(name)) => self.methods.named(name, &request.attribution_args)?,
            Some(MethodChoice::Own(method)) if request.attribution_args.is_empty() => {
                check_own(&**method)?;
                method.validate()?;
                method.clone()
            }
            Some(MethodChoice::Own(method)) => {
                return Err(Error::argument(
                    "attribution_args",
                    format!(
                        "the method `{}` is given with its options, so that `attribution_args` are for no method; leave them out, \
                     or give the method by its name",
                        method.name()
                    ),
                ));
            }
        };
        method.check(model.model())?;
        let device = request.limits.device.as_ref().unwrap_or(&self.load_options.device).clone();
        let loading = Loading::new(&LoadOptions { device, ..self.load_options.clone() }, request.limits.policy);
        Ok(method.prepare(&loading)?.unwrap_or(method))
    }

    /// The arguments of the attributed function of a request. The scores of a span's tokens are summed, so that its default function
    /// is the log probability.
    pub(crate) fn attributed_fn_args<'r>(&self, request: &'r AttributionRequest) -> Cow<'r, Map<String, Value>> {
        let given = &request.attributed_fn_args;
        let is_default = request.attributed_fn.is_none()
            && matches!(&self.default_attributed_fn, StepFunctionChoice::Named(name) if name == PROBABILITY);
        if !is_default || request.target_spans == TargetSpans::Tokens || given.contains_key(LOGPROB) {
            return Cow::Borrowed(given);
        }
        let mut arguments = given.clone();
        arguments.insert(LOGPROB.to_owned(), true.into());
        Cow::Owned(arguments)
    }

    /// The attributed function of a request, with its [arguments](Self::attributed_fn_args).
    ///
    /// # Errors
    /// The function is unknown, or an argument is invalid.
    pub(crate) fn attributed_fn(
        &self,
        model: &TextModel,
        request: &AttributionRequest,
        arguments: &Map<String, Value>,
    ) -> Result<SharedStepFunction> {
        match request.attributed_fn.as_ref().unwrap_or(&self.default_attributed_fn) {
            StepFunctionChoice::Named(name) => self.step_function(model, name, arguments),
            StepFunctionChoice::Own(function) => own("attributed_fn", function),
        }
    }

    /// The step scores of a request. Named functions share their arguments: each takes those that it knows.
    ///
    /// # Errors
    /// A function is unknown, or an argument is invalid.
    pub(crate) fn step_scores(
        &self,
        model: &TextModel,
        request: &AttributionRequest,
    ) -> Result<Vec<SharedStepFunction>> {
        let names = request.step_scores.iter().filter_map(|choice| match choice {
            StepFunctionChoice::Named(name) => Some(name.as_str()),
            StepFunctionChoice::Own(_) => None,
        });
        let names: Vec<&str> = names.collect();
        let arguments = &request.step_scores_args;
        let named = vocabulary(model, |tokens| self.step_functions.sharing(&names, arguments, tokens))?;
        let mut named = named.into_iter();
        let each = request.step_scores.iter().filter_map(|choice| match choice {
            StepFunctionChoice::Named(_) => named.next().map(Ok),
            StepFunctionChoice::Own(function) => Some(own("step_scores", function)),
        });
        let each: Vec<SharedStepFunction> = each.collect::<Result<_>>()?;
        // The same name twice is the same function; an own function of a name that another has would replace its scores.
        let own = request.step_scores.iter().zip(&each).filter(|(one, _)| matches!(one, StepFunctionChoice::Own(_)));
        for (_, function) in own {
            if each.iter().filter(|other| other.name() == function.name()).count() > 1 {
                let name = function.name();
                return Err(Error::argument(
                    "step_scores",
                    format!(
                        "two step scores are called `{name}`, and a result has one score of a name; rename one of them"
                    ),
                ));
            }
        }
        Ok(each)
    }

    /// A step function by name, or by its expression over the model's tokens.
    ///
    /// # Errors
    /// The name or an argument is unknown, or an expression is wrong; the error points at the place in the expression.
    pub(crate) fn step_function(
        &self,
        model: &TextModel,
        name: &str,
        arguments: &Map<String, Value>,
    ) -> Result<SharedStepFunction> {
        vocabulary(model, |tokens| self.step_functions.find(name, arguments, tokens))
    }
}

/// A step function of the caller, under a name that it may have.
fn own(option: &str, function: &SharedStepFunction) -> Result<SharedStepFunction> {
    step_functions::check_own(option, &**function).map(|()| function.clone())
}

/// Calls `run` with a model's target tokens.
fn vocabulary<T>(model: &TextModel, run: impl FnOnce(&Vocabulary) -> T) -> T {
    let role = model.role(Role::Target);
    run(&Vocabulary {
        id: &|piece| model.tokenizer().id(piece, role),
        piece: &|id| model.tokenizer().token(id, role),
        size: model.model().vocabulary(),
    })
}
