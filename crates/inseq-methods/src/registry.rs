//! Attribution methods by name.

use std::any::{Any, TypeId};
use std::sync::{Arc, LazyLock};

use inseq_core::{Entry, Registry};
use serde_json::{Map, Value};

use crate::method::{Method, MethodInfo};
use crate::{Error, Result, dummy, gradient, internals, perturbation};

/// Attribution methods by name: the built-in ones, and the ones that you register.
///
/// ```
/// use inseq_methods::Methods;
///
/// let methods = Methods::new();
/// let saliency = methods.get("saliency").unwrap();
/// assert_eq!(saliency.arguments[0].name, "abs");
/// assert_eq!(saliency.arguments[0].default, "true");
/// ```
#[derive(Clone, Debug)]
pub struct Methods {
    entries: Registry<MethodInfo>,
}

impl Default for Methods {
    fn default() -> Self {
        Self::new()
    }
}

impl Methods {
    /// The built-in methods.
    pub fn new() -> Self {
        Self { entries: list_methods().iter().cloned().collect() }
    }

    /// Adds a method.
    ///
    /// # Errors
    /// The name is empty or taken.
    pub fn register(&mut self, info: MethodInfo) -> Result<()> {
        let name = info.name;
        self.entries.add(info).map_err(|problem| Error::argument(name, problem))
    }

    /// Removes a method by name and returns it.
    pub fn remove(&mut self, name: &str) -> Option<MethodInfo> {
        self.entries.remove(name)
    }

    /// All methods, in the order of registration.
    pub fn list(&self) -> impl ExactSizeIterator<Item = &MethodInfo> {
        self.entries.list()
    }

    /// The entry with this name.
    ///
    /// # Errors
    /// The name is unknown.
    pub fn get(&self, name: &str) -> Result<&MethodInfo> {
        self.entries.get(name).ok_or_else(|| Error::unknown(MethodInfo::KIND, name, self.entries.names()))
    }

    /// Describes a method, its arguments, its cost and its paper, as text.
    ///
    /// # Errors
    /// The name is unknown.
    pub fn explain(&self, name: &str) -> Result<String> {
        Ok(self.get(name)?.explanation())
    }

    /// Makes a method from its name and arguments, with the reference's names.
    ///
    /// # Errors
    /// The name or an argument is unknown, or an argument has a wrong type or value.
    pub fn named(&self, name: &str, arguments: &Map<String, Value>) -> Result<Arc<dyn Method>> {
        self.get(name)?.with(arguments)
    }
}

/// The built-in attribution methods.
pub fn list_methods() -> &'static [MethodInfo] {
    static METHODS: LazyLock<Vec<MethodInfo>> = LazyLock::new(|| {
        vec![
            gradient::saliency::info(),
            gradient::input_x_gradient::info(),
            gradient::integrated_gradients::info(),
            gradient::deep_lift::info(),
            gradient::gradient_shap::info(),
            gradient::smooth_grad::info(),
            gradient::sequential_integrated_gradients::info(),
            gradient::discretized_integrated_gradients::info(),
            gradient::layer::integrated_gradients(),
            gradient::layer::gradient_x_activation(),
            gradient::layer::deep_lift(),
            gradient::rules::lrp::info(),
            gradient::rules::gim::info(),
            gradient::rules::relp::info(),
            gradient::rules::libragrad::info(),
            gradient::rules::own::info(),
            internals::attention::info(),
            internals::attention_rollout::info(),
            internals::attention_flow::info(),
            internals::value_zeroing::info(),
            perturbation::occlusion::info(),
            perturbation::lime::info(),
            perturbation::kernel_shap::info(),
            perturbation::shapley_value_sampling::info(),
            perturbation::partition_shap::info(),
            perturbation::reagent::info(),
            dummy::info(),
        ]
    });
    &METHODS
}

/// Describes a built-in method, its arguments, its cost and its paper, as text.
///
/// # Errors
/// The name is unknown.
pub fn explain(name: &str) -> Result<String> {
    Methods::new().explain(name)
}

/// Makes a built-in method from its name and arguments, with the reference's names.
///
/// # Errors
/// The name or an argument is unknown, or an argument has a wrong type or value.
pub fn method_named(name: &str, arguments: &Map<String, Value>) -> Result<Arc<dyn Method>> {
    Methods::new().named(name, arguments)
}

