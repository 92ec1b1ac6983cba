//! Citations by methods that read scores of tokens, against attributions, the procedure of MIRAGE, and known answers.

use inseq_core::aggregators::{Aggregator, Aside, Chain};
use inseq_core::{CitationRule, Citations, SequenceAttribution};
use inseq_methods::citations::{
    ArcJsd, Attention, CitationMethod, CitationRequest, Document, Gradient, LeaveOneOut, Mirage, PromptTemplate, Slot,
    Sources, Through,
};
use inseq_methods::{AttributionModel, AttributionRequest, Count, TargetSpans};
use inseq_tests::planted::{Planted, Unit};
use inseq_tests::{assert_close, fixture};
use serde::Deserialize;
use serde_json::json;

const DOCUMENTS: [&str; 3] = ["the cat sat on the mat !", "a dog ran to the big house !", "she was late !"];
const PROMPT: &str = "the cat sat on the mat ! a dog ran to the big house ! she was late ! why";
const ANSWER: &str = " the dog saw the cat ! she was late !";

fn model_of(name: &str) -> AttributionModel {
    match name {
        "demo" => AttributionModel::demo().unwrap(),
        name => AttributionModel::load(fixture("architectures").join(name).to_str().unwrap()).unwrap(),
    }
}

fn sources(prompt: &str, documents: &[impl AsRef<str>]) -> Sources {
    let span = |text: &str| prompt.find(text).map(|start| start..start + text.len()).unwrap();
    let named = documents.iter().map(|text| (text.as_ref().to_owned(), span(text.as_ref())));
    Sources::of_spans(prompt, named.collect::<Vec<_>>()).unwrap()
}

fn request() -> CitationRequest {
    CitationRequest::new(sources(PROMPT, &DOCUMENTS)).answer(ANSWER).contextless_answer(false)
}

fn nothing_aside() -> Aside {
    Aside::default().bos(false).special(false)
}

fn scores(citations: &Citations, sentence: usize) -> Vec<f32> {
    citations.sentences[sentence].scores.iter().map(|source| source.score as f32).collect()
}

/// The attribution of the sentences of the answer by the method's own call.
fn attribution(model: &AttributionModel, method: &str, attribute_target: bool) -> SequenceAttribution {
    let target = if model.model().is_decoder_only() { format!("{PROMPT}{ANSWER}") } else { ANSWER.to_owned() };
    let request = AttributionRequest::new([PROMPT]).generated_texts([target]);
    let request = request.method(method).target_spans(TargetSpans::Sentences).attribute_target(attribute_target);
    model.attribute(&request).unwrap().sequences.swap_remove(0)
}

/// Sums of the rows of each document for the first sentences.
fn sums(aggregated: &SequenceAttribution, sentence: usize) -> Vec<f32> {
    let scores = aggregated.source_attributions.as_ref().or(aggregated.target_attributions.as_ref()).unwrap();
    let of_document = |document: &&str| {
        let found = aggregated.find_tokens(document);
        let rows = if aggregated.source_attributions.is_some() { found.source } else { found.target };
        rows[0].clone().map(|row| scores[[row, sentence]]).sum::<f32>()
    };
    DOCUMENTS.iter().map(of_document).collect()
}

#[test]
fn scores_are_sums_of_attributions() {
    for name in ["llama", "qwen2", "bloom", "t5"] {
        let model = model_of(name);
        for method in ["input_x_gradient", "saliency", "attention"] {
            let raw = attribution(&model, method, false);
            let cited = |aside: Aside| {
                let request = request().aside(aside);
                let found = match method {
                    "attention" => model.cite(&request.method(Attention::default())),
                    _ => model.cite(&request.method(Gradient { method: method.to_owned(), ..Gradient::default() })),
                };
                found.unwrap()
            };
            let default = raw.aggregate().unwrap();
            let kept = Aside::default().put_aside(&raw).unwrap().aggregate().unwrap();
            for (found, expected) in [(cited(nothing_aside()), default), (cited(Aside::default()), kept)] {
                assert_eq!(found.sentences.len(), 2);
                for sentence in 0..2 {
                    let what = format!("{name}, {method}, sentence {sentence}");
                    assert_close(&what, &scores(&found, sentence), &sums(&expected, sentence), 1e-3);
                }
                // The whole prompt, without sources, without each cited source, and the trace.
                assert!(found.forwards <= 3 + DOCUMENTS.len(), "{name}: {}", found.forwards);
            }
        }
    }
}

