//! Finds step functions by name or by expression.

use std::any::TypeId;
use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

use inseq_core::{About, Argument, Entry, Registry};
use serde_json::{Map, Value};

use super::{
    SharedStepFunction, StepFunction, StepFunctionInfo, Vocabulary, contrast, distribution, expression, filter,
    mc_dropout, scoring_type, target,
};
use crate::{Error, Result};

/// The built-in step functions, and their types.
struct BuiltIns {
    infos: Vec<StepFunctionInfo>,
    types: HashSet<TypeId>,
}

static BUILT_INS: LazyLock<BuiltIns> = LazyLock::new(|| {
    let own = [target::logit(), target::probability(), distribution::entropy()];
    let of_targets = [target::crossentropy(), target::perplexity()];
    let last = [mc_dropout::mc_dropout_prob_avg(), filter::top_p_size(), target::logit_minus_mean()];
    let (infos, types) = own.into_iter().chain(of_targets).chain(contrast::all()).chain(last).unzip();
    BuiltIns { infos, types }
});

/// The built-in step functions.
pub fn list() -> &'static [StepFunctionInfo] {
    &BUILT_INS.infos
}

/// Refuses a function of the caller that has no name, or the name of a built-in function or of an expression: a result tells
/// functions apart by their names. `option` is the option of the request that holds the function.
pub(crate) fn check_own(option: &str, function: &dyn StepFunction) -> Result<()> {
    let name = function.name();
    let refuse = |problem: String| Err(Error::argument(option, problem));
    let computed_by = scoring_type(function);
    let is_built_in = BUILT_INS.types.contains(&computed_by) || computed_by == TypeId::of::<expression::Expression>();
    let taken = match name {
        "" => return refuse("the step function has an empty name; give it one".into()),
        _ if is_built_in => return Ok(()),
        _ if expression::is_expression(name) => "could be an expression",
        _ if list().iter().any(|info| info.name == name) => "is the name of a built-in step function",
        _ => return Ok(()),
    };
    refuse(format!(
        "the step function is called `{name}`, which {taken}; results tell functions apart by their names, so give it another \
         one of letters, digits and underscores"
    ))
}

/// The arguments of a built-in step function, or of an expression; empty for unknown names.
pub fn arguments_of(name: &str) -> &'static [Argument] {
    match list().iter().find(|info| info.name == name) {
        Some(info) => info.arguments,
        None if expression::is_expression(name) => contrast::CONTEXT,
        None => &[],
    }
}

/// Makes a built-in step function from its name and arguments, with the reference's names.
///
/// # Errors
/// The name is unknown, or an argument is unknown to the function or has a wrong type.
pub fn named(name: &str, arguments: &Map<String, Value>) -> Result<SharedStepFunction> {
    StepFunctions::new().named(name, arguments)
}

/// Step functions by name: the built-in ones, and the ones that you register.
#[derive(Clone, Debug)]
pub struct StepFunctions {
    entries: Registry<StepFunctionInfo>,
}

impl Default for StepFunctions {
    fn default() -> Self {
        Self::new()
    }
}

impl StepFunctions {
    /// The built-in step functions.
    pub fn new() -> Self {
        Self { entries: list().iter().cloned().collect() }
    }

    /// Adds a function.
    ///
    /// # Errors
    /// The name is empty or taken, or could be an expression.
    pub fn register(&mut self, info: StepFunctionInfo) -> Result<()> {
        if expression::is_expression(info.name) {
            return Err(Error::argument(
                info.name,
                format!("a step function cannot be called `{}`: names have letters, digits and underscores", info.name),
            ));
        }
        let name = info.name;
        self.entries.add(info).map_err(|problem| Error::argument(name, problem))
    }

    /// Removes a function by name and returns it.
    pub fn remove(&mut self, name: &str) -> Option<StepFunctionInfo> {
        self.entries.remove(name)
    }

    /// All functions, in the order of registration.
    pub fn list(&self) -> impl ExactSizeIterator<Item = &StepFunctionInfo> {
        self.entries.list()
    }

    /// The entry with this name.
    ///
    /// # Errors
    /// The name is unknown.
    pub fn get(&self, name: &str) -> Result<&StepFunctionInfo> {
        self.entries.get(name).ok_or_else(|| Error::unknown(StepFunctionInfo::KIND, name, self.entries.names()))
    }

    /// Describes a function and its arguments, as text.
    ///
    /// # Errors
    /// The name is unknown.
    pub fn explain(&self, name: &str) -> Result<String> {
        Ok(self.get(name)?.explanation())
    }

    /// Makes a function from its name and arguments, with the reference's names.
    ///
    /// # Errors
    /// The name is unknown, or an argument is unknown to the function or has a wrong type.
    pub fn named(&self, name: &str, arguments: &Map<String, Value>) -> Result<SharedStepFunction> {
        let info = self.get(name)?;
        refuse_unknown(info.arguments, arguments)?;
        (info.make)(arguments)
    }

    /// Makes a function from its name or expression.
    ///
    /// # Errors
    /// The function is unknown, or an argument is unknown to it or has a wrong type.
    pub(crate) fn find(
        &self,
        name: &str,
        arguments: &Map<String, Value>,
        vocabulary: &Vocabulary,
    ) -> Result<SharedStepFunction> {
        if self.entries.get(name).is_none() && expression::is_expression(name) {
            refuse_unknown(contrast::CONTEXT, arguments)?;
            return expression::read(name, arguments, vocabulary);
        }
        self.named(name, arguments)
    }

    /// Makes functions that share their arguments; each function takes those that it knows.
    ///
    /// # Errors
    /// A name is unknown, or no function takes an argument.
    pub(crate) fn sharing(
        &self,
        names: &[&str],
        arguments: &Map<String, Value>,
        vocabulary: &Vocabulary,
    ) -> Result<Vec<SharedStepFunction>> {
        let known = |name: &str| self.entries.get(name).map_or_else(|| arguments_of(name), |info| info.arguments);
        let takes = |name: &str, argument: &str| known(name).iter().any(|known| known.name == argument);
        if let Some(unknown) = arguments.keys().find(|key| !names.iter().any(|name| takes(name, key))) {
            let known = names.iter().flat_map(|name| known(name)).map(|argument| argument.name);
            return Err(Error::unknown("argument of the step functions", unknown, known));
        }
        let own = |name: &str| -> Map<String, Value> {
            let of_name = arguments.iter().filter(|(key, _)| takes(name, key));
            of_name.map(|(key, value)| (key.clone(), value.clone())).collect()
        };
        names.iter().map(|name| self.find(name, &own(name), vocabulary)).collect()
    }
}

fn refuse_unknown(known: &[Argument], arguments: &Map<String, Value>) -> Result<()> {
    match arguments.keys().find(|key| !known.iter().any(|known| known.name == *key)) {
        Some(unknown) => {
            Err(Error::unknown("argument of the step function", unknown, known.iter().map(|known| known.name)))
        }
        None => Ok(()),
    }
}

impl StepFunctionInfo {
    /// The entry of a function without arguments, under its own name.
    pub fn of(function: SharedStepFunction) -> Self {
        Self {
            about: About {
                // Names live as long as the program; a function is registered once.
                name: function.name().to_owned().leak(),
                description: "A function that was registered.",
                ..About::default()
            },
            make: Arc::new(move |_| Ok(function.clone())),
        }
    }
}
