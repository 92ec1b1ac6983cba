//! The demo model knows its grammar, and attributions find the word that decides.

use inseq_methods::AttributionModel;
use inseq_tests::known_answers::{cases, figures};
use serde_json::Map;

#[test]
fn held_out_sentences_are_translated() {
    let model = AttributionModel::demo().unwrap();
    let cases = cases();
    let english: Vec<&str> = cases.iter().map(|case| case.english.as_str()).collect();
    assert!(english.contains(&"The tired nurse said that she was late."));
    let french = model.generate(&english, &Map::new()).unwrap();
    let right = french.iter().zip(&cases).filter(|(got, case)| **got == case.french).count();
    println!("{right} of {} held-out sentences are translated exactly", cases.len());
    assert!(right * 100 >= cases.len() * 99, "{right} of {}", cases.len());
}

#[test]
fn the_deciding_word_is_among_the_top_two() {
    let model = AttributionModel::demo().unwrap();
    let cases = cases();
    let mut best = 0.0f64;
    // The others are for `cargo xtask evaluate`.
    for method in ["saliency", "input_x_gradient", "attention"] {
        let figures = figures(&model, &cases, method, false).unwrap();
        println!("{method}: first {:.1} %, top two {:.1} %", figures.first, figures.top_two);
        best = best.max(figures.top_two);
    }
    assert!(best >= 95.0, "the best method finds {best:.1} % only");
}
