//! Attributes a column of a file into a folder of results. The same command goes on where it stopped, and several processes may run it
//! at the same time.
//!
//! `cargo run --release -p inseq --features datasets,demo --example dataset -- texts.csv text results`

use std::error::Error;
use std::ops::ControlFlow;
use std::path::Path;

use inseq::datasets::{Columns, Dataset, News, Results, Run, Source, describe, model_facts};
use inseq::prelude::*;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, column, folder] = &arguments[..] else { return Err("expected FILE COLUMN FOLDER".into()) };
    let dataset = Dataset::open(&Source::new(file), &Columns::new(column))?;
    let model = AttributionModel::demo()?;
    let request = AttributionRequest::default().method("saliency").step_scores(["probability"]);
    // All that decides the results. A folder of another run is refused.
    let facts = model_facts(&inseq::models::demo::repository())?;
    let folder = Path::new(folder);
    let manifest = describe(&model, facts, &request, &dataset, &Results::data_files(folder)?)?.part_rows(256);
    let results = Results::create_or_resume(folder, &manifest)?;
    let aggregate = |sequence: SequenceAttribution| sequence.aggregate();
    let summary = Run::new(&model, &request, &dataset, &results).aggregate(&aggregate).run(&mut |news| {
        if let News::Progress(progress) = news {
            eprintln!("{} of {} rows", progress.rows, progress.total);
        }
        ControlFlow::Continue(())
    })?;
    println!("{} rows in {} parts, {} with an error", summary.rows, summary.parts, summary.errors);
    Ok(())
}
