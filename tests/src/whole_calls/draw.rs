//! Cases from bytes. What is drawn is usable more often than not, so that most calls come to their end.

use arbitrary::Unstructured;
use inseq_core::aggregators::Aggregators;
use inseq_methods::{list_methods, step_functions};
use inseq_models::generation::GenerationConfig;
use serde_json::json;

use super::arguments::{self, Drawn as _};
use super::case::{Arguments, Case, Picture, Switch};
use crate::fixture;

/// Pieces of texts: words that the small vocabularies have, and what they do not expect.
const PIECES: [&str; 34] = [
    "the",
    "cat",
    "sat",
    "on",
    "mat",
    "a",
    "dog",
    "ran",
    "to",
    "big",
    "house",
    ".",
    "snow",
    "Hi!",
    "été",
    "naïve",
    "今天天气很好。",
    "👩\u{200d}👩\u{200d}👧",
    "\u{202e}abc\u{202c}",
    "مرحبا",
    "e\u{301}\u{301}",
    "\u{0}",
    "\u{feff}",
    "\u{fffd}",
    "\n",
    "\t",
    " ",
    "▁the",
    "Ġcat",
    "<unk>",
    "</s>",
    "<pad>",
    "<0x0A>",
    "[12] <extra_id_0>",
];

/// Expressions over scores, and names that are none.
const FUNCTIONS: [&str; 10] = [
    "logit(target) - logit(contrast)",
    "log(prob(target) - 2)",
    "prob(target) / entropy",
    "logit(0) * 1e300",
    "sqrt(-entropy)",
    "max(logit(target), logit(1), 0)",
    "logit(",
    "logprobs",
    "prob('▁the')",
    "",
];

impl Case {
    /// A case from bytes; where these end, the simplest choices are taken.
    pub(super) fn drawn(from: &mut Unstructured) -> Self {
        let mut models: Vec<String> = std::fs::read_dir(fixture("architectures"))
            .into_iter()
            .flatten()
            .filter_map(|folder| Some(folder.ok()?.file_name().to_string_lossy().into_owned()))
            .collect();
        models.sort();
        let method = from.one_of(list_methods()).map_or(String::new(), |info| info.name.to_owned());
        // Maximum flows through long texts take minutes.
        let longest = if method == "attention_flow" { 8 } else { 25 };
        let text = |from: &mut Unstructured| text(from, longest);
        let texts = from.several(1, 3, text);
        let generated_texts = match from.up_to(12) {
            0..=5 => None,
            // What a decoder-only model is given must start with its prompt.
            6..=11 => Some(texts.iter().map(|prompt| format!("{prompt} {}", text(from))).collect()),
            _ => Some(from.several(0, 3, text)),
        };
        let attributed_fn = from.rarely(2).then(|| function(from));
        let step_scores = from.several(0, 2, function);
        let of_functions = |from: &mut Unstructured, names: &[String]| {
            let known = names.iter().flat_map(|name| step_functions::arguments_of(name)).map(|argument| argument.name);
            let mut drawn = arguments::drawn(from, &known.collect::<Vec<_>>());
            if names.iter().any(|name| !name.contains('(') && takes_contrast(name)) {
                let contrast: Vec<String> = texts.iter().map(|prompt| format!("{prompt} {}", text(from))).collect();
                drawn.insert(
                    if from.rarely(3) { "contrast_sources" } else { "contrast_targets" }.into(),
                    json!(contrast),
                );
            }
            if names.iter().any(|name| name == "top_p_size") {
                drawn.insert("top_p".into(), json!(0.7));
            }
            drawn
        };
        let attributed_fn_args = of_functions(from, &attributed_fn.iter().cloned().collect::<Vec<_>>());
        let step_scores_args = of_functions(from, &step_scores);
        let position = |from: &mut Unstructured| from.rarely(4).then(|| from.between(-4, 9));
        Self {
            model: from.one_of(&models).cloned().unwrap_or_default(),
            memory_budget: [1 << 28, 1 << 20, 1][from.up_to(2)],
            attribution_args: arguments::of_method(from, &method),
            method,
            generated_texts,
            generated_token_ids: from.rarely(12).then(|| {
                let ids = |from: &mut Unstructured| {
                    from.several(0, 6, |from| [from.up_to(40) as u32, u32::MAX][from.up_to(50) / 50])
                };
                texts.iter().map(|_| ids(from)).collect()
            }),
            attributed_fn,
            attributed_fn_args,
            step_scores,
            step_scores_args,
            start: position(from),
            end: position(from),
            switches: {
                // No small model has a chat template, so that this ends the call.
                let times = |switch| if switch == Switch::Chat { 40 } else { 4 };
                Switch::ALL.into_iter().filter(|&switch| from.rarely(times(switch))).collect()
            },
            batch_size: from.rarely(3).then(|| [1, 2, 3, 0, usize::MAX][from.up_to(4)]),
            feature_groups: match from.up_to(10) {
                0..=7 => "tokens".into(),
                8 => "words".into(),
                9 => "sentences".into(),
                _ => {
                    let span = |from: &mut Unstructured| [from.up_to(3), from.up_to(6)];
                    json!({ "source": from.several(0, 2, span), "target": from.several(0, 2, span) }).to_string()
                }
            },
            target_spans: match from.up_to(12) {
                0..=6 => String::new(),
                7 => "words".into(),
                8 => "sentences".into(),
                9 => "whole".into(),
                kind => {
                    let range = |from: &mut Unstructured| format!("{}..{}", from.up_to(6), from.up_to(20));
                    let kind = if kind == 10 { "chars" } else { "tokens" };
                    format!("{kind} {}", from.several(1, 2, range).join(", "))
                }
            },
            generation_args: generation(from),
            is_planned: from.rarely(4),
            aggregators: from.several(0, 2, aggregator),
            picture: picture(from),
            scores_precision: (*from.one_of(&["float32", "float16", "float8"]).unwrap_or(&"float32")).into(),
            texts,
        }
    }
}

