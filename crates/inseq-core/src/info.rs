//! Facts about the call that made a result.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::Warning;

/// Declares [`Info`]: each field is named as the reference's key.
macro_rules! info {
    ($($(#[$doc:meta])* $field:ident: $kind:ty,)*) => {
        /// Facts about the call that made a result: model, method, arguments, texts, times.
        ///
        /// Each known fact is a field with the reference's name, `None` if the result does not have it. All other facts, and known
        /// ones with a value of another type, are in [`other`](Self::other), so that a loaded result keeps all facts
        /// of its file.
        ///
        /// ```
        /// use inseq_core::Info;
        /// use serde_json::json;
        ///
        /// let mut info: Info = serde_json::from_value(json!({"model_name": "gpt2", "attr_pos_end": 7, "note": "mine"}))?;
        /// assert_eq!((info.model_name.as_deref(), info.attr_pos_end), (Some("gpt2"), Some(7)));
        /// assert_eq!(info.other["note"], "mine");
        ///
        /// info.attributed_fn = Some("probability".into());
        /// assert_eq!(info.get("attributed_fn"), Some(json!("probability")));
        /// # Ok::<(), serde_json::Error>(())
        /// ```
        #[derive(Clone, Debug, Default, PartialEq)]
        #[non_exhaustive]
        pub struct Info {
            $($(#[$doc])* pub $field: Option<$kind>,)*
            /// Facts without a field, by name. A fact with a field counts only if the field is `None`.
            pub other: Map<String, Value>,
        }

        impl Info {
            /// A fact by the reference's name.
            pub fn get(&self, name: &str) -> Option<Value> {
                let known = match name {
                    $(stringify!($field) => self.$field.as_ref().map(value),)*
                    _ => None,
                };
                known.or_else(|| self.other.get(name).cloned())
            }

            /// All facts by the reference's names.
            pub fn to_map(&self) -> Map<String, Value> {
                let mut facts = Map::new();
                $(if let Some(fact) = &self.$field {
                    facts.insert(stringify!($field).to_owned(), value(fact));
                })*
                for (name, fact) in &self.other {
                    facts.entry(name.as_str()).or_insert_with(|| fact.clone());
                }
                facts
            }
        }

        impl FromIterator<(String, Value)> for Info {
            fn from_iter<I: IntoIterator<Item = (String, Value)>>(facts: I) -> Self {
                let mut info = Self::default();
                for (name, fact) in facts {
                    let is_known = match name.as_str() {
                        $(stringify!($field) => {
                            info.$field = typed(&fact);
                            info.$field.is_some()
                        })*
                        _ => false,
                    };
                    if !is_known {
                        info.other.insert(name, fact);
                    }
                }
                info
            }
        }
    };
}

info! {
    /// Name of the attribution method.
    attribution_method: String,
    /// Date of the attribution, as text.
    attribution_date: String,
    /// Position of the first attributed token; of several texts, the largest.
    attr_pos_start: usize,
    /// Position after the last attributed token; of several texts, the largest.
    attr_pos_end: usize,
    /// Whether the result has the raw output of each step.
    output_step_attributions: bool,
    /// Whether target tokens before the step were attributed too. False for decoder-only models, whose prompt always is.
    attribute_target: bool,
    /// Names of the step scores.
    step_scores: Vec<String>,
    /// Duration of the attribution, in seconds.
    exec_time: f64,
    /// Name of the model.
    model_name: String,
    /// Class of the model in transformers.
    model_class: String,
    /// Name of the tokenizer.
    tokenizer_name: String,
    /// Class of the tokenizer in transformers.
    tokenizer_class: String,
    /// Whether the baseline replaces end-of-sequence tokens.
    include_eos_baseline: bool,
    /// Name of the attributed function.
    attributed_fn: String,
    /// Arguments of the attribution method.
    attribution_args: Map<String, Value>,
    /// Arguments of the attributed function.
    attributed_fn_args: Map<String, Value>,
    /// Arguments of the step scores.
    step_scores_args: Map<String, Value>,
    /// Arguments of the generation.
    generation_args: Map<String, Value>,
    /// The input texts, in the order of the sequences.
    input_texts: Vec<String>,
    /// The generated texts, in the order of the sequences.
    generated_texts: Vec<String>,
    /// Whether the generated texts were given.
    constrained_decoding: bool,
    /// Whether the given texts are starts that the model continued.
    generate_from_target_prefix: bool,
    /// Name of the groups of tokens that were attributed as one feature.
    feature_groups: String,
    /// Spans of the target that were attributed together, as they were asked for.
    target_spans: String,
    /// Name of the step score by which the attributions were multiplied.
    weighted_by: String,
    /// Warnings for the reader of the result, one sentence each.
    warnings: Vec<Warning>,
}

impl Info {
    /// Keeps the texts at these indices, as for a result with some of the sequences only.
    pub fn keep_texts(&mut self, indices: &[usize]) {
        for texts in [&mut self.input_texts, &mut self.generated_texts].into_iter().flatten() {
            *texts = indices.iter().filter_map(|&index| texts.get(index).cloned()).collect();
        }
    }
}

impl From<Map<String, Value>> for Info {
    fn from(facts: Map<String, Value>) -> Self {
        facts.into_iter().collect()
    }
}

impl Serialize for Info {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_map().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Info {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Map::deserialize(deserializer).map(Self::from)
    }
}

/// The value of a known fact in a file.
fn value(fact: &impl Serialize) -> Value {
    serde_json::to_value(fact).unwrap_or_default()
}

/// A fact with the type of its field; `None` if the field could not give the same value back, so that nothing is lost.
fn typed<T: DeserializeOwned + Serialize>(fact: &Value) -> Option<T> {
    T::deserialize(fact).ok().filter(|typed| value(typed) == *fact)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_fact_of_a_file_comes_back() {
        for facts in [
            json!({}),
            json!({"model_name": null, "attr_pos_start": -1, "attr_pos_end": null, "exec_time": 3, "note": [1, null]}),
            json!({"model_name": 7, "input_texts": "one", "generated_texts": ["a", 1], "warnings": [], "exec_time": 0.1}),
            json!({"attribution_args": {"n_steps": 3}, "step_scores": ["probability"], "attribute_target": false}),
            json!({"other": 1, "attr_pos_end": 5}),
        ] {
            let info: Info = serde_json::from_value(facts.clone()).unwrap();
            assert_eq!(serde_json::to_value(&info).unwrap(), facts);
            for (name, fact) in facts.as_object().unwrap() {
                assert_eq!(info.get(name).as_ref(), Some(fact), "{name}");
            }
        }
    }

    #[test]
    fn a_field_counts_before_the_other_facts() {
        let mut info = Info::from(json!({"model_name": 7}).as_object().unwrap().clone());
        assert_eq!((info.model_name.as_deref(), info.get("model_name")), (None, Some(json!(7))));
        info.model_name = Some("gpt2".into());
        assert_eq!(serde_json::to_value(&info).unwrap(), json!({"model_name": "gpt2"}));
    }
}
