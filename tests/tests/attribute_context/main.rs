//! `attribute_context` compared with the reference, and right where the reference is wrong.
#![cfg(test)]

mod golden;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use golden::{cases, load};
use inseq_core::{ContextAttribution, Salience};
use inseq_methods::{
    AttributionModel, AttributionRequest, ContextDialogue, ContextRequest, Error, NoDialogue, OutputContextStrategy,
};
use inseq_models::tokenizer::Role;
use inseq_tests::{assert_close, fixture};

#[test]
fn scores_are_those_of_the_reference() {
    let cases = cases();
    assert!(cases.len() >= 20, "{} cases", cases.len());
    let mut models: BTreeMap<String, AttributionModel> = BTreeMap::new();
    for case in cases {
        let model = models.entry(case.model.clone()).or_insert_with(|| load(&case.model));
        let found = model.attribute_context(&case.request()).unwrap_or_else(|error| {
            panic!("{}: {}: {error}", case.model, case.name);
        });
        case.compare(&found);
        found.validate().unwrap();
    }
}

/// A context and a text of the demo model.
fn french() -> ContextRequest {
    ContextRequest::new("She was late.")
        .input_context_text("The tired nurse left.".to_owned())
        .output_current_text("Elle était en retard.".to_owned())
        .context_sensitivity(Salience::default().std_threshold(0.0).top_k(2))
}

/// A context and a text of the tiny decoder-only models.
fn words() -> ContextRequest {
    ContextRequest::new("when he ran to the house")
        .input_context_text("the old man saw the dog.".to_owned())
        .output_current_text("the dog was not there".to_owned())
        .context_sensitivity(Salience::default().std_threshold(0.0).top_k(3))
}

/// What spans say of a text.
fn pieces(text: &str, spans: &[(usize, usize)]) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    spans.iter().map(|&(start, end)| characters[start..end].iter().collect()).collect()
}

#[test]
fn spans_are_those_of_the_tokens() {
    let model = AttributionModel::demo().unwrap();
    let found = model.attribute_context(&french()).unwrap();
    let info = found.info.as_ref().unwrap();
    for (text, tokens, spans) in [
        (found.input_context.as_ref(), found.input_context_tokens.as_ref(), info.input_context_spans.as_ref()),
        (Some(&found.output_current), Some(&found.output_current_tokens), info.output_current_spans.as_ref()),
    ] {
        let plain: Vec<String> = tokens.unwrap().iter().map(|token| token.trim_start_matches('▁').to_owned()).collect();
        // The span of a token that is only a space is this space.
        let found = pieces(text.unwrap(), spans.unwrap());
        assert_eq!(found.iter().map(|piece| piece.trim()).collect::<Vec<_>>(), plain);
    }
    assert_eq!(info.output_context_spans, None);
}

/// Scores of an ordinary attribution of the same step, for some rows.
fn saliency(
    model: &AttributionModel,
    source: &str,
    target: &str,
    position: i64,
    rows: std::ops::Range<usize>,
) -> Vec<f32> {
    let request = AttributionRequest::new([source])
        .generated_texts([target])
        .attribute_target(true)
        .positions(Some(position), Some(position + 1));
    let result = model.attribute(&request).unwrap();
    let raw = &result.sequences[0];
    let scores = match model.model().is_decoder_only() {
        true => raw.target_attributions.as_ref(),
        false => raw.source_attributions.as_ref(),
    };
    let norm = |row: usize| scores.unwrap().slice(ndarray::s![row, 0, ..]).iter().map(|x| x * x).sum::<f32>().sqrt();
    rows.map(norm).collect()
}

