//! `inseq attribute-dataset`: arguments of step functions that each row has of its own.
#![cfg(feature = "demo")]

mod program;

use inseq_core::{AttributionResult, Tolerance};
use inseq_datasets::Results;
use program::{complaint, path_in, printed, run};
use serde_json::{Value, json};

/// Input, output, and another output to compare with.
const ROWS: [[&str; 3]; 5] = [
    ["The nurse was late.", "L'infirmière était en retard.", "L'infirmier était en retard."],
    ["The doors are white.", "Les portes sont blanches.", "Les portes sont blancs."],
    ["The tired nurse was late.", "L'infirmière fatiguée était en retard.", "L'infirmier fatigué était en retard."],
    ["The houses are white.", "Les maisons sont blanches.", "Les maisons sont vieilles."],
    ["The doctor was tired.", "Le docteur était fatigué.", "La docteur était fatiguée."],
];

fn column(index: usize) -> Vec<&'static str> {
    ROWS.iter().map(|row| row[index]).collect()
}

/// The rows as a file; a row without an alternative lies between them, if it is asked for.
fn data(folder: &tempfile::TempDir, has_null: bool) -> String {
    let line = |row: &[&str; 3]| json!({"text": row[0], "target": row[1], "other": row[2]}).to_string() + "\n";
    let mut lines: Vec<String> = ROWS.iter().map(line).collect();
    if has_null {
        lines.insert(2, json!({"text": ROWS[0][0], "target": ROWS[0][1], "other": null}).to_string() + "\n");
    }
    let path = path_in(folder, "data.jsonl");
    std::fs::write(&path, lines.concat()).unwrap();
    path
}

/// What `inseq attribute` gives for all rows in one call.
fn expected(folder: &tempfile::TempDir) -> AttributionResult {
    let whole = path_in(folder, "whole.json");
    let kwargs = json!({ "contrast_targets": column(2) }).to_string();
    let mut line = vec!["attribute", "--hide", "-fn", "contrast_prob_diff", "--step-scores", "contrast_prob"];
    line.extend(["--attribution-kwargs", &kwargs, "--aggregate-output", "-o", &whole, "-i"]);
    line.extend(column(0));
    line.push("-g");
    line.extend(column(1));
    printed(&run(&line));
    AttributionResult::load(&whole).unwrap()
}

fn assert_same(found: &AttributionResult, expected: &AttributionResult) {
    assert_eq!(found.sequences.len(), expected.sequences.len());
    let tolerance = Tolerance { absolute: 1e-6, relative: 1e-4 };
    for (number, (found, expected)) in found.sequences.iter().zip(&expected.sequences).enumerate() {
        assert_eq!(found.target, expected.target, "row {number}");
        assert!(expected.is_close(found, tolerance), "row {number}: {found:?} {expected:?}");
    }
}

#[test]
fn each_row_has_the_alternative_of_its_column() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(&folder, true);
    let results = path_in(&folder, "results");
    let line = ["attribute-dataset", "-d", &data, "-in", "text", "-gen", "target", "-fn", "contrast_prob_diff"];
    let more = ["--step-scores", "contrast_prob", "--argument-fields", "contrast_targets=other", "--part-rows", "2"];
    let said = printed(&run(&[&line[..], &more, &["-o", &results]].concat()));
    assert!(said.ends_with("is complete: 6 rows, 1 with an error\n"), "{said}");
    let opened = Results::open(results.as_ref()).unwrap();
    assert_eq!(opened.manifest().columns.arguments["contrast_targets"], "other");
    let expected = expected(&folder);
    assert_same(&opened.load().unwrap(), &expected);
    let mut errors = Vec::new();
    opened
        .each(|row| {
            errors.extend(row.outcome.err());
            Ok(())
        })
        .unwrap();
    assert_eq!(errors, ["column `other`: null"]);

    // One file, in one call.
    let file = path_in(&folder, "one.json");
    let output = run(&[&line[..], &more[..4], &["-o", &file, "--hide", "--aggregate-output"]].concat());
    assert!(output.status.success(), "{output:?}");
    assert_same(&AttributionResult::load(&file).unwrap(), &expected);
}

#[test]
fn a_list_has_one_alternative_for_each_row() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(&folder, false);
    let results = path_in(&folder, "results");
    let line = ["attribute-dataset", "-d", &data, "-in", "text", "-gen", "target", "-fn", "contrast_prob_diff"];
    let kwargs = json!({ "contrast_targets": column(2) }).to_string();
    let more = ["--step-scores", "contrast_prob", "--attribution-kwargs", &kwargs, "--part-rows", "2"];
    printed(&run(&[&line[..], &more, &["-o", &results]].concat()));
    assert_same(&Results::open(results.as_ref()).unwrap().load().unwrap(), &expected(&folder));
}

#[test]
fn what_is_wrong_with_such_an_argument_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(&folder, false);
    let results = path_in(&folder, "results");
    let line = ["attribute-dataset", "-d", &data, "-in", "text", "-gen", "target", "-o", &results];
    let three = json!({ "contrast_targets": &column(2)[..3] }).to_string();
    let five = json!({ "contrast_targets": column(2) }).to_string();
    for (more, expected) in [
        (
            &["-fn", "contrast_prob_diff", "--attribution-kwargs", &three][..],
            "has 3 values, and the split has 5 rows; give one value for each row, or take texts from a column with `--argument-fields \
             contrast_targets=COLUMN`",
        ),
        (
            &[
                "-fn",
                "contrast_prob_diff",
                "--attribution-kwargs",
                &five,
                "--argument-fields",
                "contrast_targets=other",
            ],
            "is given twice: as an argument, and by a column",
        ),
        (&["--argument-fields", "contrast_targets=other"], "has no effect; `probability` takes"),
        (&["-fn", "contrast_prob_diff", "--argument-fields", "contrast_targets=others"], "no column `others`"),
        (&["-fn", "contrast_prob_diff"], "compares with another context"),
    ] {
        let (said, code) = complaint(&run(&[&line[..], more].concat()));
        assert!(said.contains(expected) && code == 1, "{more:?}: {said}");
    }
    let output = run(&[&line[..], &["--argument-fields", "contrast_targets"]].concat());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("expected the name of an argument and a column") && output.status.code() == Some(2),
        "{said}"
    );
    assert!(!std::path::Path::new(&results).exists(), "nothing is written");
}

#[test]
fn the_other_command_line_gives_the_manifest_no_texts() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(&folder, false);
    let results = path_in(&folder, "results");
    printed(&run(&[
        "attribute-dataset",
        "-d",
        &data,
        "-in",
        "text",
        "-gen",
        "target",
        "-fn",
        "contrast_prob_diff",
        "--argument-fields",
        "contrast_targets=other",
        "-o",
        &results,
    ]));
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(std::path::Path::new(&results).join("manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["arguments"]["attributed_fn_args"], json!({}));
    assert_eq!(manifest["columns"]["arguments"], json!({ "contrast_targets": "other" }));
}
