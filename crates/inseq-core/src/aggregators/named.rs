//! The reference's aggregators, made from their arguments.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::argument_values::{Chosen, Function, OneOrMore, Order, SpanList};
use super::{
    AggregationFunction, Aggregator, Aside, Chain, Merging, Scaling, Scores, Selection, Slices, Spans, Split,
    SplitMode, Subwords,
};
use crate::mismatch::{self, Mismatch};
use crate::{About, Argument, Error, Result};

/// Makes an aggregator from its arguments.
type Make = fn(&Map<String, Value>) -> Result<Box<dyn Aggregator>>;

/// An aggregator by name.
pub(super) struct NamedAggregator {
    pub about: About,
    pub make: Make,
}

/// Arguments of `scores`, with the default of `normalize`.
const fn scores_arguments(normalize: &'static str) -> [Argument; 5] {
    [
        Argument::new(
            "select_idx",
            "none",
            "Entries of the last axis to use: an index, which selects one entry without a function; a list of indices; or a span \
             as \"start:end\". Negative indices count from the end. By default all entries are used.",
        ),
        Argument::new(
            "normalize",
            normalize,
            "Whether the absolute scores of each step are scaled to sum to 1 over source and target.",
        ),
        Argument::new(
            "rescale",
            "false",
            "Whether scores are scaled so that the largest absolute score of the text is 1, instead of being normalized.",
        ),
        Argument::new("vnorm_ord", "2", "Order of the vector norm: a number, \"inf\" or \"-inf\"."),
        Argument::new(
            "aggregate_fn",
            "none",
            "Function that reduces the axis. By default the vector norm over features, and the mean over other axes.",
        ),
    ]
}

const SCORES_ARGUMENTS: &[Argument] = &scores_arguments("true");
const UNSCALED_ARGUMENTS: &[Argument] = &scores_arguments("false");

/// Arguments of an aggregation function that is used as an aggregator: those of `scores` without the function, and without the
/// order, which only norms have.
pub(super) fn function_arguments(function: &str) -> &'static [Argument] {
    if function == "vnorm" { &SCORES_ARGUMENTS[..4] } else { &SCORES_ARGUMENTS[..3] }
}

/// The same arguments of an aggregator of scores, which are not normalized unless that is asked for.
pub(super) fn unscaled(arguments: &[Argument]) -> &'static [Argument] {
    UNSCALED_ARGUMENTS.split_at(arguments.len().min(UNSCALED_ARGUMENTS.len())).0
}

const SOURCE_SPANS: &str = "Spans of source tokens: a span [start, end], or a list of spans in order and without overlap. The token at `end` is not part of a span.";
const TARGET_SPANS: &str = "Spans of target tokens: a span [start, end], or a list of spans in order and without overlap. The token at `end` is not part of a span.";
const AGGREGATE_SOURCE: Argument = Argument::new("aggregate_source", "true", "Whether source tokens are merged.");
const AGGREGATE_TARGET: Argument = Argument::new("aggregate_target", "true", "Whether target tokens are merged.");
const MERGED_BY: Argument = Argument::new(
    "aggregate_fn",
    "none",
    "Function that merges the scores of merged tokens. By default attributions keep the score with the largest absolute value, \
     with its sign, and each step score has a function of its own: probabilities are multiplied, entropies are added.",
);