#[test]
fn unknown_characters_shift_nothing() {
    // The reference removes the unknown token from what it counts, and writes it back as text.
    let model = AttributionModel::demo().unwrap();
    let request = french().input_context_text("The ☃ nurse left.".to_owned());
    let found = model.attribute_context(&request).unwrap();
    let tokens = found.input_context_tokens.as_ref().unwrap();
    assert!(tokens.iter().any(|token| token == "<unk>"), "{tokens:?}");
    let cues = &found.cci_scores[0];
    let position = cues.cti_idx as i64 + 1;
    let expected =
        saliency(&model, "The ☃ nurse left. She was late.", "Elle était en retard.", position, 0..tokens.len());
    assert_close("cues", cues.input_context_scores.as_ref().unwrap(), &expected, 1e-5);
    let warnings = &found.info.unwrap().warnings;
    assert!(warnings.iter().any(|warning| warning.to_string().contains("has no tokens for \"☃\"")), "{warnings:?}");
}

#[test]
fn the_default_templates_shift_nothing_without_a_start_token() {
    // The reference's sensitivity; it attributes other tokens than the selected ones here.
    let expected = [0.6715, 0.9098, 1.2743, 1.3614, 1.2422, 0.6771, 0.247, 0.4581, 0.1018, 0.7669];
    let model = load("qwen2");
    let usual = model.attribute_context(&words()).unwrap();
    for (found, expected) in usual.cti_scores.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-3, "{:?}", usual.cti_scores);
    }
    // The same text, whose space belongs to the output.
    let spaced = words().output_current_text(" the dog was not there".to_owned()).decoder_input_output_separator("");
    let spaced = model.attribute_context(&spaced).unwrap();
    assert_eq!(usual.cci_scores.len(), 3);
    assert_eq!(usual.output_current_tokens, spaced.output_current_tokens);
    for (one, other) in usual.cci_scores.iter().zip(&spaced.cci_scores) {
        assert_eq!((one.cti_idx, &one.input_context_scores), (other.cti_idx, &other.input_context_scores));
    }
}

#[test]
fn both_contexts_have_their_own_scores() {
    // Where the reference draws both contexts, it saves the scores of both in each list.
    let model = AttributionModel::demo().unwrap();
    let request = french().output_context_text("L'infirmière fatiguée est partie.".to_owned());
    let found = model.attribute_context(&request).unwrap();
    found.validate().unwrap();
    for cues in &found.cci_scores {
        let [input, output] =
            [&cues.input_context_scores, &cues.output_context_scores].map(|scores| scores.as_ref().unwrap());
        assert_eq!(input.len(), found.input_context_tokens.as_ref().unwrap().len());
        assert_eq!(output.len(), found.output_context_tokens.as_ref().unwrap().len());
        assert!(input.iter().chain(output).all(|score| score.is_finite()));
    }
}

#[test]
fn given_contrasts_follow_the_prompt() {
    // The contrast text of the reference lacks the prompt of a decoder-only model.
    let model = load("gpt2");
    let one = words()
        .context_sensitivity(Salience::default().std_threshold(0.0).top_k(1))
        .attributed_fn("contrast_prob_diff");
    let found = model.attribute_context(&one.clone().contextless_output_next_tokens(vec!["cat".to_owned()])).unwrap();
    let cues = &found.cci_scores[0];
    let contextless = cues.contextless_output.as_deref().unwrap();
    assert!(contextless.starts_with("when he ran to the house") && !contextless.contains("old man"), "{contextless}");
    // The word begins as the token that it is compared with.
    let spaced = cues.cti_token.starts_with('Ġ');
    assert_eq!(cues.contrast_token.as_deref(), Some(if spaced { "Ġcat" } else { "c" }));
    let error = model.attribute_context(&one.contextless_output_next_tokens(vec!["a".into(), "b".into()])).unwrap_err();
    assert!(error.to_string().contains("has 2 words for 1 context-sensitive tokens"), "{error}");
}

#[test]
fn a_contextless_prefix_is_there_once() {
    // The reference appends it again for each selected token of a decoder-only model.
    let model = load("gpt2");
    let request =
        words().attributed_fn("contrast_prob_diff").contextless_output_current_text("he said {current}".to_owned());
    let found = model.attribute_context(&request).unwrap();
    assert!(found.cci_scores.len() > 1);
    for cues in &found.cci_scores {
        let contextless = cues.contextless_output.as_deref().unwrap();
        assert_eq!(contextless.matches("he said").count(), 1, "{contextless}");
    }
}

