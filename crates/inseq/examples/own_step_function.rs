//! Step functions of one's own, from logits and from hidden states: by how much does the logit of the written token lead the best
//! other one, how new is the state of the step, and how close is it to the source?
//!
//! `cargo run --release -p inseq --features demo --example own_step_function`

use inseq::core::aggregators::AggregationFunction;
use inseq::methods::step_functions::{from_closure, merged_by};
use inseq::prelude::*;
use inseq::tensor::{Bool, Tensor};

/// Cosine of two states, `[row, feature]` each, to `[row]`.
fn cosine(a: Tensor<2>, b: Tensor<2>) -> Tensor<1> {
    let norm = |x: &Tensor<2>| x.clone().square().sum_dim(1).sqrt();
    ((a.clone() * b.clone()).sum_dim(1) / (norm(&a) * norm(&b))).squeeze_dim(1)
}

/// Mean of the states of the tokens that a mask marks, `[row, position, feature]` to `[row, feature]`. States of padding are 0.
fn mean(states: Tensor<3>, mask: Tensor<2, Bool>) -> Tensor<2> {
    states.sum_dim(1).squeeze_dim::<2>(1) / mask.float().sum_dim(1)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut model = AttributionModel::demo()?;
    // Axes `[row, vocabulary]` to `[row]`.
    let margin = from_closure("margin", |step| {
        let vocabulary = step.logits.dims()[1];
        let written = step.targets.clone().one_hot::<2>(vocabulary).float() * 1e9;
        let best_other = (step.logits.clone() - written).max_dim(1).squeeze_dim(1);
        Ok(step.of_targets(step.logits.clone()) - best_other)
    });
    // The norm of the hidden state; gradients flow through it.
    let length = from_closure("length", |step| Ok(step.hidden.clone().square().sum_dim(1).sqrt().squeeze_dim(1)));
    let to_prefix = from_closure("to_prefix", |step| {
        Ok(cosine(step.hidden.clone(), mean(step.prefix_states()?, step.prefix().mask)))
    });
    let to_source = from_closure("to_source", |step| match step.source_states()?.zip(step.source()) {
        Some((states, source)) => Ok(cosine(step.hidden.clone(), mean(states, source.mask))),
        None => Ok(step.targets.zeros_like().float()), // a model without an encoder
    });
    model.register_step_function(merged_by(margin, AggregationFunction::Min))?;
    let request = AttributionRequest::new(["The doors are white."]).attributed_fn("margin").step_scores(["margin"]);
    let result = model.attribute(&request)?;
    let sequence = &result.sequences[0];
    for (token, score) in sequence.target[sequence.attr_pos_start..].iter().zip(&sequence.step_scores["margin"]) {
        println!("{:>12} {score:.3}", token.text);
    }
    let states = [length.clone(), to_prefix, to_source];
    let result = model
        .attribute(&AttributionRequest::new(["The doors are white."]).attributed_fn(length).step_scores(states))?;
    for (name, scores) in &result.sequences[0].step_scores {
        println!("{name}: {scores:.3}");
    }
    Ok(())
}
