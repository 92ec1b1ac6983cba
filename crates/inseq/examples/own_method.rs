//! A method of one's own: how much does the score drop when one source token is put to its baseline?
//!
//! `cargo run --release -p inseq --features demo --example own_method`

use inseq::core::AttributionKind;
use inseq::methods::engine::TextSteps;
use inseq::methods::{Attributions, Cost, Method, MethodContext, Result};
use inseq::models::model::Model;
use inseq::ndarray::Array2;
use inseq::prelude::*;

#[derive(Clone, Debug)]
struct LeaveOneOut;

impl Method for LeaveOneOut {
    fn name(&self) -> &str {
        "leave_one_out"
    }

    fn attribute_text(&self, context: &mut MethodContext, entry: usize) -> Result<Attributions> {
        let (text, engine, function) = (context.text(entry), context.engine, context.function.clone());
        // The scores of all steps, by one forward.
        let scores = |text: &TextSteps| -> Result<Vec<f32>> {
            let point = engine.inputs(&[text])?;
            let trace = engine.trace(&point);
            Ok(engine.scores(&point, trace.hidden(), &[&*function])?.concat().concat())
        };
        let whole = scores(text)?;
        (context.advance)(whole.len())?;
        let mut source = Array2::<f32>::zeros((text.source.len(), whole.len()));
        for token in 0..text.source.len() {
            let mut without = text.clone();
            without.source[token] = text.source_baseline[token];
            for (step, score) in scores(&without)?.into_iter().enumerate() {
                source[[token, step]] = whole[step] - score;
            }
            (context.advance)(whole.len())?;
        }
        Ok(Attributions {
            source: context.wanted().source.then(|| source.into_dyn()),
            kind: AttributionKind::Coarse,
            ..Attributions::default()
        })
    }

    fn cost(&self, _: &Model, text: &TextSteps, _: bool) -> Cost {
        Cost::exactly(1 + text.source.len(), 0)
    }
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let mut model = AttributionModel::demo()?;
    let request = AttributionRequest::new(["The tired nurse said that she was late."]);
    // As a value, or registered and asked for by its name.
    let by_value = model.attribute(&request.clone().method(LeaveOneOut))?;
    model.register_method(LeaveOneOut)?;
    let by_name = model.attribute(&request.method("leave_one_out"))?;
    assert_eq!(by_value.sequences, by_name.sequences);
    println!("{}", inseq::viz::terminal::render(&by_name.aggregate()?, &TerminalOptions::default())?);
    Ok(())
}
