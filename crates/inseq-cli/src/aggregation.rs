//! From a method's raw scores to one score a token, as the command line asks for it.

use inseq_core::AttributionResult;
use inseq_core::aggregators::{AggregationFunction, Pipeline, Scaling, Scores, Selection};

use crate::arguments::PictureArguments;
use crate::failure::Failure;

/// The result with the aggregators of the command line applied, or those of its kind where there are none.
pub fn aggregate(result: &AttributionResult, arguments: &PictureArguments) -> Result<AttributionResult, Failure> {
    if arguments.attribution_aggregators.is_empty() {
        if !arguments.attribution_selectors.is_empty() {
            return Err(Failure::Argument(
                "--attribution-selectors chooses what aggregators look at; name them with --attribution-aggregators"
                    .into(),
            ));
        }
        return Ok(result.aggregate()?);
    }
    Ok(result.aggregate_with(&pipeline(arguments)?)?)
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
        let scores =
            if name == "scores" { Scores::by_kind() } else { Scores::new(name.parse::<AggregationFunction>()?) };
        let selection = selectors.get(index).map_or(Selection::All, |&index| Selection::One(index));
        pipeline = pipeline.then(scores.select(selection).scaling(scaling));
    }
    Ok(pipeline)
}
