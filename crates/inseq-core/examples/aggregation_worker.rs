//! Aggregation of a large result as a worker of `cargo xtask bench-aggregation`: one line with a function's name in, one
//! line of JSON out.
//!
//!     aggregation_worker FILE [SOURCE STEPS FEATURES]
//!
//! With sizes, it first writes the file: a safetensors result of pseudo-random scores.

use std::error::Error;
use std::io::{BufRead as _, Write as _};
use std::time::Instant;

use inseq_core::aggregators::{Aggregators, Pipeline};
use inseq_core::{AttributionKind, AttributionResult, SaveOptions, SequenceAttribution, Token};
use ndarray::ArrayD;
use serde_json::json;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((path, sizes)) = arguments.split_first() else { return Err("give a file".into()) };
    if !sizes.is_empty() {
        let sizes = sizes.iter().map(|size| size.parse()).collect::<Result<Vec<usize>, _>>()?;
        large(&sizes)?.save_with(path, &SaveOptions::default().overwrite(true))?;
    }
    let result = AttributionResult::load(path)?;
    let sequence = result.sequences.first().ok_or("the file has no sequence")?;
    let aggregators = Aggregators::new();
    let mut output = std::io::stdout().lock();
    writeln!(output, "{}", json!({"ready": true}))?;
    output.flush()?;
    for line in std::io::stdin().lock().lines() {
        let function: String = serde_json::from_str(&line?)?;
        let pipeline: Pipeline = aggregators.pipeline(&[(function, Default::default())], &Default::default())?;
        let started = Instant::now();
        let aggregated = sequence.aggregate_with(&pipeline)?;
        let seconds = started.elapsed().as_secs_f64();
        let scores: Vec<f32> = aggregated.source_attributions.iter().flatten().copied().collect();
        writeln!(output, "{}", json!({"seconds": seconds, "scores": scores}))?;
        output.flush()?;
    }
    Ok(())
}

/// A result with granular scores of the source.
fn large(sizes: &[usize]) -> Result<AttributionResult, Box<dyn Error>> {
    let &[source, steps, features] = sizes else { return Err("give three sizes: source, steps, features".into()) };
    let tokens = |count: usize| (0..count).map(|id| Token::new("▁", id as u32)).collect();
    // A congruential generator (Knuth's MMIX); its upper bits make numbers in -1..1.
    let mut state = 1_u64;
    let scores = ArrayD::from_shape_simple_fn(vec![source, steps, features], || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    });
    let sequence = SequenceAttribution {
        source: tokens(source),
        target: tokens(steps),
        source_attributions: Some(scores),
        attr_pos_end: steps,
        kind: AttributionKind::Granular,
        ..SequenceAttribution::default()
    };
    Ok(AttributionResult { sequences: vec![sequence], ..AttributionResult::default() })
}