pub(super) const ALL: &[NamedAggregator] = &[
    NamedAggregator {
        about: About {
            name: "scores",
            description: "Reduces the last axis of the scores (features, heads or layers) by a function.",
            details: "By default the function is the vector norm over features, and the mean over other axes. With `normalize`, the \
                      absolute scores of each step are then scaled to sum to 1 over source and target.",
            arguments: SCORES_ARGUMENTS,
        },
        make: |arguments| Ok(Box::new(scores(options("scores", arguments)?)?)),
    },
    NamedAggregator {
        about: About {
            name: "spans",
            description: "Merges the tokens of each given span into one token.",
            details: "",
            arguments: &[
                Argument::new("source_spans", "none", SOURCE_SPANS),
                Argument::new("target_spans", "none", TARGET_SPANS),
                MERGED_BY,
            ],
        },
        make: |arguments| {
            let SpansArguments { source_spans, target_spans, aggregate_fn } = options("spans", arguments)?;
            some_spans("spans", &[&source_spans, &target_spans])?;
            let spans =
                Spans::new().source(source_spans.unwrap_or_default().0).target(target_spans.unwrap_or_default().0);
            Ok(Box::new(spans.merging(merging(aggregate_fn))))
        },
    },
    NamedAggregator {
        about: About {
            name: "subwords",
            description: "Merges the pieces of each word into one token.",
            details: "Words are those of the text by Unicode's rules, or those that start at tokens with a given mark.",
            arguments: &[
                Argument::new(
                    "special_chars",
                    "none",
                    "Mark, or list of marks, at the start of each token that starts a word, such as \"▁\". By default words are \
                     those of the text.",
                ),
                Argument::new(
                    "is_suffix_symbol",
                    "false",
                    "Whether a token with a mark continues a word instead of starting one, as in WordPiece (##).",
                ),
                AGGREGATE_SOURCE,
                AGGREGATE_TARGET,
                MERGED_BY,
            ],
        },
        make: |arguments| {
            let arguments: SubwordsArguments = options("subwords", arguments)?;
            some_side("subwords", arguments.aggregate_source, arguments.aggregate_target)?;
            let marks = arguments.special_chars.map(|one_or_more| match one_or_more {
                OneOrMore::One(one) => vec![one],
                OneOrMore::More(more) => more,
            });
            let mut subwords = Subwords::new()
                .is_suffix_symbol(arguments.is_suffix_symbol.unwrap_or(false))
                .aggregate_source(arguments.aggregate_source.unwrap_or(true))
                .aggregate_target(arguments.aggregate_target.unwrap_or(true));
            subwords.special_chars = marks;
            subwords.check()?;
            Ok(Box::new(subwords.merging(merging(arguments.aggregate_fn))))
        },
    },
    NamedAggregator {
        about: About {
            name: "split",
            description: "Merges the tokens between matches of a regular expression, for example the tokens of a sentence.",
            details: "The pattern is matched against the joined texts of the tokens, in the spelling of the tokenizer.",
            arguments: &[
                Argument::new("split_pattern", "required", "Regular expression, such as \"\\.\"."),
                Argument::new(
                    "split_mode",
                    "single",
                    "Place of a match: single (a token of its own), start (with the tokens after it), or end (with the tokens before \
                     it).",
                ),
                AGGREGATE_SOURCE,
                AGGREGATE_TARGET,
                MERGED_BY,
            ],
        },
        make: |arguments| {
            let arguments: SplitArguments = options("split", arguments)?;
            some_side("split", arguments.aggregate_source, arguments.aggregate_target)?;
            let Some(pattern) = arguments.split_pattern else {
                return Err(Error::argument(
                    "split_pattern",
                    "the aggregator `split` needs `split_pattern`, a regular expression such as \"\\\\.\"".into(),
                ));
            };
            let mode = arguments.split_mode.map_or(Ok(SplitMode::default()), |name| name.parse())?;
            let split = Split::new(&pattern)?
                .mode(mode)
                .aggregate_source(arguments.aggregate_source.unwrap_or(true))
                .aggregate_target(arguments.aggregate_target.unwrap_or(true));
            Ok(Box::new(split.merging(merging(arguments.aggregate_fn))))
        },
    },
    NamedAggregator {
        about: About {
            name: "slices",
            description: "Keeps only the given spans of the input tokens.",
            details: "A side without spans keeps all tokens. Generated tokens are always kept.",
            arguments: &[
                Argument::new("source_spans", "none", SOURCE_SPANS),
                Argument::new("target_spans", "none", TARGET_SPANS),
            ],
        },
        make: |arguments| {
            let SlicesArguments { source_spans, target_spans } = options("slices", arguments)?;
            some_spans("slices", &[&source_spans, &target_spans])?;
            Ok(Box::new(Slices {
                source: source_spans.map(|spans| spans.0),
                target: target_spans.map(|spans| spans.0),
            }))
        },
    },
    NamedAggregator {
        about: About {
            name: "chain",
            description: "Gives the influence that came through generated tokens back to the source and the prompt (CAGE).",
            details: "A step depends on generated tokens, which depend on others. Each generated token's share of a step is divided among \
                      the tokens that it came from itself, until only source tokens and tokens before the first step have a share; \
                      these sum to 1. Negative scores count as 0. The result needs target attributions.",
            arguments: &[],
        },
        make: |arguments| {
            let NoArguments {} = options("chain", arguments)?;
            Ok(Box::new(Chain))
        },
    },
    NamedAggregator {
        about: About {
            name: "aside",
            description: "Puts the first token and special tokens aside: their scores become 0.",
            details: "Such tokens take influence whatever the text says. If there is one score per token, the absolute scores of each \
                      step are then scaled to sum to 1 over the other tokens.",
            arguments: &[Argument::new(
                "tokens",
                "bos,special",
                "Tokens to put aside: bos (the decoder start, or the first token of a decoder-only model's prompt), special (special \
                 tokens of both sides), or both.",
            )],
        },
        make: |arguments| {
            let AsideArguments { tokens } = options("aside", arguments)?;
            let aside: Aside = tokens.map_or_else(|| Ok(Aside::default()), |tokens| tokens.parse())?;
            Ok(Box::new(aside))
        },
    },
    NamedAggregator {
        about: About {
            name: "pair",
            description: "Subtracts the scores of one attribution from those of a second one with the same shape.",
            details: "Tokens that differ are shown as `first → second`. The aggregator needs the second attribution, so it cannot be \
                      requested by its name: use `inseq diff A B` on the command line, or `Pair::new(b)` or `&b - &a` in Rust.",
            arguments: &[],
        },
        make: |_| {
            Err(Error::argument(
                "aggregator",
                "the aggregator `pair` needs a second attribution, so it cannot be requested by its name: use `inseq diff`, or \
                 `Pair::new` in Rust"
                    .into(),
            ))
        },
    },
];

