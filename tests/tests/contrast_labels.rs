//! Tokens of contrastive attributions are shown with those that they are compared with.

use inseq_core::aggregators::{Aggregator as _, Spans, Subwords};
use inseq_core::{AttributionResult, Token};
use inseq_methods::{AttributionModel, AttributionRequest, FeatureGroups};
use inseq_tests::fixture;
use serde_json::json;

fn model(name: &str) -> AttributionModel {
    AttributionModel::load(fixture("architectures").join(name).to_str().expect("a path")).unwrap()
}

fn contrast() -> AttributionRequest {
    let mut request =
        AttributionRequest::new(["the cat"]).generated_texts(["the cat sat on the mat"]).method("saliency");
    request = request.attributed_fn("contrast_prob_diff").step_scores(["contrast_prob_diff"]);
    request.attributed_fn_args =
        json!({ "contrast_targets": "the cat sat on the dog ran" }).as_object().cloned().unwrap();
    request.step_scores_args = request.attributed_fn_args.clone();
    request
}

fn texts(tokens: &[Token]) -> Vec<&str> {
    tokens.iter().map(|token| token.text.as_str()).collect()
}

#[test]
fn contrasts_are_labelled_as_in_the_reference() {
    // By inseq 0.7.1: `[t.token for t in model.attribute(...)[0].target]`.
    let mut request = AttributionRequest::new(["the cat"]).generated_texts(["the cat sat on the mat"]).method("dummy");
    request = request.attributed_fn("contrast_prob_diff");
    request.attributed_fn_args =
        json!({ "contrast_targets": "the cat sat on the dog ran" }).as_object().cloned().unwrap();
    let gpt2 = model("gpt2");
    let labels = ["Ġon → Ġsat", "Ġthe → Ġon", "Ġdog → Ġthe", "Ġran → Ġmat"];
    let result = gpt2.attribute(&request.clone().output_step_attributions(true)).unwrap();
    let shown = |tokens: &[inseq_core::Token]| {
        tokens.iter().map(|token| (token.text.clone(), token.id.map_or(-1, i64::from))).collect::<Vec<_>>()
    };
    let plain: Vec<(String, i64)> =
        [("t", 20), ("h", 8), ("e", 5), ("Ġcat", 41)].map(|(text, id)| (text.to_owned(), id)).to_vec();
    let expected: Vec<_> = plain.iter().cloned().chain(labels.map(|text| (text.to_owned(), -1))).collect();
    assert_eq!(shown(&result.sequences[0].target), expected);
    assert_eq!(
        result.info.to_map()["attributed_fn_args"]["contrast_targets_alignments"],
        json!([[[4, 5], [5, 6], [6, 7], [7, 8]]]),
        "the pairs that came out"
    );
    assert_eq!(shown(&result.sequences[0].source), plain);
    for (step, label) in result.steps.as_ref().unwrap().iter().zip(labels) {
        assert_eq!(step.target[0][0].text, label);
        assert!(step.prefix[0].iter().all(|token| token.id.is_some()), "{:?}", step.prefix);
    }
    // Of step scores alone, and from a later position on.
    let mut scores = AttributionRequest::new(["the cat"]).generated_texts(["a dog sat"]).method("dummy");
    scores = scores.step_scores(["contrast_prob"]).positions(Some(2), None);
    scores.step_scores_args = json!({ "contrast_targets": "the cat sat on" }).as_object().cloned().unwrap();
    let marian = model("marian");
    let target = |request: &AttributionRequest| shown(&marian.attribute(request).unwrap().sequences[0].target);
    let texts: Vec<String> = target(&scores).into_iter().map(|(text, _)| text).collect();
    assert_eq!(texts, ["<pad>", "▁", "▁cat → a", "▁sat → ▁dog", "▁on → ▁sat", "</s>"]);
    // Pairs decide what is compared.
    scores.step_scores_args.insert("contrast_targets_alignments".into(), json!([[2, 1], [3, 3]]));
    let texts: Vec<String> = target(&scores).into_iter().map(|(text, _)| text).collect();
    assert_eq!(texts, ["<pad>", "▁", "▁the → a", "▁sat → ▁dog", "▁on → ▁sat", "</s>"]);
}

#[test]
fn labels_go_through_files_aggregators_and_merging() {
    let gpt2 = model("gpt2");
    let result = gpt2.attribute(&contrast()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.json", "a.safetensors"] {
        let path = folder.path().join(name);
        result.save(&path).unwrap();
        assert!(AttributionResult::load(&path).unwrap().is_close(&result, inseq_core::Tolerance::EXACT), "{name}");
    }
    let sequence = &result.sequences[0];
    let merged = Spans::new().target([4..6, 6..8]).aggregate(sequence).unwrap();
    assert_eq!(texts(&merged.target)[4..], ["ĠonĠthe → ĠsatĠon", "ĠdogĠran → ĠtheĠmat"]);
    // Words begin where the text itself has them.
    let words = Subwords::new().aggregate(sequence).unwrap();
    assert_eq!(texts(&words.target), ["the", "Ġcat", "Ġon → Ġsat", "Ġthe → Ġon", "Ġdog → Ġthe", "Ġran → Ġmat"]);
    let grouped = gpt2.attribute(&contrast().feature_groups(FeatureGroups::Words)).unwrap();
    assert_eq!(texts(&grouped.sequences[0].target), texts(&words.target));
    assert_eq!(AttributionResult::merge([result.clone(), result]).unwrap().sequences.len(), 2);
}

#[test]
fn words_begin_where_the_written_text_has_them() {
    let token = |other: &str, written: &str| Token::compared(other, &Token::new(written, 3));
    let spans = Subwords::new().spans(&[Token::new("▁a", 1), token("▁dog", "b"), token("s", "▁c"), Token::new("d", 4)]);
    assert_eq!(spans, [0..2, 2..4]);
}