/// A text of a few pieces, or of as many as `longest`.
fn text(from: &mut Unstructured, longest: usize) -> String {
    let most = if from.rarely(12) { longest } else { 5 };
    let least = usize::from(!from.rarely(12));
    let pieces = from.several(least, most, |from| {
        // Words more often than the rest.
        let among = if from.rarely(4) { &PIECES[..] } else { &PIECES[..13] };
        from.one_of(among).copied().unwrap_or("the")
    });
    pieces.join(if from.rarely(8) { "" } else { " " })
}

fn function(from: &mut Unstructured) -> String {
    if from.rarely(12) {
        return from.one_of(&FUNCTIONS).copied().unwrap_or_default().to_owned();
    }
    from.one_of(step_functions::list()).map_or(String::new(), |info| info.name.to_owned())
}

fn generation(from: &mut Unstructured) -> Arguments {
    // The last is not honoured.
    let known: Vec<&str> = GenerationConfig::FIELDS.iter().copied().chain(["penalty_alpha"]).collect();
    let mut drawn = if from.rarely(2) { arguments::drawn(from, &known) } else { Arguments::new() };
    if !from.rarely(8) {
        drawn.insert("max_new_tokens".into(), json!(1 + from.up_to(7)));
    }
    drawn
}

/// Whether a step function compares with other targets.
fn takes_contrast(function: &str) -> bool {
    step_functions::arguments_of(function).iter().any(|argument| argument.name == "contrast_targets")
}

fn aggregator(from: &mut Unstructured) -> (String, Arguments) {
    let aggregators = Aggregators::new();
    let all: Vec<_> = aggregators.list().collect();
    let Ok(info) = from.one_of(&all) else { return Default::default() };
    let known: Vec<&str> = info.arguments.iter().map(|argument| argument.name).collect();
    (info.name.to_owned(), arguments::drawn(from, &known))
}

fn picture(from: &mut Unstructured) -> Picture {
    let value = |from: &mut Unstructured| from.rarely(5).then(|| [0.0, -1.0, 1.0, f32::MAX, 1e-30][from.up_to(4)]);
    let axis = |from: &mut Unstructured| ["layer", "head", "feature", "2", "3", "x"][from.up_to(5)].to_owned();
    Picture {
        view: ["matrix", "tokens", "granular", "pair", "links"][from.up_to(4)].into(),
        width: [80, 0, 1, 40, 480, u16::MAX][from.up_to(5)],
        range: [value(from), value(from)],
        top_tokens: from.rarely(4).then(|| [1, 3, 0, usize::MAX][from.up_to(3)]),
        steps: from.several(0, 2, |from| from.between(-3, 6)),
        highlight: from.rarely(4).then(|| function(from)),
        wrap: from.rarely(4).then(|| [1, 3, 0][from.up_to(2)]),
        dimension: from.rarely(3).then(|| axis(from)),
        longest: [20, 1, 0, 1000][from.up_to(3)],
        slice: from.rarely(4).then(|| (axis(from), from.up_to(3), from.up_to(5))),
        replacements: from.several(0, 1, |from| (text(from, 5), text(from, 5))),
        hide_special: from.rarely(3),
    }
}
