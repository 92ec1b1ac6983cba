//! Tests of the reference's spelling of flags, by the grammar of all commands.

use std::ffi::OsString;

use super::grammar;
use crate::reference_flags::translate;

fn translated(line: &str) -> String {
    let grammar = grammar();
    let words = translate(line.split(' ').map(OsString::from), &grammar);
    words.iter().map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_reference_spelling_is_understood() {
    for (given, expected) in [
        ("inseq attribute -fn logit -bs 4 -vv", "inseq attribute --attributed-fn logit --batch-size 4 --very-verbose"),
        ("inseq attribute -bs=4 --save_path=a_b.json", "inseq attribute --batch-size=4 --save-path=a_b.json"),
        ("inseq attribute --step_scores logit entropy", "inseq attribute --step-scores logit entropy"),
        ("inseq attribute --dev cpu --t {}", "inseq attribute --dev cpu --tokenizer-kwargs {}"),
        ("inseq attribute --attribution_m saliency", "inseq attribute --attribution-method saliency"),
        // Ambiguous for the reference as well: left to clap, which says so.
        ("inseq attribute --attribution x", "inseq attribute --attribution x"),
        ("inseq attribute -i a_b -- --x_y", "inseq attribute -i a_b -- --x_y"),
        ("inseq att --hide No -v true -s -3", "inseq attribute --hide=No -v=true -s -3"),
        ("inseq attribute --hide --eos", "inseq attribute --hide --eos"),
        ("inseq show a_b.json --x_y", "inseq show a_b.json --x-y"),
    ] {
        assert_eq!(translated(given), expected);
    }
}

#[test]
fn every_command_takes_it() {
    for (given, expected) in [
        ("show a.json --viz_path b.html --min_val 0", "show a.json --viz-path b.html --min-val 0"),
        ("show a.json --attribution_agg vnorm", "show a.json --attribution-aggregators vnorm"),
        ("show a.json --hide_v yes --seq 1", "show a.json --hide-values=yes --sequences 1"),
        ("aggregate a.json --save_p b.json", "aggregate a.json --save-path b.json"),
        ("aggregate a.json -o b --normalize_a 1", "aggregate a.json -o b --normalize-attributions=1"),
        // A file stays a file.
        ("convert --split_sequences a.json b.json", "convert --split-sequences a.json b.json"),
        (
            "convert a b --split_seq F --scores_precision float16",
            "convert a b --split-sequences=F --scores-precision float16",
        ),
        ("merge a b --split_sequences t -o c", "merge a b --split-sequences=t -o c"),
        (
            "attribute-dataset -d json -in a -gen b --fil x y --dataset_s train --rev v --hide t",
            "attribute-dataset -d json --input-text-field a --generated-text-field b --files x y --dataset-split train --revision v \
             --hide=t",
        ),
        ("diff a b --scores_p float8", "diff a b --scores-precision float8"),
        ("compare -i a --step_scores logit --attribute_t n", "compare -i a --step-scores logit --attribute-target=n"),
        ("compare -i a --meth saliency", "compare -i a --methods saliency"),
    ] {
        assert_eq!(translated(&format!("inseq {given}")), format!("inseq {expected}"));
    }
}
