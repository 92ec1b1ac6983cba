//! From a method's raw scores to one score per token, as the command line asks for it.

use clap::Args;
use inseq_core::aggregators::{Aggregators, Pipeline};
use inseq_core::{AttributionResult, SequenceAttribution};
use serde_json::{Map, Value, json};

use crate::completing::{AGGREGATORS, STEP_FUNCTIONS};
use crate::failure::Failure;
use crate::json_object::{Object, object};
use crate::warnings::warn;

/// The aggregators of every command.
pub fn aggregators() -> Aggregators {
    Aggregators::unscaled()
}

/// How scores are aggregated.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Aggregation")]
pub struct AggregationArguments {
    /// Aggregators or aggregation functions to apply in order, instead of the method's default aggregation: names that `inseq
    /// list aggregators` prints. A colon sets the function of an aggregator (subwords:sum).
    #[arg(long, num_args = 1.., value_name = "NAME", value_parser = AGGREGATORS, hide_possible_values = true)]
    pub attribution_aggregators: Vec<String>,
    /// Entries of the last axis (layers, heads or features) that each aggregator uses: an index (-1), a span (1:3), or a list
    /// (0,2,5). Negative indices count from the end. Aggregators without a value use the last one given. [default: all entries]
    #[arg(long, num_args = 1.., value_name = "INDEX", allow_negative_numbers = true)]
    pub attribution_selectors: Vec<String>,
    /// Scale the absolute scores of each step to sum to 1. Needs --attribution-aggregators, except in attribute-context.
    #[arg(long)]
    pub normalize_attributions: bool,
    /// Scale scores so that the largest absolute score of a text is 1. Needs --attribution-aggregators.
    #[arg(long)]
    pub rescale_attributions: bool,
    /// Arguments of the aggregators, as a JSON object such as {"split_pattern": "\\."}; `inseq list aggregators --arguments` prints
    /// them.
    #[arg(long, value_parser = object, value_name = "JSON", default_value = "{}", hide_default_value = true)]
    pub aggregator_kwargs: Object,
}

/// How aggregated scores are weighted.
#[derive(Debug, Args)]
#[command(next_help_heading = "Aggregation")]
pub struct WeightingArguments {
    /// Multiply the aggregated scores of each step by this step score, such as probability.
    #[arg(long, value_name = "STEP_SCORE", value_parser = STEP_FUNCTIONS, hide_possible_values = true)]
    pub weight_attributions: Option<String>,
}

/// What the command line asks to be applied: aggregators in turn, or those of a result's kind; then a weight of each step.
#[derive(Debug, Default)]
pub struct Aggregation {
    pipeline: Option<Pipeline>,
    /// The pipeline as JSON: the name of each aggregator, with its arguments.
    stages: Option<Value>,
    weight: Option<String>,
}

impl Aggregation {
    /// Reads the command line, so that a wrong name is reported before the work, not after it.
    pub fn of(arguments: &AggregationArguments) -> Result<Self, Failure> {
        if !arguments.attribution_aggregators.is_empty() {
            let (pipeline, stages) = pipeline(arguments)?;
            return Ok(Self { pipeline: Some(pipeline), stages: Some(stages), weight: None });
        }
        // The reference takes these so.
        for (flag, is_given) in [
            ("--normalize-attributions", arguments.normalize_attributions),
            ("--rescale-attributions", arguments.rescale_attributions),
        ] {
            if is_given {
                warn(&format!("{flag} has no effect without --attribution-aggregators"));
            }
        }
        let idle = [
            ("--attribution-selectors", !arguments.attribution_selectors.is_empty()),
            ("--aggregator-kwargs", !arguments.aggregator_kwargs.is_empty()),
        ];
        match idle.iter().find(|(_, given)| *given) {
            Some((flag, _)) => Err(Failure::Argument(format!(
                "{flag} says how aggregators work; name them with --attribution-aggregators"
            ))),
            None => Ok(Self::default()),
        }
    }

    /// The aggregation, with the weights that a command line asks for.
    pub fn weighted(self, arguments: &WeightingArguments) -> Self {
        Self { weight: arguments.weight_attributions.clone(), ..self }
    }

    /// The step score by which scores are multiplied.
    pub fn weight(&self) -> Option<&str> {
        self.weight.as_deref()
    }

    /// Whether aggregators or weights are named.
    pub fn is_chosen(&self) -> bool {
        self.pipeline.is_some() || self.weight.is_some()
    }

