//! Finding a step function: of the program, of a model, or written as an expression.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use inseq_core::aggregators::{AggregationFunction, Merging};
use serde_json::{Map, Value};

use super::{ALL, SharedStepFunction, StepFunctionInfo, Vocabulary, contrast, expression};
use crate::{Error, Result};

/// The step functions there are.
pub fn list() -> &'static [StepFunctionInfo] {
    ALL
}

/// The names of the arguments of a step function, or of an expression; none of what is unknown.
pub fn arguments_of(name: &str) -> &'static [&'static str] {
    match ALL.iter().find(|info| info.name == name) {
        Some(info) => info.arguments,
        None if expression::is_expression(name) => contrast::CONTEXT,
        None => &[],
    }
}

/// The step function of a name, with its arguments by the reference's names.
///
/// # Errors
/// When the name is unknown, or an argument is unknown to the function or of the wrong type.
pub fn named(name: &str, arguments: &Map<String, Value>) -> Result<SharedStepFunction> {
    let info = ALL
        .iter()
        .find(|info| info.name == name)
        .ok_or_else(|| Error::unknown("step function", name, ALL.iter().map(|info| info.name)))?;
    refuse_unknown(info.arguments, arguments)?;
    (info.make)(arguments)
}

fn refuse_unknown(known: &[&str], arguments: &Map<String, Value>) -> Result<()> {
    match arguments.keys().find(|key| !known.contains(&key.as_str())) {
        Some(unknown) => Err(Error::unknown("argument of the step function", unknown, known.iter().copied())),
        None => Ok(()),
    }
}

/// The step functions that a model knows beside those of the program.
#[derive(Clone, Debug, Default)]
pub(crate) struct Registry {
    functions: IndexMap<String, (SharedStepFunction, Option<AggregationFunction>)>,
}

impl Registry {
    /// Adds a function.
    ///
    /// # Errors
    /// When its name is taken.
    pub(crate) fn add(&mut self, function: SharedStepFunction, aggregation: Option<AggregationFunction>) -> Result<()> {
        let name = function.name().to_owned();
        if ALL.iter().any(|info| info.name == name) || self.functions.contains_key(&name) {
            return Err(Error::Argument(format!(
                "there is a step function `{name}` already; give it another name, or remove the one that is registered"
            )));
        }
        if expression::is_expression(&name) || name.is_empty() {
            return Err(Error::Argument(format!(
                "a step function cannot be called `{name}`: names have letters, digits and underscores"
            )));
        }
        self.functions.insert(name, (function, aggregation));
        Ok(())
    }

    /// Removes the function of a name.
    pub(crate) fn remove(&mut self, name: &str) -> Option<SharedStepFunction> {
        self.functions.shift_remove(name).map(|(function, _)| function)
    }

    /// The functions that step scores of these names were registered with.
    pub(crate) fn merging_of<'n>(&self, names: impl Iterator<Item = &'n str>) -> BTreeMap<String, AggregationFunction> {
        names.filter_map(|name| Some((name.to_owned(), self.functions.get(name)?.1?))).collect()
    }

    /// How scores of several tokens become those of one, registered functions' among them.
    pub(crate) fn merging(&self) -> Merging {
        let own = self.functions.iter().filter_map(|(name, (_, aggregation))| Some((name, (*aggregation)?)));
        own.fold(Merging::default(), |merging, (name, aggregation)| merging.step_function(name, aggregation))
    }

    /// A function by name, or by its expression.
    ///
    /// # Errors
    /// When it is unknown, or an argument is unknown to it or of the wrong type.
    pub(crate) fn find(
        &self,
        name: &str,
        arguments: &Map<String, Value>,
        vocabulary: &Vocabulary,
    ) -> Result<SharedStepFunction> {
        if let Some((function, _)) = self.functions.get(name) {
            refuse_unknown(&[], arguments)?;
            return Ok(function.clone());
        }
        if expression::is_expression(name) {
            refuse_unknown(contrast::CONTEXT, arguments)?;
            return expression::read(name, arguments, vocabulary);
        }
        if !ALL.iter().any(|info| info.name == name) {
            let known = ALL.iter().map(|info| info.name).chain(self.functions.keys().map(String::as_str));
            return Err(Error::unknown("step function", name, known));
        }
        named(name, arguments)
    }

    /// Functions that share their arguments: each takes those that it knows.
    ///
    /// # Errors
    /// When a name is unknown, or no function knows an argument.
    pub(crate) fn sharing(
        &self,
        names: &[&str],
        arguments: &Map<String, Value>,
        vocabulary: &Vocabulary,
    ) -> Result<Vec<SharedStepFunction>> {
        let known: Vec<&str> = names.iter().flat_map(|name| arguments_of(name)).copied().collect();
        if let Some(unknown) = arguments.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(Error::unknown("argument of the step functions", unknown, known));
        }
        let own = |name: &str| -> Map<String, Value> {
            let of_name = arguments.iter().filter(|(key, _)| arguments_of(name).contains(&key.as_str()));
            of_name.map(|(key, value)| (key.clone(), value.clone())).collect()
        };
        names.iter().map(|name| self.find(name, &own(name), vocabulary)).collect()
    }
}
