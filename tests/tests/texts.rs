//! Results say what their tokens stand for: words, sentences, pictures and cleaned tokens are those of the text, whatever the
//! tokenizer. What is expected follows from the texts and from Unicode's rules (UAX #29).

use inseq_core::aggregators::Subwords;
use inseq_core::{AttributionResult, Piece, SaveOptions, SequenceAttribution, Token};
use inseq_methods::{AttributionModel, AttributionRequest, FeatureGroups};
use inseq_tests::fixture;
use inseq_viz::terminal::{ColorSupport, TerminalOptions, render};
use inseq_viz::token_text::{TokenText, reading};
use inseq_viz::{View, ViewOptions};

fn model(name: &str) -> AttributionModel {
    AttributionModel::load(fixture("architectures").join(name).to_str().unwrap()).unwrap()
}

fn request(prompt: &str, text: &str) -> AttributionRequest {
    AttributionRequest::new([prompt]).generated_texts([text]).method("dummy")
}

fn sequence(model: &AttributionModel, request: &AttributionRequest) -> SequenceAttribution {
    model.attribute(request).unwrap().sequences.swap_remove(0)
}

/// What tokens show, without the space before them.
fn shown(tokens: &[Token]) -> Vec<String> {
    TokenText::of_tokens(tokens).into_iter().map(|token| token.text).collect()
}

#[test]
fn groups_are_those_of_the_text() {
    for (name, prompt, groups, expected) in [
        // The vocabulary has nothing for a line end, or the unknown token: it ends a word all the same.
        ("gpt2", "the cat\nthe dog ran", FeatureGroups::Words, &["the", "cat", "the", "dog", "ran"][..]),
        ("gpt2", "été naïve", FeatureGroups::Words, &["été", "naïve"]),
        ("llama", "the [12] naïve cat", FeatureGroups::Words, &["<s>", "the", "[12]", "naïve", "cat"]),
        ("gemma", "the cat\nthe dog", FeatureGroups::Words, &["<bos>", "the", "cat", "<unk>", "the", "dog"]),
        ("byt5", "naïve 猫。", FeatureGroups::Words, &["naïve", "猫。", "</s>"]),
        ("byt5", "今天很好。我喜欢猫。", FeatureGroups::Sentences, &["今天很好。", "我喜欢猫。", "</s>"]),
        ("byt5", "Go on. I do.\nHe came", FeatureGroups::Sentences, &["Go on.", "I do.↵", "He came", "</s>"]),
    ] {
        let model = model(name);
        let text = if model.model().encoder.is_some() { "the cat".to_owned() } else { format!("{prompt} ran") };
        let sequence = sequence(&model, &request(prompt, &text).feature_groups(groups));
        assert_eq!(shown(&sequence.source), expected, "{name}: {prompt:?}");
    }
}

#[test]
fn subwords_are_the_words_of_feature_groups() {
    for (name, text) in [("gpt2", "été naïve the cat"), ("llama", "naïve [12] the cat"), ("byt5", "naïve 猫。 the")]
    {
        let model = model(name);
        let written = format!("{text} ran");
        let plain = sequence(&model, &request(text, &written));
        let grouped = sequence(&model, &request(text, &written).feature_groups(FeatureGroups::Words));
        let merged = plain.aggregate_with(&Subwords::new()).unwrap();
        assert_eq!(merged.source, grouped.source, "{name}");
    }
}

