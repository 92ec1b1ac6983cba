//! A step function of one's own: by how much does the logit of the written token lead the best other one?
//!
//! `cargo run --example own_step_function --features demo`

use inseq::core::aggregators::AggregationFunction;
use inseq::methods::step_functions::from_closure;
use inseq::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut model = AttributionModel::demo()?;
    // Axes `[row, vocabulary]` to `[row]`.
    let margin = from_closure("margin", |step| {
        let vocabulary = step.logits.dims()[1];
        let written = step.targets.clone().one_hot::<2>(vocabulary).float() * 1e9;
        let best_other = (step.logits.clone() - written).max_dim(1).squeeze_dim(1);
        Ok(step.of_targets(step.logits.clone()) - best_other)
    });
    model.register_step_function(margin, Some(AggregationFunction::Min))?;
    let request = AttributionRequest::new(["The doors are white."]).attributed_fn("margin").step_scores(["margin"]);
    let result = model.attribute(&request)?;
    let sequence = &result.sequences[0];
    for (token, score) in sequence.target[sequence.attr_pos_start..].iter().zip(&sequence.step_scores["margin"]) {
        println!("{:>12} {score:.3}", token.text);
    }
    Ok(())
}
