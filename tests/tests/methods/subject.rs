//! A checkpoint with the texts of its golden file.

use inseq_core::SequenceAttribution;
use inseq_methods::{AttributionModel, AttributionRequest, Error, FeatureGroups, step_functions};
use inseq_tests::{fixture, golden_tensors};
use serde_json::{Map, Value, json};

use super::golden::{Case, Golden, Tensors, Text};

pub struct Subject {
    pub name: String,
    pub model: AttributionModel,
    pub golden: Golden,
}

impl Subject {
    pub fn load(name: &str, golden: &str) -> Option<(Self, Tensors)> {
        let path = fixture("methods").join(format!("{golden}.json"));
        let json = std::fs::read(&path).ok()?;
        let golden: Golden = serde_json::from_slice(&json).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let model = AttributionModel::load(fixture("architectures").join(name).to_str().expect("a path")).unwrap();
        Some((Self { name: name.to_owned(), model, golden }, golden_tensors(&path.with_extension("safetensors"))))
    }

    pub fn request(
        &self,
        text: usize,
        method: &str,
        arguments: &Map<String, Value>,
        attribute_target: bool,
    ) -> AttributionRequest {
        let Text { prompt, generated } = &self.golden.texts[text];
        let mut request = AttributionRequest::new([prompt.as_str()])
            .generated_texts([generated.as_str()])
            .method(method)
            .attribute_target(attribute_target);
        request.attribution_args = arguments.clone();
        request
    }

    pub fn case(&self, case: &Case, arguments: &Map<String, Value>) -> Result<SequenceAttribution, Error> {
        let mut request = self.request(case.text, &case.method, arguments, case.attribute_target);
        if let Some(groups) = &case.feature_groups {
            request = request.feature_groups(FeatureGroups::Spans(vec![groups.clone()]));
        }
        Ok(self.model.attribute(&request.attributed_fn(case.attributed_fn.as_str()))?.sequences.swap_remove(0))
    }

    /// A method with quick arguments, with every step function as a step score.
    pub fn with_step_scores(&self, method: &str, mode: bool) -> Result<SequenceAttribution, Error> {
        let mut request = self.request(0, method, &quick(method), mode).step_scores(self.step_functions());
        request.step_scores_args = self.other_context();
        request.step_scores_args.insert("top_p".to_owned(), json!(0.9));
        Ok(self.model.attribute(&request)?.sequences.swap_remove(0))
    }

    /// Every step function; without that of dropout where the model has none.
    pub fn step_functions(&self) -> Vec<&'static str> {
        let has_dropout = !["bloom", "gpt_neox", "llama"].contains(&self.name.as_str());
        let names = step_functions::list().iter().map(|function| function.name);
        names.filter(|&name| has_dropout || name != "mc_dropout_prob_avg").collect()
    }

    /// What contrastive functions compare with.
    pub fn other_context(&self) -> Map<String, Value> {
        let beginning = match self.model.model().encoder {
            Some(_) => String::new(),
            None => format!("{} ", self.golden.texts[0].prompt),
        };
        Map::from_iter([("contrast_targets".to_owned(), json!(format!("{beginning}to the mat .")))])
    }

    pub fn modes(&self) -> &[bool] {
        if self.model.model().encoder.is_some() { &[false, true] } else { &[false] }
    }
}

/// Arguments with which a method is quick.
pub fn quick(method: &str) -> Map<String, Value> {
    let arguments = match method {
        "reagent" => json!({ "max_probe_steps": 3, "num_probes": 3 }),
        method if method.ends_with("integrated_gradients") => json!({ "n_steps": 4 }),
        _ => json!({}),
    };
    arguments.as_object().cloned().unwrap_or_default()
}
