//! Citations: scores of sources against scikit-learn, torch, and attributions of the changed prompts.

use inseq_core::{CitationRule, Citations};
use inseq_methods::citations::{
    ArcJsd, CitationRequest, ContextCite, Document, LeaveOneOut, PromptTemplate, Slot, SourceUnit, Sources,
};
use inseq_methods::{
    AttributionModel, AttributionRequest, Cancellation, Chat, Count, DEFAULT_MEMORY_BUDGET, Error, Limits, Message,
};
use inseq_tests::{assert_close, fixture};
use serde::Deserialize;
use serde_json::json;

/// A case of `citations_golden.py`.
#[derive(Deserialize)]
struct Case {
    prompt: String,
    spans: Vec<(usize, usize)>,
    answer: String,
    masks: Vec<Vec<bool>>,
    sentences: Vec<ExpectedSentence>,
}

#[derive(Deserialize)]
struct ExpectedSentence {
    tokens: usize,
    log_probability: f64,
    contextless_log_probability: f64,
    context_cite: Vec<f64>,
    leave_one_out: Vec<f64>,
    arc_jsd: Vec<f64>,
}

fn architecture(name: &str) -> AttributionModel {
    AttributionModel::load(fixture("architectures").join(name).to_str().unwrap()).unwrap()
}

fn spans(prompt: &str, spans: &[(usize, usize)]) -> Sources {
    let named = spans.iter().enumerate().map(|(index, &(start, end))| (format!("s{index}"), start..end));
    Sources::of_spans(prompt, named).unwrap()
}

fn scores(citations: &Citations, sentence: usize) -> Vec<f32> {
    citations.sentences[sentence].scores.iter().map(|source| source.score as f32).collect()
}

fn narrow(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&value| value as f32).collect()
}

#[test]
fn scores_are_those_of_torch_and_scikit_learn() {
    let json = std::fs::read_to_string(fixture("citations/models.json")).unwrap();
    let cases: std::collections::BTreeMap<String, Case> = serde_json::from_str(&json).unwrap();
    assert!(cases.len() >= 8);
    for (name, case) in cases {
        let model = architecture(&name);
        let request =
            CitationRequest::new(spans(&case.prompt, &case.spans)).answer(&case.answer).contextless_answer(false);
        let context_cite = ContextCite { masks: Some(case.masks.clone()), ..ContextCite::default() };
        let results = [
            model.cite(&request.clone().method(context_cite)).unwrap(),
            model.cite(&request.clone().method(LeaveOneOut::default())).unwrap(),
            model.cite(&request.method(ArcJsd::default())).unwrap(),
        ];
        for (index, expected) in case.sentences.iter().enumerate() {
            for (result, golden) in
                results.iter().zip([&expected.context_cite, &expected.leave_one_out, &expected.arc_jsd])
            {
                assert_eq!(result.sentences.len(), case.sentences.len(), "{name}: {result:?}");
                let found = &result.sentences[index];
                assert_eq!(found.tokens, expected.tokens, "{name}: {}", found.text);
                let what = format!("{name}, {}, sentence {index}", result.method);
                assert_close(&what, &scores(result, index), &narrow(golden), 2e-3);
                for (found, expected) in [
                    (found.log_probability, expected.log_probability),
                    (found.contextless_log_probability, expected.contextless_log_probability),
                ] {
                    assert!((found - expected).abs() < 1e-4 * expected.abs(), "{what}: {found} {expected}");
                }
            }
            // The gain of every method is the drop without the source.
            for result in &results {
                let sentence = &result.sentences[index];
                for (source, drop) in sentence.scores.iter().zip(&expected.leave_one_out) {
                    assert!(source.gain.is_none_or(|gain| (gain - drop).abs() < 1e-3), "{name}: {source:?} {drop}");
                }
                for cited in sentence.cited(&CitationRule::default()) {
                    assert!(sentence.scores[cited].gain.is_some(), "{name}: a citation without a gain");
                }
            }
        }
    }
}