#[test]
fn a_token_across_the_border_of_a_template_shifts_nothing() {
    // Without a space between them, the context and the text are read otherwise than each alone.
    let model = load("gpt2");
    let request = words().input_template("{context}{current}".to_owned()).decoder_input_output_separator("");
    let found = model.attribute_context(&request.output_template(" {current}".to_owned())).unwrap();
    let input = "the old man saw the dog.when he ran to the house the dog was not there";
    let ids = model.encode(input, Role::Source, true).unwrap();
    let end = ids.len();
    let output = found.output_current_tokens.len();
    let cues = &found.cci_scores[0];
    let position = end - output + cues.cti_idx;
    let context = found.input_context_tokens.as_ref().unwrap().len();
    let expected =
        saliency(&model, "the old man saw the dog.when he ran to the house", input, position as i64, 0..context);
    assert_close("cues", cues.input_context_scores.as_ref().unwrap(), &expected, 1e-5);
}

#[test]
fn a_strategy_without_a_template_is_taken() {
    // The reference fails before it fills in the template.
    let model = AttributionModel::demo().unwrap();
    let request = french().handle_output_context_strategy(OutputContextStrategy::Pre);
    assert!(!model.attribute_context(&request).unwrap().cci_scores.is_empty());
}

/// A dialogue that answers, and keeps what was asked.
#[derive(Default)]
struct Answers {
    context: Option<String>,
    word: Option<String>,
    asked: Vec<String>,
}

impl ContextDialogue for Answers {
    fn output_context(&mut self, output: &str, proposed: Option<&str>) -> Result<String, Error> {
        self.asked.push(format!("{output}|{}", proposed.unwrap_or("-")));
        Ok(self.context.clone().unwrap_or_default())
    }

    fn contrast_word(&mut self, prefix: &str, token: &str) -> Result<Option<String>, Error> {
        self.asked.push(format!("{prefix}|{token}"));
        Ok(self.word.clone())
    }
}

/// Two sentences that the model writes, of which the first one is the context.
fn generated() -> ContextRequest {
    let mut request = french().output_template("{context} {current}".to_owned());
    request.output_current_text = None;
    request
}

#[test]
fn a_generated_context_is_asked_for() {
    let model = AttributionModel::demo().unwrap();
    let whole = model.generate(&["The tired nurse left. She was late."], &Default::default()).unwrap().swap_remove(0);
    let first = whole.split_inclusive(' ').next().unwrap().trim().to_owned();
    // More than two words: the reference has an unbound variable.
    let error = model.attribute_context(&generated()).unwrap_err().to_string();
    assert!(error.starts_with(&format!("the model generated {whole:?}, and there is no terminal to ask")), "{error}");
    let auto = generated().handle_output_context_strategy(OutputContextStrategy::Auto);
    let error = model.attribute_context(&auto).unwrap_err().to_string();
    assert!(error.contains("neither \" \" nor punctuation nor sentences divide it"), "{error}");
    let mut answers = Answers { context: Some(first.clone()), ..Answers::default() };
    let ask = |answers: &mut Answers, request: &ContextRequest| {
        model
            .attribute_context_with(request, answers, &mut |_| ControlFlow::Continue(()))
            .map(|outcome| outcome.attribution)
    };
    let found = ask(&mut answers, &generated()).unwrap();
    assert_eq!(answers.asked, [format!("{whole}|-")]);
    assert_eq!(found.output_context.as_deref(), Some(first.as_str()));
    assert_eq!(format!("{first} {}", found.output_current), whole);
    // What is given is studied instead of what was generated, as the reference says but does not do.
    let given = generated().output_current_text("Elle dort.".to_owned());
    let found = ask(&mut answers, &given).unwrap();
    assert_eq!((found.output_context.as_deref(), found.output_current.as_str()), (Some(first.as_str()), "Elle dort."));
    assert!(found.info.unwrap().warnings.iter().any(|warning| warning.to_string().contains("is studied")));
    let mut wrong = Answers { context: Some("Il".to_owned()), ..Answers::default() };
    let error = ask(&mut wrong, &generated()).unwrap_err().to_string();
    assert!(error.contains("must be the beginning of"), "{error}");
}

