//! Texts that are longer than the model, and what is said of texts.

use inseq_methods::{AttributionModel, AttributionRequest};
use inseq_models::tokenizer::Role;
use inseq_tests::fixture;
use serde_json::Value;

fn model(name: &str) -> AttributionModel {
    AttributionModel::load(fixture("architectures").join(name).to_str().unwrap()).unwrap()
}

/// A fixture whose tokenizer cuts at the left.
fn cutting_left(name: &str) -> AttributionModel {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(fixture("architectures").join(name)).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    let file = folder.path().join("tokenizer_config.json");
    let mut config: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    config["truncation_side"] = "left".into();
    std::fs::write(file, config.to_string()).unwrap();
    AttributionModel::load(folder.path().to_str().unwrap()).unwrap()
}

fn ids(tokens: &[inseq_core::Token]) -> Vec<u32> {
    tokens.iter().map(|token| token.id.unwrap()).collect()
}

fn warnings(info: &inseq_core::Info) -> Vec<String> {
    info.warnings.iter().flatten().map(ToString::to_string).collect()
}

/// What `tokenizer(text, truncation=True, max_length=positions)` leaves: as many ids as there are positions, of which those
/// that stand around a short text too are the same.
#[test]
fn both_sides_of_an_encoder_decoder_keep_their_special_tokens() {
    let text = "the cat sat ".repeat(30);
    for (name, after) in
        [("mbart", vec![2, 71]), ("bart", vec![2]), ("m2m_100", vec![2]), ("pegasus", vec![1]), ("marian", vec![0])]
    {
        for (left, model) in [(false, model(name)), (true, cutting_left(name))] {
            let most = model.model().max_source_positions().unwrap();
            let request = AttributionRequest::new([text.trim()]).generated_texts([text.trim()]).truncate(true);
            let result = model.attribute(&request.clone().method("dummy")).unwrap();
            let [source, target] = [&result.sequences[0].source, &result.sequences[0].target].map(|tokens| ids(tokens));
            let whole = model.encode(text.trim(), Role::Source, true).unwrap();
            let plain = model.encode(text.trim(), Role::Source, false).unwrap();
            let before = whole.len() - after.len() - plain.len();
            assert!(whole.ends_with(&after), "{name}: {whole:?}");
            let kept = most - before - after.len();
            let kept = if left { &plain[plain.len() - kept..] } else { &plain[..kept] };
            assert_eq!(source, [&whole[..before], kept, &after].concat(), "{name}");
            assert_eq!(target.len(), model.model().max_target_positions().unwrap(), "{name}");
            assert!(target.ends_with(&after), "{name}: {target:?}");
            let said = warnings(&result.info);
            let end = if left { "beginning" } else { "end" };
            let expected = format!("{} tokens were cut off at its {end}", whole.len() - most);
            assert!(
                said.len() == 2
                    && said
                        .iter()
                        .any(|warning| warning.starts_with("input text 1 has") && warning.ends_with(&expected)),
                "{said:?}"
            );
            let message = model.attribute(&request.truncate(false)).unwrap_err().to_string();
            assert!(message.contains("text 1 has") && message.contains("`truncate`"), "{message}");
        }
    }
}

#[test]
fn a_prompt_and_what_follows_it_lose_the_same_tokens() {
    let text = &("the cat sat on the mat and the dog ran to the house and ".repeat(4) + "the old man saw the dog");
    let prompt = &text[..text.len() - " saw the dog".len()];
    let model_left = cutting_left("gpt2");
    let most = model_left.model().max_target_positions().unwrap();
    let whole = model_left.encode(text, Role::Target, true).unwrap();
    let prompt_ids = model_left.encode(prompt, Role::Source, true).unwrap();
    assert!(whole.starts_with(&prompt_ids) && whole.len() > most && prompt_ids.len() > whole.len() - most);
    let request = AttributionRequest::new([prompt]).generated_texts([text]).truncate(true);
    let sequence = model_left.attribute(&request).unwrap().sequences.remove(0);
    assert_eq!(ids(&sequence.target), whole[whole.len() - most..]);
    assert_eq!(sequence.attr_pos_start, prompt_ids.len() - (whole.len() - most));
    // At the right, what follows goes first.
    let request = AttributionRequest::new([&text[..20]]).generated_texts([text]).truncate(true);
    let sequence = model("gpt2").attribute(&request).unwrap().sequences.remove(0);
    assert_eq!(ids(&sequence.target), whole[..most]);
    let message = model("gpt2").attribute(&AttributionRequest::new([text]).generated_texts([text]).truncate(true));
    assert!(message.unwrap_err().to_string().contains("nothing after its prompt"));
}

#[test]
fn what_a_tokenizer_does_not_carry_over_is_said() {
    let said = |name: &str, text: &str| {
        let request = AttributionRequest::new([text]).method("dummy").generation_argument("max_new_tokens", 2);
        warnings(&model(name).attribute(&request).unwrap().info)
    };
    assert_eq!(said("t5", "the cat"), [""; 0]);
    let unknown = said("t5", "the ☃ cat ☃ {");
    assert!(
        unknown.len() == 1 && unknown[0].starts_with("input text 1: the tokenizer has no tokens for \"☃\""),
        "{unknown:?}"
    );
    // Whoever writes the token means it.
    assert_eq!(said("t5", "the <unk> cat"), [""; 0]);
    let lost = said("gpt2", "the ☃ cat");
    assert_eq!(lost, ["input text 1: the tokenizer reads \"cat\" where the text has \"☃cat\""]);
    let space = said("gpt2", "the cat ");
    assert!(space.len() == 1 && space[0].starts_with("input text 1 ends in a space"), "{space:?}");
    assert_eq!(said("t5", "the cat "), [""; 0]);
}

#[test]
fn arguments_of_a_generation_that_does_not_happen_are_said() {
    let request =
        AttributionRequest::new(["the cat"]).generated_texts(["the cat sat"]).generation_argument("num_beams", 3);
    let said = warnings(&model("gpt2").attribute(&request).unwrap().info);
    assert_eq!(said, ["arguments of the generation have no effect: the generated texts are given"]);
}

#[test]
fn targets_may_be_given_as_ids() {
    for name in ["gpt2", "bart"] {
        let model = model(name);
        let generated = model.attribute(&AttributionRequest::new(["the cat"]).step_scores(["probability"])).unwrap();
        let given = ids(&generated.sequences[0].target);
        let request =
            AttributionRequest::new(["the cat"]).generated_token_ids(Some(vec![given])).step_scores(["probability"]);
        let result = model.attribute(&request).unwrap();
        let [got, expected] = [&result.sequences[0], &generated.sequences[0]];
        assert_eq!(
            (&got.source, &got.target, &got.step_scores),
            (&expected.source, &expected.target, &expected.step_scores)
        );
        assert_eq!((got.attr_pos_start, got.attr_pos_end), (expected.attr_pos_start, expected.attr_pos_end), "{name}");
        assert_eq!(result.info.to_map()["constrained_decoding"], true);
        let size = model.model().vocabulary();
        let outside =
            format!("text 1 has the id 9999 at position 1, but the model has {size} tokens, 0 to {}", size - 1);
        for (ids, expected) in [
            (vec![], "has 0 ids; expected at least one"),
            (vec![1, 9999], &*format!("`generated_token_ids` of {outside}")),
            (vec![1; 5000], "has 5000 ids"),
        ] {
            let error = model.attribute(&request.clone().generated_token_ids(Some(vec![ids]))).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
