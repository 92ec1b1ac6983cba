//! Perturbation methods where there is one feature to change, or none: by definition the feature has all of the difference
//! between the text and its baseline.

use burn::tensor::activation::softmax;
use inseq_methods::{AttributionModel, AttributionRequest, FeatureGroups};
use inseq_models::model::Source;
use inseq_models::tokenizer::Role;
use inseq_tests::fixture;

/// Methods whose scores sum to the difference between the text and its baseline.
const ADDITIVE: [&str; 4] = ["kernel_shap", "lime", "shapley_value_sampling", "partition_shap"];

fn model(name: &str) -> AttributionModel {
    AttributionModel::load(fixture("architectures").join(name).to_str().expect("a path")).unwrap()
}

/// The probability of the token at a position of a target, straight from the network.
fn probability(model: &AttributionModel, source: &[u32], target: &[u32], position: usize) -> f32 {
    let network = model.model();
    let memory = network.encoder.as_ref().and_then(|encoder| {
        network.memory(&Source { embeddings: encoder.embedding.forward(source, 1), lengths: vec![source.len()] })
    });
    let embeddings = network.target_embedding.forward(&target[..position], 1);
    let hidden = network.decode(memory.as_ref(), embeddings);
    let features = hidden.dims()[2];
    let last = hidden.narrow(1, position - 1, 1).reshape([1, features]);
    let probabilities = softmax(network.logits(last), 1).try_into_vec_as::<f32>().unwrap();
    probabilities[target[position] as usize]
}

/// What a method finds for a text, as one score for each input token and step.
fn found(model: &AttributionModel, method: &str, request: &AttributionRequest) -> Vec<Vec<f32>> {
    let request = request.clone().method(method);
    let sequence =
        model.attribute(&request).unwrap_or_else(|error| panic!("{method}: {error}")).sequences.swap_remove(0);
    let scores = sequence.source_attributions.or(sequence.target_attributions).unwrap();
    scores.rows().into_iter().map(|row| row.to_vec()).collect()
}

fn assert_near(what: &str, found: f32, expected: f32) {
    assert!((found - expected).abs() < 1e-6, "{what}: {found}, expected {expected}");
}

#[test]
fn one_word_of_a_translation_has_the_whole_difference() {
    let model = model("marian");
    let request = AttributionRequest::new(["cat"]).generated_texts(["the dog"]);
    let [source, target] =
        [("cat", Role::Source), ("the dog", Role::Target)].map(|(text, role)| model.encode(text, role, true).unwrap());
    assert_eq!(source.len(), 2, "a word and the end, which is its own baseline");
    let baseline = [model.special_tokens().unk.unwrap(), source[1]];
    for position in 1..target.len() {
        let [with, without] = [&source[..], &baseline].map(|source| probability(&model, source, &target, position));
        for method in ADDITIVE {
            let found = found(&model, method, &request);
            assert_near(method, found[0][position - 1], with - without);
            assert_near(method, found[1][position - 1], 0.0);
        }
        assert_near("occlusion", found(&model, "occlusion", &request)[0][position - 1], (with - without).abs());
    }
}

#[test]
fn one_sentence_has_the_whole_difference() {
    let model = model("marian");
    let text = "the cat sat on the mat";
    let request = AttributionRequest::new([text]).generated_texts(["the dog"]).feature_groups(FeatureGroups::Sentences);
    let [source, target] =
        [(text, Role::Source), ("the dog", Role::Target)].map(|(text, role)| model.encode(text, role, true).unwrap());
    let unknown = model.special_tokens().unk.unwrap();
    let mut baseline = vec![unknown; source.len()];
    baseline[source.len() - 1] = source[source.len() - 1];
    for position in 1..target.len() {
        let [with, without] = [&source, &baseline].map(|source| probability(&model, source, &target, position));
        for method in ADDITIVE {
            let found = found(&model, method, &request);
            let sum: f32 = found.iter().map(|row| row[position - 1]).sum();
            assert_near(method, sum, with - without);
        }
    }
}

#[test]
fn a_prompt_of_one_token_has_the_whole_difference() {
    for (name, length) in [("gpt2", 1), ("llama", 3)] {
        let model = model(name);
        let (prompt, text) = ("a", "a cat");
        let request = AttributionRequest::new([prompt]).generated_texts([text]);
        let [prompt, target] = [prompt, text].map(|text| model.encode(text, Role::Source, true).unwrap());
        let position = prompt.len();
        assert_eq!(position, length, "{name}: {prompt:?}");
        let unknown = model.special_tokens().unk.unwrap();
        let mut baseline = target.clone();
        baseline[..position].fill(unknown);
        let with = probability(&model, &[], &target, position);
        let without = probability(&model, &[], &baseline, position);
        for method in ADDITIVE {
            let found = found(&model, method, &request);
            let sum: f32 = found[..position].iter().map(|row| row[0]).sum();
            // Where several tokens are changed, LIME's scores are those of a ridge regression.
            if method != "lime" || position == 1 {
                assert_near(&format!("{name} {method}"), sum, with - without);
            }
        }
        let found = found(&model, "reagent", &request);
        assert_near(name, found[..position].iter().map(|row| row[0]).sum(), 1.0);
    }
}

/// GPT-2 starts from its end-of-text token, which is its own baseline.
#[test]
fn where_nothing_changes_all_scores_are_0() {
    let model = model("gpt2");
    let request = AttributionRequest::new([""]).generated_texts(["cat"]);
    for method in ADDITIVE.into_iter().chain(["occlusion"]) {
        let found = found(&model, method, &request);
        assert!(found[0].iter().all(|score| *score == 0.0), "{method}: {found:?}");
    }
}