/// Refuses a method of the caller that has no name, or the name of a built-in method: a result tells methods apart by their names.
pub(crate) fn check_own(method: &dyn Method) -> Result<()> {
    let type_of = |method: &dyn Method| -> TypeId { (method as &dyn Any).type_id() };
    let name = method.name();
    if name.is_empty() {
        return Err(Error::argument("method", "the method has an empty name; give it one".into()));
    }
    match list_methods().iter().find(|info| info.name == name) {
        Some(built_in) if type_of(&*(built_in.make)(&Map::new())?) != type_of(method) => Err(Error::argument(
            "method",
            format!(
                "the method {method:?} is called `{name}`, which is the name of a built-in method; results tell methods apart by \
                 their names, so give it another one"
            ),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A default as the list of arguments has it.
    fn shown(value: &Value) -> String {
        match value {
            Value::Null => "none".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }

    #[test]
    fn listed_arguments_are_the_fields_of_each_method_with_their_defaults() {
        for info in list_methods() {
            let method = info.with(&Map::new()).unwrap();
            assert_eq!(method.name(), info.name);
            let fields = method.arguments();
            let mut fields: Vec<(String, String)> =
                fields.iter().map(|(name, value)| (name.clone(), shown(value))).collect();
            let mut listed: Vec<(String, String)> =
                info.arguments.iter().map(|known| (known.name.to_owned(), known.default.to_owned())).collect();
            fields.sort();
            listed.sort();
            assert_eq!(fields, listed, "{}", info.name);
            // What a method says of itself makes it again.
            let again = info.with(&method.arguments()).unwrap();
            assert_eq!(format!("{again:?}"), format!("{method:?}"));
        }
    }

    /// The whole numbers between which the meaning of an argument says that it must lie.
    fn limits(doc: &str) -> Option<(u64, u64)> {
        doc.match_indices(" to ").find_map(|(at, to)| {
            let least = doc[..at].rsplit(|c: char| !c.is_ascii_digit()).next()?;
            let most = doc[at + to.len()..].split(|c: char| !c.is_ascii_digit()).next()?;
            Some((least.parse().ok()?, most.parse().ok()?))
        })
    }

    #[test]
    fn limits_that_are_listed_are_those_that_hold() {
        let mut checked = Vec::new();
        for info in list_methods() {
            for argument in info.arguments {
                let Some((least, most)) = limits(argument.doc) else { continue };
                let with = |value: Value| info.with(&Map::from_iter([(argument.name.to_owned(), value)]));
                for value in [least, most] {
                    with(value.into())
                        .unwrap_or_else(|error| panic!("{} {} {value}: {error}", info.name, argument.name));
                }
                for value in [Value::from(least as i64 - 1), Value::from(most + 1)] {
                    let message = with(value.clone()).unwrap_err().to_string();
                    assert!(message.contains(argument.name), "{} {value}: {message}", info.name);
                }
                checked.push(argument.name);
            }
        }
        for name in ["n_steps", "n_samples", "max_evals", "num_probes", "max_probe_steps", "n_neighbors", "stdevs"] {
            assert!(checked.contains(&name), "{name} has no limits among {checked:?}");
        }
    }

    #[test]
    fn what_is_listed_is_explained() {
        for info in list_methods() {
            let text = explain(info.name).unwrap();
            for argument in info.arguments {
                assert!(text.contains(&format!("\n  {} ({}): ", argument.name, argument.default)), "{text}");
            }
            assert!(text.contains(&format!("Cost: {}\n", info.cost)), "{text}");
        }
    }

    #[test]
    fn an_unknown_argument_is_named_with_the_nearest() {
        let arguments = Map::from_iter([("n_step".to_owned(), 3.into())]);
        let message = method_named("lime", &arguments).unwrap_err().to_string();
        assert!(
            message.starts_with("arguments of the method `lime`: unknown argument `n_step`; it takes `n_samples`,")
        );
        let message = method_named("integrated_gradients", &arguments).unwrap_err().to_string();
        assert!(message.ends_with("(did you mean `n_steps`?)"), "{message}");
    }
}
