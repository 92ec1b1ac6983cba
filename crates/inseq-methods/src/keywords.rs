//! Sorts the keyword arguments of a call: options of the call, arguments of the attributed function, of step scores, or of a
//! method.

use inseq_core::{Argument, did_you_mean};
use serde_json::{Map, Value};

use crate::method::MethodInfo;
use crate::request::{AttributionRequest, StepFunctionChoice};
use crate::{Error, Result, step_functions};

/// Keyword arguments that are options of the call, or hold arguments of one kind.
const OPTIONS: [&str; 5] =
    ["skip_special_tokens", "clean_special_chars", "attribution_args", "attributed_fn_args", "step_scores_args"];

impl AttributionRequest {
    /// Adds keyword arguments in the form of the reference's `attribute(**kwargs)`. Each argument goes to all that know it by name:
    /// the attributed function, the step scores, the methods. `attribution_args`, `attributed_fn_args` and `step_scores_args` are
    /// objects of arguments of one kind; `skip_special_tokens` and `clean_special_chars` are options of the call. `methods` are
    /// the methods that the request may be used with.
    ///
    /// Set the attributed function and the step scores first. Returns a sentence for each unknown argument, which has no
    /// effect.
    ///
    /// # Errors
    /// An option of the call is not a boolean, or arguments of one kind are not an object.
    ///
    /// ```
    /// use inseq_methods::{AttributionRequest, Methods};
    /// use serde_json::json;
    ///
    /// let saliency = Methods::new().get("saliency")?.clone();
    /// let mut request = AttributionRequest::new(["Hello"]).step_scores(["top_p_size"]);
    /// let keywords = json!({ "abs": false, "top_p": 0.5, "n_steps": 20 });
    /// let unused = request.add_keywords(keywords.as_object().unwrap(), &[saliency])?;
    /// assert_eq!(request.attribution_args["abs"], false);
    /// assert_eq!(request.step_scores_args["top_p"], 0.5);
    /// assert!(unused[0].starts_with("`n_steps` has no effect; `saliency` takes `abs`"));
    /// # Ok::<(), inseq_methods::Error>(())
    /// ```
    pub fn add_keywords(&mut self, keywords: &Map<String, Value>, methods: &[MethodInfo]) -> Result<Vec<String>> {
        let attributed_fn = self.attributed_fn.clone().unwrap_or_else(|| "probability".into());
        let mut unused = Vec::new();
        for (name, value) in keywords {
            match name.as_str() {
                "skip_special_tokens" => self.skip_special_tokens = boolean(name, value)?,
                "clean_special_chars" => self.clean_special_chars = boolean(name, value)?,
                "attribution_args" => self.attribution_args.extend(object(name, value)?),
                "attributed_fn_args" => self.attributed_fn_args.extend(object(name, value)?),
                "step_scores_args" => self.step_scores_args.extend(object(name, value)?),
                // How the reference shows its progress.
                "show_progress" | "pretty_progress" => drop(boolean(name, value)?),
                _ => {
                    let takes = |function: &StepFunctionChoice| {
                        arguments_of(function).iter().any(|argument| argument.name == name)
                    };
                    let owners = [
                        (takes(&attributed_fn), &mut self.attributed_fn_args),
                        (self.step_scores.iter().any(takes), &mut self.step_scores_args),
                        (methods.iter().any(|method| method.takes(name)), &mut self.attribution_args),
                    ];
                    let mut is_known = false;
                    for (_, arguments) in owners.into_iter().filter(|(takes, _)| *takes) {
                        arguments.insert(name.clone(), value.clone());
                        is_known = true;
                    }
                    if !is_known {
                        let functions = std::iter::once(&attributed_fn).chain(&self.step_scores);
                        unused.push(has_no_effect(name, methods, functions));
                    }
                }
            }
        }
        Ok(unused)
    }
}

/// The arguments of a step function; empty for your own functions.
fn arguments_of(function: &StepFunctionChoice) -> &'static [Argument] {
    match function {
        StepFunctionChoice::Named(name) => step_functions::arguments_of(name),
        StepFunctionChoice::Own(_) => &[],
    }
}

fn boolean(name: &str, value: &Value) -> Result<bool> {
    value.as_bool().ok_or_else(|| {
        Error::argument(name, format!("attribution argument `{name}` must be true or false, found {value}"))
    })
}

fn object(name: &str, value: &Value) -> Result<Map<String, Value>> {
    let object = value.as_object().cloned();
    object
        .ok_or_else(|| Error::argument(name, format!("attribution argument `{name}` must be an object, found {value}")))
}

