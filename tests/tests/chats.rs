//! Chats: every text of a call goes through the model's template, those that are compared with among them.

use inseq_core::AttributionResult;
use inseq_methods::{AttributionModel, AttributionRequest, Chat, Message};
use inseq_tests::{assert_close, fixture};
use serde_json::{Map, Value, json};

/// A fixture with a chat template.
fn model_with(name: &str, template: &str) -> AttributionModel {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(fixture("architectures").join(name)).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    std::fs::write(folder.path().join("chat_template.jinja"), template).unwrap();
    AttributionModel::load(folder.path().to_str().unwrap()).unwrap()
}

/// GPT-2's fixture with a chat template.
fn chat_model() -> AttributionModel {
    model_with("gpt2", "the {{ messages[0].content }} on")
}

fn arguments(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

fn scores(result: &AttributionResult, text: usize) -> Vec<f32> {
    result.sequences[text].step_scores["contrast_prob"].to_vec()
}

/// Probabilities that transformers gives the last two tokens of `the cat on a dog`, `the dog on a dog`, `the dog on the mat`.
const CAT_A_DOG: [f32; 2] = [0.0011874, 0.0041952];
const DOG_A_DOG: [f32; 2] = [0.0015747, 0.0038467];
const DOG_THE_MAT: [f32; 2] = [0.0076284, 0.0106991];

#[test]
fn contrasts_go_through_the_template() {
    let model = chat_model();
    for (contrast, expected) in [
        (json!({ "contrast_targets": " a dog" }), CAT_A_DOG),
        (json!({ "contrast_sources": "dog" }), DOG_THE_MAT),
        (json!({ "contrast_sources": "dog", "contrast_targets": " a dog" }), DOG_A_DOG),
        // Token by token from the right, which is what there is without.
        (json!({ "contrast_targets": " a dog", "contrast_targets_alignments": [[3, 4], [4, 5]] }), CAT_A_DOG),
    ] {
        let request = AttributionRequest::new(["cat"])
            .attributed_fn_args(arguments(contrast.clone()))
            .step_scores_args(arguments(contrast.clone()));
        let request = request.generated_texts([" the mat"]).attributed_fn("contrast_prob_diff");
        let result = model.attribute(&request.step_scores(["contrast_prob"]).method("dummy").chat(true)).unwrap();
        assert_eq!(result.info.to_map()["generated_texts"], json!(["the cat on the mat"]));
        assert_close(&contrast.to_string(), &scores(&result, 0), &expected, 1e-4);
    }
}

#[test]
fn every_text_of_a_batch_has_its_own_contrast() {
    let contrast = json!({ "contrast_targets": [" a dog", " a dog"] });
    let request = AttributionRequest::new(["cat", "dog"]).step_scores_args(arguments(contrast));
    let request = request.generated_texts([" the mat", " the mat"]).step_scores(["contrast_prob"]).chat(true);
    let result = chat_model().attribute(&request).unwrap();
    assert_close("the first", &scores(&result, 0), &CAT_A_DOG, 1e-4);
    assert_close("the second", &scores(&result, 1), &DOG_A_DOG, 1e-4);
}

#[test]
fn a_function_of_ones_own_is_asked_with_chats_too() {
    let model = chat_model();
    let function = model.step_function("contrast_prob", &arguments(json!({ "contrast_targets": " a dog" }))).unwrap();
    let request = AttributionRequest::new(["cat"]).generated_texts([" the mat"]).step_scores([function]).chat(true);
    assert_close("own", &scores(&model.attribute(&request).unwrap(), 0), &CAT_A_DOG, 1e-4);
}

#[test]
fn a_chat_is_what_its_words_are() {
    let model = chat_model();
    let of = |request: AttributionRequest| {
        let result = model.attribute(&request.step_scores(["probability"])).unwrap();
        let sequence = &result.sequences[0];
        (sequence.target.clone(), sequence.attr_pos_start, sequence.step_scores["probability"].to_vec())
    };
    let words = AttributionRequest::new(["the cat on"]).skip_special_tokens(true);
    assert_eq!(of(AttributionRequest::new(["cat"]).chat(true)), of(words.clone()));
    let given = AttributionRequest::new(["cat"]).generated_texts([" the mat"]).chat(true);
    assert_eq!(of(given), of(words.generated_texts(["the cat on the mat"])));
}

/// A prompt as `tests/reference/chats_golden.py` writes it.
#[derive(serde::Deserialize)]
struct Prompt {
    model: String,
    template: String,
    chat: usize,
    text: String,
    ids: Vec<u32>,
}

#[test]
fn system_messages_and_turns_are_read_as_transformers_does() {
    let golden: Value = serde_json::from_slice(&std::fs::read(fixture("chats.json")).unwrap()).unwrap();
    let chats = Chat::read_all(&golden["chats"].to_string()).unwrap();
    assert!(chats.iter().any(|chat| chat.messages.len() > 3));
    let prompts: Vec<Prompt> = serde_json::from_value(golden["cases"].clone()).unwrap();
    for group in prompts.chunk_by(|one, other| (&one.model, &one.template) == (&other.model, &other.template)) {
        let model = model_with(&group[0].model, golden["templates"][&group[0].template].as_str().unwrap());
        let request = AttributionRequest::of_chats(group.iter().map(|prompt| chats[prompt.chat].clone()));
        let result = model.attribute(&request.generation_argument("max_new_tokens", 1).method("dummy")).unwrap();
        for (index, (prompt, sequence)) in group.iter().zip(&result.sequences).enumerate() {
            let found: Vec<u32> = sequence.target[..sequence.attr_pos_start].iter().filter_map(|one| one.id).collect();
            assert_eq!(found, prompt.ids, "{} {}: {}", prompt.model, prompt.template, prompt.text);
            assert_eq!(result.info.to_map()["input_texts"][index], prompt.text);
        }
    }
}

#[test]
fn a_contrast_source_is_another_last_question() {
    let template = "{% for m in messages %}{{ m.content }} {% endfor %}on";
    let model = model_with("gpt2", template);
    let chat = |question: &str| Chat::new([Message::new("system", "the"), Message::user(question)]).unwrap();
    let answer = |request: AttributionRequest, contrast: &str| {
        let step_scores_args = arguments(json!({ "contrast_sources": contrast }));
        let request = request.step_scores_args(step_scores_args);
        scores(&model.attribute(&request.step_scores(["contrast_prob"]).method("dummy")).unwrap(), 0)
    };
    let asked = answer(AttributionRequest::of_chats([chat("cat")]).generated_texts([" the mat"]), "dog");
    // Of the text `the dog on the mat`.
    assert_close("another question", &asked, &DOG_THE_MAT, 1e-4);
    let both = AttributionRequest::of_chats([chat("cat")]).input_texts(["cat"]);
    let message = model.attribute(&both).unwrap_err().to_string();
    assert!(message.contains("1 input texts are given beside 1 chats"), "{message}");
}

#[test]
fn a_model_without_a_template_says_so() {
    let model = AttributionModel::load(fixture("architectures/gpt2").to_str().unwrap()).unwrap();
    let message = model.attribute(&AttributionRequest::new(["cat"]).chat(true)).unwrap_err().to_string();
    assert!(message.contains("no chat template"), "{message}");
}