#[test]
fn what_is_put_aside_has_no_share() {
    // Qwen 2 has no token of its own that begins a text: the first source has the first token.
    let model = model_of("qwen2");
    let first = |aside: Aside| {
        let found = model.cite(&request().aside(aside).method(Attention::default())).unwrap();
        scores(&found, 0)[0]
    };
    assert!(first(Aside::default()) < first(nothing_aside()), "{}", first(nothing_aside()));
}

#[test]
fn influence_through_reasoning_comes_from_the_prompt() {
    for name in ["llama", "t5"] {
        let model = model_of(name);
        let found = |through: Option<Through>| {
            let method = Gradient { through, ..Gradient::default() };
            model.cite(&request().aside(nothing_aside()).method(method)).unwrap()
        };
        let (direct, through) = (found(None), found(Some(Through::Reasoning)));
        let aggregated = attribution(&model, "input_x_gradient", true).aggregate().unwrap();
        let chained = Chain.aggregate(&aggregated).unwrap();
        for sentence in 0..2 {
            assert_close(name, &scores(&through, sentence), &sums(&chained, sentence), 1e-3);
        }
        // The second sentence has influence from the first one, which is given back to the prompt.
        let total = |of: &Citations| scores(of, 1).iter().sum::<f32>();
        assert!(!model.model().is_decoder_only() || total(&through) > total(&direct), "{name}");
    }
}

#[test]
fn aggregators_and_functions_are_arguments() {
    let model = model_of("llama");
    let made = |name: &str, arguments: serde_json::Value| {
        inseq_methods::citations::method_named(name).unwrap().with(arguments.as_object().unwrap()).unwrap()
    };
    let raw = attribution(&model, "attention", false);
    let sharpest = ["max", "mean"].map(|name| (name, serde_json::Map::new()));
    let pipeline = model.aggregators().pipeline(&sharpest, &serde_json::Map::new()).unwrap();
    let method = made("attention", json!({"aggregators": ["max", "mean"]}));
    let found = model.cite(&request().aside(nothing_aside()).shared_method(method)).unwrap();
    assert_close("heads", &scores(&found, 1), &sums(&pipeline.aggregate(&raw).unwrap(), 1), 1e-3);
    // Contributions in nats, and those of a logit.
    let signed = json!({"aggregators": ["sum"], "aggregator_args": {"normalize": false}});
    let mut of_logit = signed.clone();
    of_logit["attributed_fn"] = json!("logit");
    let [signed, of_logit] = [signed, of_logit]
        .map(|arguments| scores(&model.cite(&request().shared_method(made("gradient", arguments))).unwrap(), 0));
    assert_ne!(signed, of_logit);
    for (name, arguments, part) in [
        ("gradient", json!({"method": "saliencies"}), "saliency"),
        ("gradient", json!({"method_args": {"n_steps": 3}}), "n_steps"),
        ("gradient", json!({"attributed_fn": "probabilty"}), "probability"),
        ("gradient", json!({"aggregators": ["subwords"]}), "one score for each token"),
        ("attention", json!({"aggregators": ["maxi"]}), "unknown aggregator"),
        ("mirage", json!({"metric": "entropy"}), "`metric` is `entropy`, which compares nothing"),
        ("mirage", json!({"method": "x"}), "unknown attribution method"),
    ] {
        let error = model.cite(&request().shared_method(made(name, arguments))).unwrap_err().to_string();
        assert!(error.contains(part), "{name}: {error}");
    }
}

/// A case of `mirage_golden.py`.
#[derive(Deserialize)]
struct Case {
    model: String,
    documents: Vec<String>,
    question: String,
    answer: String,
    sentences: Vec<Cited>,
}

#[derive(Deserialize)]
struct Cited {
    scores: Vec<f32>,
    cited: Vec<usize>,
}

#[test]
fn mirage_cites_what_the_published_procedure_cites() {
    let json = std::fs::read_to_string(fixture("citations/mirage.json")).unwrap();
    let cases: Vec<Case> = serde_json::from_str(&json).unwrap();
    assert!(cases.len() >= 8);
    for case in cases {
        let model = model_of(&case.model);
        let prompt = format!("{} {}", case.documents.join(" "), case.question);
        let request = CitationRequest::new(sources(&prompt, &case.documents)).answer(&case.answer);
        let rule = CitationRule::default().least_share(0.0).most(usize::MAX);
        let request = request.contextless_answer(false).aside(nothing_aside()).rule(rule);
        let found = model.cite(&request.method(Mirage::default())).unwrap();
        assert_eq!(found.sentences.len(), case.sentences.len(), "{}", case.model);
        for (index, expected) in case.sentences.iter().enumerate() {
            let what = format!("{}, sentence {index}", case.model);
            assert_eq!(found.sentences[index].cited(&rule), expected.cited, "{what}");
            assert_close(&what, &scores(&found, index), &expected.scores, 2e-3);
        }
    }
}