    /// The aggregators, if some are named.
    pub fn into_pipeline(self) -> Option<Pipeline> {
        self.pipeline
    }

    /// The aggregated result.
    pub fn apply(&self, result: &AttributionResult) -> inseq_core::Result<AttributionResult> {
        let mut aggregated = match &self.pipeline {
            Some(pipeline) => result.aggregate_with(pipeline)?,
            None => result.aggregate()?,
        };
        if let Some(weight) = &self.weight {
            aggregated.weight_attributions(weight)?;
        }
        Ok(aggregated)
    }

    /// The aggregated scores of one text.
    pub fn apply_to(&self, sequence: SequenceAttribution) -> inseq_core::Result<SequenceAttribution> {
        let mut aggregated = match &self.pipeline {
            Some(pipeline) => sequence.aggregate_with(pipeline)?,
            None => sequence.aggregate()?,
        };
        if let Some(weight) = &self.weight {
            aggregated.weight_attributions(weight)?;
        }
        Ok(aggregated)
    }

    /// What is applied, by name and with arguments, where it is not the usual.
    pub fn description(&self) -> Option<Value> {
        self.is_chosen().then(|| json!({ "aggregators": self.stages, "weight": self.weight }))
    }
}

/// The aggregators in turn, and the same as JSON.
fn pipeline(arguments: &AggregationArguments) -> Result<(Pipeline, Value), Failure> {
    let (names, selectors) = (&arguments.attribution_aggregators, &arguments.attribution_selectors);
    if selectors.len() > names.len() {
        return Err(Failure::Argument(format!(
            "--attribution-selectors: {} are given for {} aggregators; give one for each at most",
            selectors.len(),
            names.len()
        )));
    }
    if arguments.normalize_attributions && arguments.rescale_attributions {
        return Err(Failure::Argument("scores are either normalized or rescaled; choose one of the two".into()));
    }
    let scalings = [
        ("--normalize-attributions", "normalize", arguments.normalize_attributions),
        ("--rescale-attributions", "rescale", arguments.rescale_attributions),
    ];
    for (flag, key, is_given) in scalings {
        if is_given && arguments.aggregator_kwargs.get(key) == Some(&Value::Bool(false)) {
            return Err(Failure::Argument(format!(
                "{flag} and `{key}` in --aggregator-kwargs differ; leave one of them out"
            )));
        }
    }
    if !selectors.is_empty() && arguments.aggregator_kwargs.contains_key("select_idx") {
        return Err(Failure::Argument(
            "--attribution-selectors and `select_idx` in --aggregator-kwargs say the same; leave one of them out"
                .into(),
        ));
    }
    let aggregators = aggregators();
    // Scores are the only aggregators that scale, and that have an axis to select from.
    let reduces = |name: &str| aggregators.list().any(|info| info.name == name && info.takes("select_idx"));
    let stages: Vec<(&str, Map<String, Value>)> = names
        .iter()
        .enumerate()
        .map(|(index, name)| {
            let (name, function) = name.split_once(':').map_or((name.as_str(), None), |(name, f)| (name, Some(f)));
            let mut own = Map::new();
            own.extend(function.map(|function| ("aggregate_fn".to_owned(), json!(function))));
            if reduces(name) {
                for (_, key, value) in scalings {
                    if !arguments.aggregator_kwargs.contains_key(key) {
                        own.insert(key.to_owned(), value.into());
                    }
                }
                let selector = selectors.get(index).or(selectors.last());
                own.extend(selector.map(|selector| ("select_idx".to_owned(), json!(selector))));
            }
            (name, own)
        })
        .collect();
    let described = aggregators.stages(&stages, &arguments.aggregator_kwargs)?;
    let described =
        described.into_iter().map(|(name, arguments)| json!({ "name": name, "arguments": arguments })).collect();
    let pipeline = (aggregators.pipeline(&stages, &arguments.aggregator_kwargs)?, described);
    if stages.iter().any(|(name, _)| reduces(name)) {
        return Ok(pipeline);
    }
    let no_effect = |flag: &str| {
        let names = names.join(", ");
        format!(
            "{flag} has no effect on {names}; it is for `scores` and for aggregation functions such as mean and vnorm"
        )
    };
    if !selectors.is_empty() {
        return Err(Failure::Argument(no_effect("--attribution-selectors")));
    }
    // The reference accepts these.
    scalings.iter().filter(|(_, _, is_given)| *is_given).for_each(|(flag, ..)| warn(&no_effect(flag)));
    Ok(pipeline)
}