/// Log-probability of an answer after a prompt, as `attribute` gives it. The end of the text does not count.
fn log_probability(model: &AttributionModel, prompt: &str, answer: &str) -> f64 {
    let target = if model.model().is_decoder_only() { format!("{prompt}{answer}") } else { answer.to_owned() };
    let request = AttributionRequest::new([prompt])
        .generated_texts([target])
        .method("dummy")
        .step_scores(["probability"])
        .step_scores_args(json!({"logprob": true}).as_object().cloned().unwrap());
    let result = model.attribute(&request).unwrap();
    let sequence = &result.sequences[0];
    let steps = &sequence.target[sequence.attr_pos_start..];
    let scores = sequence.step_scores["probability"].iter();
    scores.zip(steps).filter(|(_, token)| !token.is_special()).map(|(score, _)| f64::from(*score)).sum()
}

/// Checks that the drops without each source are differences of two attributions.
fn check_drops(name: &str, model: &AttributionModel, parts: &[&str], answer: &str) {
    let (start, end) = ("when he said : ", " why ?");
    let with = |left_out: Option<usize>| {
        let kept: Vec<&str> =
            (0..parts.len()).filter(|&index| Some(index) != left_out).map(|index| parts[index]).collect();
        format!("{start}{}{end}", kept.join(" "))
    };
    let mut place = start.len();
    let mut sources = Vec::new();
    for part in parts {
        sources.push((place, place + part.len()));
        place += part.len() + 1;
    }
    let request = CitationRequest::new(spans(&with(None), &sources)).answer(answer).contextless_answer(false);
    let citations = model.cite(&request.method(LeaveOneOut::default())).unwrap();
    assert_eq!(citations.sentences.len(), 1, "{name}");
    let whole = log_probability(model, &with(None), answer);
    let expected: Vec<f32> =
        (0..parts.len()).map(|index| (whole - log_probability(model, &with(Some(index)), answer)) as f32).collect();
    assert!((citations.sentences[0].log_probability - whole).abs() < 1e-4, "{name}");
    let found = scores(&citations, 0);
    for (found, expected) in found.iter().zip(&expected) {
        assert!((found - expected).abs() < 2e-4, "{name}: {found} {expected}");
    }
    // One forward for each source, for the whole prompt, and for the prompt without sources.
    assert_eq!(citations.forwards, parts.len() + 2, "{name}");
}

#[test]
fn a_drop_is_the_difference_of_two_attributions() {
    for entry in std::fs::read_dir(fixture("architectures")).unwrap() {
        let folder = entry.unwrap().path();
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let model = AttributionModel::load(folder.to_str().unwrap()).unwrap();
        check_drops(&name, &model, &["the cat sat", "a dog ran", "the old man"], " the mat");
    }
}

#[test]
fn long_prompts_share_their_beginnings() {
    // Sources of more tokens than variants need to share a forward.
    let part = |word: &str| vec![word; 20].join(" ");
    let parts = ["cat", "dog", "man", "house", "mat"].map(|word| format!("the {}", part(word)));
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    for name in ["bloom", "t5", "phi3_longrope"] {
        check_drops(name, &architecture(name), &parts, " the mat");
    }
}