/// Describes an aggregation function.
pub(super) fn function_description(name: &str) -> &'static str {
    match name {
        "mean" => "The mean of the scores.",
        "sum" => "The sum of the scores.",
        "prod" => "The product of the scores.",
        "min" => "The smallest score.",
        "max" => "The largest score.",
        "absmax" => "The score with the largest absolute value, with its sign.",
        _ => "The vector norm of the scores, of order `vnorm_ord` (2).",
    }
}

/// The aggregator `scores` with a function.
pub(super) fn scores_by(function: &str, arguments: &Map<String, Value>) -> Result<Box<dyn Aggregator>> {
    let mut arguments: ScoresArguments = options(function, arguments)?;
    arguments.aggregate_fn = Some(Function(function.parse()?));
    Ok(Box::new(scores(arguments)?))
}

fn scores(arguments: ScoresArguments) -> Result<Scores> {
    let function = arguments.aggregate_fn.map(|Function(function)| function);
    let function = match (function, arguments.vnorm_ord) {
        (function, None) => function,
        (None | Some(AggregationFunction::VectorNorm { .. }), Some(Order(order))) => {
            Some(AggregationFunction::VectorNorm { order })
        }
        (Some(other), Some(_)) => {
            return Err(Error::Invalid(format!(
                "argument `vnorm_ord` of the aggregator `scores`: only `vnorm` has an order, and `aggregate_fn` is `{other}`"
            )));
        }
    };
    let scaling = match (arguments.normalize, arguments.rescale.unwrap_or(false)) {
        (Some(true), true) => {
            return Err(Error::argument(
                "rescale",
                "scores are either normalized or rescaled; choose one of the two".into(),
            ));
        }
        (_, true) => Scaling::Rescale,
        (Some(false), false) => Scaling::None,
        (None | Some(true), false) => Scaling::Normalize,
    };
    let scores = function.map_or_else(Scores::by_kind, Scores::new);
    Ok(scores.select(arguments.select_idx.map_or(Selection::All, |Chosen(selection)| selection)).scaling(scaling))
}

/// Refuses an aggregator of spans without spans.
fn some_spans(name: &str, sides: &[&Option<SpanList>]) -> Result<()> {
    match sides.iter().any(|side| side.is_some()) {
        true => Ok(()),
        false => Err(Error::Invalid(format!(
            "the aggregator `{name}` needs `source_spans` or `target_spans`, such as [[0, 2], [3, 5]]"
        ))),
    }
}

/// Refuses an aggregator of tokens that is to leave the tokens of both sides as they are.
fn some_side(name: &str, source: Option<bool>, target: Option<bool>) -> Result<()> {
    match (source, target) {
        (Some(false), Some(false)) => Err(Error::Invalid(format!(
            "the aggregator `{name}` merges nothing: `aggregate_source` and `aggregate_target` are both false"
        ))),
        _ => Ok(()),
    }
}

fn merging(function: Option<Function>) -> Merging {
    function.map_or_else(Merging::default, |Function(function)| function.into())
}

fn options<T: DeserializeOwned>(name: &str, arguments: &Map<String, Value>) -> Result<T> {
    mismatch::read(&Value::Object(arguments.clone())).map_err(|Mismatch { path, message }| {
        Error::argument(
            &path,
            match path.as_str() {
                "" => format!("arguments of the aggregator `{name}`: {message}"),
                path => format!("argument `{path}` of the aggregator `{name}`: {message}"),
            },
        )
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScoresArguments {
    aggregate_fn: Option<Function>,
    select_idx: Option<Chosen>,
    normalize: Option<bool>,
    rescale: Option<bool>,
    vnorm_ord: Option<Order>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SpansArguments {
    source_spans: Option<SpanList>,
    target_spans: Option<SpanList>,
    aggregate_fn: Option<Function>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SlicesArguments {
    source_spans: Option<SpanList>,
    target_spans: Option<SpanList>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoArguments {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AsideArguments {
    tokens: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SubwordsArguments {
    special_chars: Option<OneOrMore<String>>,
    is_suffix_symbol: Option<bool>,
    aggregate_source: Option<bool>,
    aggregate_target: Option<bool>,
    aggregate_fn: Option<Function>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SplitArguments {
    split_pattern: Option<String>,
    split_mode: Option<String>,
    aggregate_source: Option<bool>,
    aggregate_target: Option<bool>,
    aggregate_fn: Option<Function>,
}
