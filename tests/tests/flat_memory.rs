//! Memory does not grow with the number of texts whose attributions leave one by one.
#![cfg(target_os = "linux")]

use inseq_methods::{AttributionModel, AttributionRequest, Error};
use inseq_tests::fixture;

const SUBJECTS: [&str; 4] = ["doors", "nurses", "houses", "trees"];
const ENDS: [&str; 5] = ["white", "late", "old", "tired", "small"];

/// The largest resident memory so far, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse::<usize>().unwrap() << 10
}

/// Attributes so many texts; the bytes of all scores that came.
fn attributed(model: &AttributionModel, count: usize) -> usize {
    let texts = (0..count).map(|i| {
        let (subject, end) = (SUBJECTS[i % 4], ENDS[i / 4 % 5]);
        format!("The {subject} of the house are {end}.")
    });
    let written = (0..count).map(|_| "Les portes de la maison sont blanches.");
    let request = AttributionRequest::new(texts).generated_texts(written).attribute_target(true);
    let mut bytes = 0;
    let each = model.attribute_each(&request, |_, sequence| {
        let sides = [&sequence.source_attributions, &sequence.target_attributions];
        bytes += sides.into_iter().flatten().map(|scores| 4 * scores.len()).sum::<usize>();
        Ok::<(), Error>(())
    });
    each.unwrap();
    bytes
}

#[test]
fn two_thousand_texts_take_no_more_memory_than_five_hundred() {
    const ALLOWED: usize = 16 << 20;
    let model = AttributionModel::load(fixture("marian/seed2").to_str().unwrap()).unwrap();
    attributed(&model, 512);
    let first = peak();
    let bytes = attributed(&model, 2000);
    let more = peak() - first;
    assert!(bytes > 4 * ALLOWED, "the scores of all texts take {bytes} bytes, too few to see whether they are kept");
    assert!(more < ALLOWED, "{more} bytes more for 2000 texts than for 512, whose scores take {bytes}");
}
