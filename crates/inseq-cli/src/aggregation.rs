//! From a method's raw scores to one score a token, as the command line asks for it.

use inseq_core::AttributionResult;
use inseq_core::aggregators::{AggregationFunction, Pipeline, Scaling, Scores, Selection, Subwords};

use crate::arguments::PictureArguments;
use crate::failure::Failure;

/// What the command line asks to be applied: aggregators in turn, or those of a result's kind.
#[derive(Debug)]
pub struct Aggregation(Option<Pipeline>);

impl Aggregation {
    /// Reads the command line, so that a wrong name is told before the work rather than after it.
    pub fn of(arguments: &PictureArguments) -> Result<Self, Failure> {
        match (arguments.attribution_aggregators.is_empty(), arguments.attribution_selectors.is_empty()) {
            (false, _) => pipeline(arguments).map(|pipeline| Self(Some(pipeline))),
            (true, true) => Ok(Self(None)),
            (true, false) => Err(Failure::Argument(
                "--attribution-selectors chooses what aggregators look at; name them with --attribution-aggregators"
                    .into(),
            )),
        }
    }

    /// Whether aggregators are named.
    pub fn is_chosen(&self) -> bool {
        self.0.is_some()
    }

    /// The aggregated result.
    pub fn apply(&self, result: &AttributionResult) -> Result<AttributionResult, Failure> {
        Ok(match &self.0 {
            Some(pipeline) => result.aggregate_with(pipeline)?,
            None => result.aggregate()?,
        })
    }
}

fn pipeline(arguments: &PictureArguments) -> Result<Pipeline, Failure> {
    let (names, selectors) = (&arguments.attribution_aggregators, &arguments.attribution_selectors);
    if !selectors.is_empty() && selectors.len() != names.len() {
        return Err(Failure::Argument(format!(
            "{} selectors are given for {} aggregators; give one for each, or none",
            selectors.len(),
            names.len()
        )));
    }
    let scaling = match (arguments.normalize_attributions, arguments.rescale_attributions) {
        (true, true) => {
            return Err(Failure::Argument("scores are either normalized or rescaled; choose one of the two".into()));
        }
        (true, false) => Scaling::Normalize,
        (false, true) => Scaling::Rescale,
        (false, false) => Scaling::None,
    };
    let mut pipeline = Pipeline::new();
    for (index, name) in names.iter().enumerate() {
        if name == "subwords" {
            pipeline = pipeline.then(Subwords::new().special_chars(["▁", "Ġ"]));
            continue;
        }
        let scores =
            if name == "scores" { Scores::by_kind() } else { Scores::new(name.parse::<AggregationFunction>()?) };
        let selection = selectors.get(index).map_or(Selection::All, |&index| Selection::One(index));
        pipeline = pipeline.then(scores.select(selection).scaling(scaling));
    }
    Ok(pipeline)
}