#[test]
fn saved_results_keep_what_tokens_stand_for() {
    let model = model("gpt2");
    let result = model.attribute(&request("été naïve", "été naïve snow")).unwrap();
    let pieces = |sequence: &SequenceAttribution| -> Vec<Option<Piece>> {
        sequence.target.iter().map(|token| token.piece.clone()).collect()
    };
    let text: Vec<u8> = pieces(&result.sequences[0])
        .into_iter()
        .flat_map(|piece| match piece {
            Some(Piece::Text(bytes)) => bytes,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(String::from_utf8(text).unwrap(), "été naïve snow");
    let folder = tempfile::tempdir().unwrap();
    for name in ["out.json", "out.safetensors"] {
        let path = folder.path().join(name);
        result.save_with(&path, &SaveOptions::default()).unwrap();
        let loaded = AttributionResult::load(&path).unwrap();
        assert_eq!(pieces(&loaded.sequences[0]), pieces(&result.sequences[0]), "{name}");
    }
}

#[test]
fn byte_level_texts_are_read_as_they_were_written() {
    let model = model("gpt2");
    let result =
        model.attribute(&request("été naïve", "été naïve snow").method("saliency")).unwrap().aggregate().unwrap();
    let options = TerminalOptions::default().colors(ColorSupport::None).width(100);
    let picture = render(&result, &options).unwrap();
    assert!(picture.contains("  été naïve\n→ snow\n"), "{picture}");
    assert!(picture.contains("<0xC3>") && !picture.contains('Ã') && !picture.contains('\u{fffd}'), "{picture}");
    // The same from the spelling alone, which is all that a file of the reference has.
    let spelled = |tokens: &[Token]| -> Vec<Token> {
        tokens.iter().map(|token| Token::new(token.text.clone(), token.id)).collect()
    };
    assert_eq!(reading(&TokenText::of_tokens(&spelled(&result.sequences[0].target))), "été naïve snow");
    let cleaned = sequence(&model, &request("été naïve", "été naïve snow").clean_special_chars(true));
    assert!(cleaned.target.iter().all(|token| !token.text.contains('\u{fffd}')), "{:?}", cleaned.target);
}

/// Shares of a step are shares of what is left: those of all tokens, without the special ones, over their sum.
#[test]
fn special_tokens_can_be_left_out_of_a_picture() {
    for (name, special) in
        [("mbart", vec!["en_XX", "</s>", "fr_XX"]), ("marian", vec!["</s>", "<pad>"]), ("llama", vec!["<s>"])]
    {
        let model = model(name);
        let request = request("the dog", "the dog ran").method("saliency").attribute_target(true);
        let whole = model.attribute(&request).unwrap().aggregate().unwrap();
        let rest = whole.sequences[0].without_special().unwrap();
        let whole = &whole.sequences[0];
        let is_special = |token: &Token| token.piece == Some(Piece::Special);
        assert!(whole.target.iter().chain(&whole.source).any(is_special), "{name}");
        for token in rest.source.iter().chain(&rest.target) {
            assert!(!special.contains(&token.text.as_str()), "{name}: {token:?}");
        }
        let columns: Vec<usize> = (whole.attr_pos_start..whole.attr_pos_end)
            .filter(|&position| !is_special(&whole.target[position]))
            .map(|position| position - whole.attr_pos_start)
            .collect();
        assert_eq!(rest.steps(), columns.len(), "{name}");
        for (step, &column) in columns.iter().enumerate() {
            let mut expected = Vec::new();
            for (tokens, scores) in
                [(&whole.source, &whole.source_attributions), (&whole.target, &whole.target_attributions)]
            {
                let Some(scores) = scores else { continue };
                let kept = tokens.iter().enumerate().filter(|(_, token)| !is_special(token));
                expected.extend(kept.map(|(row, _)| scores[[row, column]]));
            }
            let sum: f32 = expected.iter().filter(|score| !score.is_nan()).map(|score| score.abs()).sum();
            let found: Vec<f32> = [&rest.source_attributions, &rest.target_attributions]
                .into_iter()
                .flatten()
                .flat_map(|scores| scores.column_of(step))
                .collect();
            let expected: Vec<f32> = expected.iter().map(|score| score / sum).collect();
            inseq_tests::assert_close(name, &found, &expected, 1e-6);
        }
        let view = ViewOptions::default().view(View::Matrix).hide_special(true);
        let options = TerminalOptions::default().colors(ColorSupport::None).width(100).view(view);
        let result = AttributionResult { sequences: vec![whole.clone()], ..AttributionResult::default() };
        let picture = render(&result, &options).unwrap();
        assert!(special.iter().all(|token| !picture.contains(token)), "{picture}");
    }
}

/// The scores of a step.
trait Column {
    fn column_of(&self, step: usize) -> Vec<f32>;
}

impl Column for ndarray::ArrayD<f32> {
    fn column_of(&self, step: usize) -> Vec<f32> {
        self.index_axis(ndarray::Axis(1), step).iter().copied().collect()
    }
}