#[test]
fn sentences_cite_what_they_translate() {
    let model = model_of("demo");
    let texts = ["The doors are white.", "The tired nurse said that she was late."];
    let documents = texts.iter().enumerate().map(|(index, text)| Document::new(format!("d{index}"), *text));
    let template = PromptTemplate::parse(PromptTemplate::DOCUMENTS).unwrap().separator(" ");
    let sources = template.fill([("documents", Slot::Documents(documents.collect()))]).unwrap();
    let answer = "Les portes sont blanches. L'infirmière fatiguée a dit qu'elle était en retard.";
    let methods: [Box<dyn Fn(CitationRequest) -> CitationRequest>; 3] = [
        Box::new(|request| request.method(Gradient::default())),
        Box::new(|request| request.method(Attention::default())),
        // The first sentence changes so much that no token of the second one stands out beside it.
        Box::new(|request| request.method(Mirage { std_threshold: 0.0, ..Mirage::default() })),
    ];
    for with in methods {
        let citations = model.cite(&with(CitationRequest::new(sources.clone()).answer(answer))).unwrap();
        let rule = CitationRule::default().most(1);
        let cited: Vec<_> = citations.sentences.iter().map(|sentence| sentence.cited(&rule)).collect();
        assert_eq!(cited, [[0], [1]], "{}", citations.method);
        assert!(citations.untested.is_empty());
    }
}

#[test]
fn screened_sources_have_their_exact_scores() {
    let model = model_of("bloom");
    let all = model.cite(&request().method(LeaveOneOut::default())).unwrap();
    let screen = Some(Count::of::<2>());
    let some = model.cite(&request().method(LeaveOneOut { screen })).unwrap();
    assert_eq!((some.untested.len(), all.untested.len()), (1, 0));
    let left_out = some.untested[0];
    for sentence in 0..2 {
        for source in (0..DOCUMENTS.len()).filter(|source| *source != left_out) {
            let [found, expected] = [&some, &all].map(|of| of.sentences[sentence].scores[source].score);
            assert!((found - expected).abs() < 1e-4, "{source}: {found} {expected}");
        }
        assert_eq!(some.sentences[sentence].scores[left_out].score, 0.0);
    }
    // The source that is not tested is the one with the smallest gradients.
    let gradients = model.cite(&request().method(Gradient::default())).unwrap();
    let rank = |source: usize| {
        let share = |sentence: usize| {
            let of_sources = scores(&gradients, sentence);
            of_sources[source] / of_sources.iter().copied().fold(0.0, f32::max)
        };
        share(0).max(share(1))
    };
    assert!((0..DOCUMENTS.len()).all(|source| rank(source) >= rank(left_out)));
    let enough = model.cite(&request().method(LeaveOneOut { screen: Some(Count::of::<3>()) })).unwrap();
    assert_eq!((enough.untested.clone(), enough.forwards), (vec![], all.forwards), "nothing to choose");
    let divergences = model.cite(&request().method(ArcJsd { screen })).unwrap();
    assert_eq!(divergences.untested, some.untested);
    assert!(LeaveOneOut { screen }.reads_tokens() && !LeaveOneOut::default().reads_tokens());
}

#[test]
fn a_source_without_a_token_of_its_own_is_refused() {
    // The source ends inside a word, whose token begins in the one before it.
    let prompt = "the cat sat";
    let text = |range: std::ops::Range<usize>| (format!("{}..{}", range.start, range.end), range);
    let sources = Sources::of_spans(prompt, [text(0..5), text(6..7)]).unwrap();
    let request = CitationRequest::new(sources).answer(" the mat").contextless_answer(false);
    let error = model_of("llama").cite(&request.method(Gradient::default())).unwrap_err().to_string();
    assert!(error.contains("no token of the prompt begins in the source `6..7` (\"t\")"), "{error}");
}

#[test]
fn attention_that_rests_on_the_first_word_is_put_aside() {
    let planted = Planted { base: 0.0, units: vec![Unit::of_count(&[true, false, false], 0.0, 2.0)] };
    let shares = |aside: Aside| {
        let request = planted.request().aside(aside).method(Attention::default());
        scores(&planted.model().cite(&request).unwrap(), 0)
    };
    // Beside the first word, the last one attends to all words alike: three sources and itself.
    assert!(shares(nothing_aside()).iter().all(|share| *share < 1e-6));
    assert_close("without it", &shares(Aside::default()), &[0.25; 3], 1e-4);
}