fn has_no_effect<'a>(
    name: &str,
    methods: &[MethodInfo],
    functions: impl Iterator<Item = &'a StepFunctionChoice>,
) -> String {
    let of_methods = methods.iter().map(|method| (method.name.to_owned(), method.arguments));
    let of_functions = functions.filter_map(|function| match function {
        StepFunctionChoice::Named(name) => Some((name.clone(), arguments_of(function))),
        StepFunctionChoice::Own(_) => None,
    });
    let (mut known, mut names) = (Vec::new(), OPTIONS.to_vec());
    for (owner, arguments) in of_methods.chain(of_functions) {
        names.extend(arguments.iter().map(|argument| argument.name));
        let arguments: Vec<String> = arguments.iter().map(|argument| format!("`{}`", argument.name)).collect();
        let takes = match arguments.is_empty() {
            true => format!("`{owner}` takes none"),
            false => format!("`{owner}` takes {}", arguments.join(", ")),
        };
        if !known.contains(&takes) {
            known.push(takes);
        }
    }
    format!("`{name}` has no effect; {}{}", known.join("; "), did_you_mean(name, names, 1))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Methods;

    fn sorted(request: AttributionRequest, keywords: Value, methods: &[&str]) -> (AttributionRequest, Vec<String>) {
        let all = Methods::new();
        let methods: Vec<MethodInfo> = methods.iter().map(|name| all.get(name).unwrap().clone()).collect();
        let mut request = request;
        let unused = request.add_keywords(keywords.as_object().unwrap(), &methods).unwrap();
        (request, unused)
    }

    #[test]
    fn each_argument_goes_to_all_that_know_it() {
        let request = AttributionRequest::new(["a"])
            .attributed_fn("contrast_prob_diff")
            .step_scores(["contrast_prob", "probability"]);
        let keywords = json!({ "contrast_targets": "b", "logprob": true, "n_steps": 3, "skip_special_tokens": true,
                               "show_progress": false });
        let (request, unused) = sorted(request, keywords, &["integrated_gradients", "saliency"]);
        assert!(unused.is_empty(), "{unused:?}");
        // As the reference's `extract_args` gives each function what its signature names.
        assert_eq!(request.attributed_fn_args.keys().collect::<Vec<_>>(), ["contrast_targets", "logprob"]);
        assert_eq!(request.step_scores_args.keys().collect::<Vec<_>>(), ["contrast_targets", "logprob"]);
        assert_eq!(request.attribution_args.keys().collect::<Vec<_>>(), ["n_steps"]);
        assert!(request.skip_special_tokens);
    }

    #[test]
    fn arguments_of_one_kind_are_objects() {
        let keywords = json!({ "attribution_args": { "abs": true }, "step_scores_args": { "top_p": 0.3 } });
        let (request, unused) = sorted(AttributionRequest::new(["a"]), keywords, &["saliency"]);
        assert_eq!((&request.attribution_args["abs"], &request.step_scores_args["top_p"]), (&json!(true), &json!(0.3)));
        assert!(unused.is_empty() && request.attributed_fn_args.is_empty());
        for (keywords, expected) in [
            (json!({ "attribution_args": 3 }), "`attribution_args` must be an object, found 3"),
            (json!({ "clean_special_chars": "no" }), "`clean_special_chars` must be true or false"),
        ] {
            let error = AttributionRequest::new(["a"]).add_keywords(keywords.as_object().unwrap(), &[]).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
    }

    #[test]
    fn what_nobody_knows_is_said_with_what_each_knows() {
        let unused = |keywords: Value, methods: &[&str]| {
            let (request, unused) = sorted(AttributionRequest::new(["a"]), keywords, methods);
            assert!(request.attribution_args.is_empty());
            assert_eq!(unused.len(), 1);
            unused[0].clone()
        };
        let said = unused(json!({ "n_stepz": 3 }), &["attention", "saliency"]);
        for part in ["`n_stepz` has no effect; ", "`saliency` takes `abs`", "`probability` takes "] {
            assert!(said.contains(part), "{said}");
        }
        assert!(!said.contains("did you mean"), "no method of the call has steps: {said}");
        for (keywords, near) in [
            (json!({ "n_stepz": 3 }), "n_steps"),
            (json!({ "log_prob": true }), "logprob"),
            (json!({ "skip_special_token": true }), "skip_special_tokens"),
        ] {
            let said = unused(keywords, &["integrated_gradients"]);
            assert!(said.ends_with(&format!(" (did you mean `{near}`?)")), "{said}");
        }
    }
}
