//! Some of the texts of a request.

use serde_json::{Map, Value};

use crate::feature_groups::FeatureGroups;
use crate::request::AttributionRequest;

/// Arguments of step functions that have one value per text where they are lists.
const OF_TEXTS: [&str; 3] = ["contrast_sources", "contrast_targets", "contrast_targets_alignments"];

impl AttributionRequest {
    /// The request for the texts at these indices: with their inputs, outputs, feature groups, target spans and arguments of step functions. What a
    /// request does not have for a text is left out.
    ///
    /// ```
    /// use inseq_methods::AttributionRequest;
    /// use serde_json::json;
    ///
    /// let mut request = AttributionRequest::new(["a", "b", "c"]).attributed_fn("contrast_prob_diff");
    /// request.attributed_fn_args.insert("contrast_targets".into(), json!(["x", "y", "z"]));
    /// let some = request.of_texts(&[2, 0]);
    /// assert_eq!(some.input_texts, ["c", "a"]);
    /// assert_eq!(some.attributed_fn_args["contrast_targets"], json!(["z", "x"]));
    /// ```
    #[must_use]
    pub fn of_texts(&self, indices: &[usize]) -> Self {
        Self {
            input_texts: at(&self.input_texts, indices),
            generated_texts: self.generated_texts.as_ref().map(|texts| at(texts, indices)),
            generated_token_ids: self.generated_token_ids.as_ref().map(|ids| at(ids, indices)),
            chats: at(&self.chats, indices),
            feature_groups: match &self.feature_groups {
                FeatureGroups::Spans(spans) if spans.len() > 1 => FeatureGroups::Spans(at(spans, indices)),
                groups => groups.clone(),
            },
            target_spans: match self.target_spans.lists() {
                Some(lists) if lists.len() > 1 => self.target_spans.with_lists(at(lists, indices)),
                _ => self.target_spans.clone(),
            },
            attributed_fn_args: of_arguments(&self.attributed_fn_args, indices),
            step_scores_args: of_arguments(&self.step_scores_args, indices),
            ..self.clone()
        }
    }

    /// The arguments that are lists with one value per text: their names and lengths.
    pub fn lists_of_texts(&self) -> Vec<(&str, usize)> {
        let arguments = self.attributed_fn_args.iter().chain(&self.step_scores_args);
        let lists = arguments.filter_map(|(name, value)| Some((name.as_str(), list_of_texts(name, value)?.len())));
        let groups = match &self.feature_groups {
            FeatureGroups::Spans(spans) if spans.len() > 1 => Some(("feature_groups", spans.len())),
            _ => None,
        };
        let spans =
            self.target_spans.lists().map(|lists| ("target_spans", lists.len())).filter(|(_, count)| *count > 1);
        lists.chain(groups).chain(spans).collect()
    }
}

/// The values of an argument, if it has one per text.
fn list_of_texts<'a>(name: &str, value: &'a Value) -> Option<&'a Vec<Value>> {
    let values = value.as_array().filter(|_| OF_TEXTS.contains(&name))?;
    // Pairs of positions are a list for one text, and lists of pairs are one for several.
    let is_pair = |value: &Value| value.as_array().is_some_and(|pair| pair.iter().all(Value::is_number));
    let is_of_one = name == "contrast_targets_alignments" && values.iter().all(is_pair);
    (!is_of_one).then_some(values)
}

fn of_arguments(arguments: &Map<String, Value>, indices: &[usize]) -> Map<String, Value> {
    let of = |(name, value): (&String, &Value)| {
        let value = list_of_texts(name, value).map_or_else(|| value.clone(), |values| at(values, indices).into());
        (name.clone(), value)
    };
    arguments.iter().map(of).collect()
}

fn at<T: Clone>(values: &[T], indices: &[usize]) -> Vec<T> {
    indices.iter().filter_map(|&index| values.get(index).cloned()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{TargetSpans, TextSpans};

    #[test]
    fn what_belongs_to_a_text_goes_with_it() {
        let spans = |end| TextSpans { source: vec![(0, end)], target: vec![] };
        let mut request = AttributionRequest::new(["a", "b", "c"]).generated_texts(["d", "e", "f"]);
        request.feature_groups = FeatureGroups::Spans(vec![spans(1), spans(2), spans(3)]);
        request.target_spans = TargetSpans::Characters(vec![vec![0..1, 1..2], vec![2..3, 3..5], vec![]]);
        let arguments = json!({
            "contrast_targets": ["x", "y", "z"],
            "contrast_targets_alignments": [[[0, 0]], [[1, 1]], [[2, 2]]],
            "top_k": 3,
        });
        request.step_scores_args = arguments.as_object().unwrap().clone();
        let mut lists = request.lists_of_texts();
        lists.sort_unstable();
        let names = ["contrast_targets", "contrast_targets_alignments", "feature_groups", "target_spans"];
        assert_eq!(lists, names.map(|name| (name, 3)));
        let some = request.of_texts(&[1]);
        assert_eq!((some.input_texts, some.generated_texts), (vec!["b".to_owned()], Some(vec!["e".to_owned()])));
        assert_eq!(some.feature_groups, FeatureGroups::Spans(vec![spans(2)]));
        assert_eq!(some.target_spans, TargetSpans::Characters(vec![vec![2..3, 3..5]]));
        let expected = json!({ "contrast_targets": ["y"], "contrast_targets_alignments": [[[1, 1]]], "top_k": 3 });
        assert_eq!(Value::from(some.step_scores_args), expected);
    }

    #[test]
    fn what_belongs_to_all_texts_stays() {
        let arguments = json!({ "contrast_targets": "x", "contrast_targets_alignments": [[0, 0], [1, 2]] });
        let mut request = AttributionRequest::new(["a", "b"]);
        request.attributed_fn_args = arguments.as_object().unwrap().clone();
        request.feature_groups = FeatureGroups::Spans(vec![TextSpans::default()]);
        assert!(request.lists_of_texts().is_empty());
        let one = request.of_texts(&[1]);
        assert_eq!((one.attributed_fn_args, one.feature_groups), (request.attributed_fn_args, request.feature_groups));
    }
}
