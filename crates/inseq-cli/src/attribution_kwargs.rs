//! Whose each of `--attribution-kwargs` is: an option of the call, the attributed function's, a step score's, or a method's.

use inseq_core::Entry as _;
use inseq_methods::{AttributionRequest, MethodInfo, list_methods, step_functions};
use serde_json::Value;

use crate::arguments::{AttributeArguments, Object};
use crate::failure::Failure;
use crate::warnings::warn;

/// Sorts `--attribution-kwargs` into a request as the reference does. What nobody knows, among them `methods`, has no effect,
/// and a warning says so.
pub fn sort(
    arguments: &AttributeArguments,
    methods: &[String],
    request: &mut AttributionRequest,
) -> Result<(), Failure> {
    let attributed_fn = arguments.attributed_fn.as_deref().unwrap_or("probability");
    for (name, value) in &arguments.attribution_kwargs {
        let boolean = || match value {
            Value::Bool(value) => Ok(*value),
            other => {
                Err(Failure::Argument(format!("attribution argument `{name}` must be true or false, found {other}")))
            }
        };
        match name.as_str() {
            "skip_special_tokens" => request.skip_special_tokens = boolean()?,
            "clean_special_chars" => request.clean_special_chars = boolean()?,
            "attribution_args" => request.attribution_args.extend(as_object(name, value)?),
            "attributed_fn_args" => request.attributed_fn_args.extend(as_object(name, value)?),
            "step_scores_args" => request.step_scores_args.extend(as_object(name, value)?),
            // How the reference shows its progress.
            "show_progress" | "pretty_progress" => drop(boolean()?),
            _ => {
                let takes = |function: &str| {
                    step_functions::arguments_of(function).iter().any(|argument| argument.name == name)
                };
                let for_function = takes(attributed_fn);
                let for_scores = arguments.step_scores.iter().any(|function| takes(function));
                let for_method = methods.iter().any(|method| knows(method, name));
                if for_function {
                    request.attributed_fn_args.insert(name.clone(), value.clone());
                }
                if for_scores {
                    request.step_scores_args.insert(name.clone(), value.clone());
                }
                if for_method {
                    request.attribution_args.insert(name.clone(), value.clone());
                }
                if !for_function && !for_scores && !for_method {
                    let functions =
                        std::iter::once(attributed_fn).chain(arguments.step_scores.iter().map(String::as_str));
                    warn(&unused(name, methods, functions));
                }
            }
        }
    }
    Ok(())
}

/// Whether a method takes an argument of this name; one that there is not is refused later, and takes all.
pub fn knows(method: &str, argument: &str) -> bool {
    info(method).is_none_or(|info| info.takes(argument))
}

fn info(method: &str) -> Option<&'static MethodInfo> {
    list_methods().iter().find(|info| info.name == method)
}

/// The warning of an argument that has no effect.
fn unused<'a>(name: &str, methods: &'a [String], functions: impl Iterator<Item = &'a str>) -> String {
    let of_methods =
        methods.iter().map(|method| (method.as_str(), info(method).map_or(&[][..], |info| info.arguments)));
    let of_functions = functions.map(|function| (function, step_functions::arguments_of(function)));
    let mut known: Vec<String> = Vec::new();
    for (owner, arguments) in of_methods.chain(of_functions) {
        let arguments: Vec<String> = arguments.iter().map(|argument| format!("`{}`", argument.name)).collect();
        let takes = match arguments.is_empty() {
            true => format!("`{owner}` takes none"),
            false => format!("`{owner}` takes {}", arguments.join(", ")),
        };
        if !known.contains(&takes) {
            known.push(takes);
        }
    }
    format!("--attribution-kwargs: `{name}` has no effect; {}", known.join("; "))
}

fn as_object(name: &str, value: &Value) -> Result<Object, Failure> {
    value
        .as_object()
        .cloned()
        .ok_or_else(|| Failure::Argument(format!("attribution argument `{name}` must be an object, found {value}")))
}
