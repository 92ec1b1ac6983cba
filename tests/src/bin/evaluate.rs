//! `cargo xtask evaluate`: how often each method finds the deciding word in the demo grammar, as a table.

use std::time::Instant;

use inseq_methods::{AttributionModel, list_methods};
use inseq_tests::known_answers::{cases, figures};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let model = AttributionModel::demo()?;
    let cases = cases();
    println!("| method | first | top two | of the contrast: first | top two |");
    println!("|---|---:|---:|---:|---:|");
    for method in list_methods().iter().filter(|method| method.name != "dummy") {
        let started = Instant::now();
        let [plain, contrast] = [false, true].map(|contrast| figures(&model, &cases, method.name, contrast));
        let (plain, contrast) = (plain?, contrast?);
        println!(
            "| `{}` | {:.1} % | {:.1} % | {:.1} % | {:.1} % |",
            method.name, plain.first, plain.top_two, contrast.first, contrast.top_two
        );
        eprintln!("{}: {:.1?}", method.name, started.elapsed());
    }
    Ok(())
}