#[test]
fn a_small_budget_changes_nothing() {
    let documents =
        ["the cat sat on the mat !", "a dog ran !", "she was late !", "the man saw !", "the house !", "he was here !"];
    let prompt = documents.join(" ");
    let place = |text: &str| (prompt.find(text).unwrap(), prompt.find(text).unwrap() + text.len());
    let sources = spans(&format!("{prompt} why"), &documents.map(place));
    for name in ["bloom", "t5"] {
        let model = architecture(name);
        let request = CitationRequest::new(sources.clone()).answer(" the dog ran ! she was late !");
        let method = ContextCite { n_masks: Count::of::<20>(), ..ContextCite::default() };
        let request = request.method(method).contextless_answer(false);
        let roomy = model.cite(&request).unwrap();
        // The smallest budget is the one that its error names.
        let within = |budget: usize| model.cite(&request.clone().limits(Limits::default().memory_budget(budget)));
        let named = |budget: usize| -> usize {
            let error = within(budget).unwrap_err().to_string();
            let (_, named) = error.split_once("set `memory_budget` to ").unwrap();
            named.split_once(" or more").unwrap().0.parse().unwrap()
        };
        let least = named(1);
        assert_eq!(named(least - 1), least, "{name}");
        let planned = model.plan_citations(&request).unwrap().methods[0].bytes;
        assert!(least <= planned && planned < DEFAULT_MEMORY_BUDGET, "{name}: {least} of {planned} bytes");
        let tight = within(least).unwrap();
        assert_eq!(roomy.sentences.len(), 2);
        for sentence in 0..2 {
            assert_close(name, &scores(&tight, sentence), &scores(&roomy, sentence), 1e-3);
        }
        assert!(roomy.sentences.iter().flat_map(|one| &one.scores).all(|source| source.confidence.is_some()));
        assert_eq!(roomy, model.cite(&request).unwrap(), "{name}: the same call gives the same result");
    }
}

fn demo_sources() -> Sources {
    let texts = ["The doors are white.", "The tired nurse said that she was late."];
    let documents = texts.iter().enumerate().map(|(index, text)| Document::new(format!("d{index}"), *text));
    let template = PromptTemplate::parse(PromptTemplate::DOCUMENTS).unwrap().separator(" ");
    template.fill([("documents", Slot::Documents(documents.collect()))]).unwrap()
}

#[test]
fn sentences_cite_what_they_translate() {
    let model = AttributionModel::demo().unwrap();
    let answer = "Les portes sont blanches. L'infirmière fatiguée a dit qu'elle était en retard.";
    let request = CitationRequest::new(demo_sources()).answer(answer);
    for request in [request.clone(), request.clone().method(LeaveOneOut::default()), request.method(ArcJsd::default())]
    {
        let citations = model.cite(&request).unwrap();
        assert_eq!(citations.answer, answer);
        let rule = CitationRule::default().most(1);
        let cited: Vec<_> = citations.sentences.iter().map(|sentence| sentence.cited(&rule)).collect();
        assert_eq!(cited, [[0], [1]], "{}", citations.method);
        for sentence in &citations.sentences {
            assert!(sentence.log_probability > sentence.contextless_log_probability);
        }
        assert!(!citations.is_generated && citations.contextless_answer.is_some());
    }
}

#[test]
fn answers_are_generated() {
    for (name, prompt) in [("bloom", "the cat sat on the mat ! why"), ("t5", "the cat sat on the mat ! why")] {
        let model = architecture(name);
        let arguments = json!({"max_new_tokens": 8}).as_object().cloned().unwrap();
        let request = CitationRequest::new(spans(prompt, &[(0, 24)])).generation_args(arguments.clone());
        let citations = model.cite(&request.method(LeaveOneOut::default())).unwrap();
        assert!(citations.is_generated);
        let generated = |prompt: &str| {
            let text = model.generate(&[prompt], &arguments).unwrap().swap_remove(0);
            let start = if model.model().is_decoder_only() { prompt.len() } else { 0 };
            text[start..].trim().to_owned()
        };
        assert_eq!(citations.answer, generated(prompt), "{name}");
        assert_eq!(citations.contextless_answer, Some(generated(" why")), "{name}");
    }
}