#[test]
fn contrasts_are_asked_for() {
    let model = AttributionModel::demo().unwrap();
    let request = french().attributed_fn("contrast_prob_diff").prompt_user_for_contextless_output_next_tokens(true);
    let mut answers = Answers { word: Some("Il".to_owned()), ..Answers::default() };
    let outcome = model.attribute_context_with(&request, &mut answers, &mut |_| ControlFlow::Continue(())).unwrap();
    let found = outcome.attribution;
    assert_eq!(answers.asked.len(), found.cci_scores.len());
    assert!(found.cci_scores.iter().all(|cues| cues.contrast_token.as_deref() == Some("▁Il")));
    let error = model.attribute_context(&request).unwrap_err().to_string();
    assert!(error.contains("there is no terminal to ask"), "{error}");
    let both = request.contextless_output_next_tokens(vec!["Il".to_owned(); 2]);
    let error = model.attribute_context_with(&both, &mut NoDialogue, &mut |_| ControlFlow::Continue(())).unwrap_err();
    assert!(error.to_string().contains("both give the contrasts"), "{error}");
}

#[test]
fn nothing_selected_says_what_would_be() {
    let model = AttributionModel::demo().unwrap();
    let request = french().context_sensitivity(Salience::default().std_threshold(50.0));
    let found = model.attribute_context(&request).unwrap();
    assert!(found.cci_scores.is_empty());
    let warning = found.info.unwrap().warnings[0].to_string();
    let place =
        (0..found.cti_scores.len()).max_by(|&a, &b| found.cti_scores[a].abs().total_cmp(&found.cti_scores[b].abs()));
    assert!(warning.contains(&format!("{:?}", found.output_current_tokens[place.unwrap()])), "{warning}");
    let said = warning.split("`context_sensitivity_std_threshold` of ").nth(1).unwrap();
    let below: f64 = said.split(' ').next().unwrap().parse().unwrap();
    let request = french().context_sensitivity(Salience::default().std_threshold(below));
    let found = model.attribute_context(&request).unwrap();
    assert_eq!(found.cci_scores.first().map(|cues| cues.cti_idx), place);
}

#[test]
fn bad_input_is_named() {
    let model = AttributionModel::demo().unwrap();
    for (request, expected) in [
        (french().input_context_text("  ".to_owned()), "`input_context_text` has no token of its own"),
        (french().output_current_text(" ".to_owned()), "`output_current_text` has no token of its own"),
        (french().context_sensitivity_metric("probability"), "`context_sensitivity_metric` is `probability`"),
        (french().context_sensitivity_metric("kl_diverge"), "kl_diverge"),
        (french().special_tokens_to_keep(vec!["<brk>".to_owned()]), "`special_tokens_to_keep` has \"<brk>\""),
        (french().method("salience"), "salience"),
        (french().input_context_text("The nurse left. ".repeat(400)), "the text with its context has"),
        (
            french().output_template("Oui: {current}".to_owned()).output_current_text(None),
            "`output_template` has the prefix \"Oui:\", but the model generated",
        ),
        (
            french().attributed_fn_args([("contrast_targets".to_owned(), "Il".into())].into_iter().collect()),
            "`contrast_targets` says what the attributed function compares with",
        ),
    ] {
        let error = model.attribute_context(&request).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[test]
fn a_file_of_the_reference_is_read() {
    for case in cases() {
        let mut written = Vec::new();
        case.expected.write(&mut written).unwrap();
        assert_eq!(ContextAttribution::read(&written).unwrap(), case.expected, "{}", case.name);
    }
    assert!(fixture("attribute_context.json").exists());
}
