//! An aggregator of one's own: scores below a share of the largest one of their step become 0.
//!
//! `cargo run --release -p inseq --features demo --example own_aggregator`

use std::sync::Arc;

use inseq::core::aggregators::{Aggregator, AggregatorInfo};
use inseq::core::{About, Argument, Error, Result};
use inseq::ndarray::{ArrayD, Axis};
use inseq::prelude::*;
use inseq::serde_json::{Map, Value};

#[derive(Debug)]
struct Strongest {
    share: f32,
}

impl Aggregator for Strongest {
    fn name(&self) -> &str {
        "strongest"
    }

    fn aggregate(&self, attribution: &SequenceAttribution) -> Result<SequenceAttribution> {
        let mut strongest = attribution.clone();
        for step in 0..attribution.steps() {
            let sides = |attribution: &SequenceAttribution| {
                let sides = [&attribution.source_attributions, &attribution.target_attributions];
                sides
                    .into_iter()
                    .flatten()
                    .map(|scores| scores.index_axis(Axis(1), step).to_owned())
                    .collect::<Vec<_>>()
            };
            let largest = sides(attribution).iter().flatten().fold(0f32, |largest, score| largest.max(score.abs()));
            let keep = |score: &mut f32| {
                if score.abs() < largest * self.share {
                    *score = 0.0;
                }
            };
            let all: [&mut Option<ArrayD<f32>>; 2] =
                [&mut strongest.source_attributions, &mut strongest.target_attributions];
            for scores in all.into_iter().flatten() {
                scores.index_axis_mut(Axis(1), step).iter_mut().for_each(keep);
            }
        }
        Ok(strongest)
    }
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let mut model = AttributionModel::demo()?;
    model.aggregators_mut().register(AggregatorInfo {
        about: About {
            name: "strongest",
            description: "Keeps the scores that are near the largest one of their step.",
            details: "",
            arguments: &[Argument {
                name: "share",
                default: "0.5",
                doc: "The least share of the largest absolute score, 0 to 1.",
            }],
        },
        make: Arc::new(|arguments| {
            let share =
                arguments.get("share").map_or(Some(0.5), Value::as_f64).filter(|share| (0.0..=1.0).contains(share));
            let share =
                share.ok_or_else(|| Error::argument("share", "`share` must be a number between 0 and 1".into()))?;
            Ok(Box::new(Strongest { share: share as f32 }))
        }),
    })?;
    println!("{}", model.aggregators().explain("strongest")?);
    let result = model.attribute(&AttributionRequest::new(["The tired nurse said that she was late."]))?;
    let stages = [("scores", Map::new()), ("strongest", Map::new())];
    let shared = Map::from_iter([("share".to_owned(), json!(0.6))]);
    let strongest = result.aggregate_with(&model.aggregators().pipeline(&stages, &shared)?)?;
    println!("{}", inseq::viz::terminal::render(&strongest, &TerminalOptions::default())?);
    Ok(())
}