#[test]
fn sources_are_found_behind_a_chat_template() {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(fixture("architectures/bloom")).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    let template = "{% for m in messages %}{{ m.role }} : {{ m.content | trim }} ! {% endfor %}man :";
    std::fs::write(folder.path().join("chat_template.jinja"), template).unwrap();
    let model = AttributionModel::load(folder.path().to_str().unwrap()).unwrap();
    let cite = |sources: Sources, plain: bool| {
        let request = CitationRequest::new(sources).answer(" the mat").plain(plain).contextless_answer(false);
        model.cite(&request.method(LeaveOneOut::default())).unwrap()
    };
    let chat = Chat::new([Message::new("system", "the cat sat"), Message::user("why ?")]).unwrap();
    let chat = cite(Sources::of_chat(chat).unwrap(), false);
    let written = "system : the cat sat ! user : why ? ! man :";
    assert_eq!((chat.prompt.as_str(), chat.sources[0].span), (written, (9, 20)));
    let plain = cite(spans(written, &[(9, 20)]), true);
    assert_close("a chat", &scores(&chat, 0), &scores(&plain, 0), 1e-5);
    // A prompt that is no chat is the message of a user.
    let sources = spans("a dog ran why ?", &[(0, 9)]);
    assert_eq!(cite(sources.clone(), false).prompt, "user : a dog ran why ? ! man :");
    assert_eq!(cite(sources, true).prompt, "a dog ran why ?");
    let chat = Sources::of_chat(Chat::new([Message::new("system", "a"), Message::user("b")]).unwrap()).unwrap();
    let error = architecture("bloom").cite(&CitationRequest::new(chat)).unwrap_err().to_string();
    assert!(error.contains("chat template"), "{error}");
}

#[test]
fn wrong_requests_are_refused() {
    let (gpt2, t5, demo) = (architecture("gpt2"), architecture("t5"), AttributionModel::demo().unwrap());
    let request = || CitationRequest::new(spans("the cat sat on the mat why", &[(0, 18)]));
    let long = vec!["the cat"; 40].join(" ");
    let whole = |text: &str| CitationRequest::new(spans(text, &[(0, text.len())]));
    let masks = |masks: Vec<Vec<bool>>| ContextCite { masks: Some(masks), ..ContextCite::default() };
    let budget = Limits::default().memory_budget(0);
    for (model, request, part) in [
        (&gpt2, request().answer("  "), "`answer` has no text"),
        (&gpt2, request().answer("the cat sat on the mat why not"), "`answer` begins with the prompt"),
        (&gpt2, whole(&long).answer(" x"), "the model has 40 positions; a source that is cut cannot be cited"),
        (&demo, whole(&vec!["The doors."; 400].join(" ")).answer("a"), "a source that is cut cannot be cited"),
        (&gpt2, request().answer(" x").method(masks(vec![vec![true; 2]; 2])), "list 1 of `masks` has 2 values"),
        (&gpt2, request().answer(" x").limits(budget), "`memory_budget` is 0"),
        (&t5, request().generation_args(json!({"max_new_tokens": 0}).as_object().cloned().unwrap()), "max_new_tokens"),
        (&gpt2, request().answer(" x").limits(Limits::default().device("cuda:7")), "device"),
    ] {
        let error = model.cite(&request).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    let cancellation = Cancellation::default();
    cancellation.cancel();
    let request = request().answer(" x").limits(Limits::default().cancellation(cancellation));
    assert!(matches!(gpt2.cite(&request), Err(Error::Cancelled)));
}

#[test]
fn parts_of_documents_are_sources() {
    let model = architecture("bloom");
    let template = PromptTemplate::parse("{documents} why").unwrap();
    let documents = vec![Document::new("a", "The cat sat. It ran."), Document::new("b", "She was late.")];
    let sources = template.fill([("documents", Slot::Documents(documents))]).unwrap().divided(SourceUnit::Sentences);
    let request = CitationRequest::new(sources).answer(" the mat").contextless_answer(false);
    let citations = model.cite(&request.method(ArcJsd::default())).unwrap();
    let names: Vec<&str> = citations.sources.iter().map(|source| source.name.as_str()).collect();
    assert_eq!(names, ["a, sentence 1", "a, sentence 2", "b"]);
    for source in &citations.sources {
        let text: String = citations.prompt.chars().skip(source.span.0).take(source.span.1 - source.span.0).collect();
        assert_eq!(text, source.text);
    }
    for source in &citations.sentences[0].scores {
        let most = std::f64::consts::LN_2 * citations.sentences[0].tokens as f64;
        assert!((0.0..=most).contains(&source.score), "{source:?}");
    }
}
