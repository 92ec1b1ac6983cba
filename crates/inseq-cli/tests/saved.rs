//! Commands on saved results, with no model.

mod program;

use std::fs;
use std::path::Path;

use inseq_core::aggregators::{AggregationFunction, Pipeline, Scaling, Scores, Selection, Subwords};
use inseq_core::{AttributionKind, AttributionResult, LoadOptions, SequenceAttribution, Tolerance};
use program::{complaint, fixture, inseq, path_in, printed, run, with_input};

fn load(path: impl AsRef<Path>) -> AttributionResult {
    AttributionResult::load(path).unwrap()
}

#[test]
fn formats_follow_the_ends_of_names() {
    let folder = tempfile::tempdir().unwrap();
    let original = load(fixture("core/layers_heads.json"));
    let mut from = fixture("core/layers_heads.json");
    for name in ["a.safetensors", "b.json.gz", "c.json", "d.safetensors", "e.json"] {
        let to = path_in(&folder, name);
        assert_eq!(printed(&run(&["convert", &from, &to])), "");
        assert!(original.is_close(&load(&to), Tolerance::EXACT), "{name}");
        from = to;
    }
    assert_eq!(&fs::read(path_in(&folder, "b.json.gz")).unwrap()[..2], [0x1f, 0x8b]);
    assert_eq!(&fs::read(path_in(&folder, "c.json")).unwrap()[..1], *b"{");
    for (name, start) in [
        ("t.csv", &b"sequence,side,step"[..]),
        ("t.parquet", b"PAR1"),
        ("t.arrow", b"ARROW1"),
        ("t.feather", b"ARROW1"),
    ] {
        let table = path_in(&folder, name);
        assert_eq!(printed(&run(&["convert", &from, &table])), "");
        assert!(fs::read(&table).unwrap().starts_with(start), "{name}");
        let (line, code) = complaint(&run(&["show", &table]));
        assert!(line.contains("is a table of aggregated scores") && code == 1, "{line}");
    }
    // A format that there is not is named before anything is written, whatever the command.
    for unknown in ["a.xyz", "a.csv.gz", "a.jsonl", "a.xyz.gz"] {
        let to = path_in(&folder, unknown);
        for line in [
            &["convert", &from, &to][..],
            &["aggregate", &from, "-o", &to],
            &["merge", &from, "-o", &to],
            &["diff", &from, &from, "-o", &to],
        ] {
            let (said, code) = complaint(&run(line));
            assert!(said.contains(unknown) && said.contains(".safetensors, .csv") && code == 1, "{line:?}: {said}");
            assert!(!Path::new(&to).exists(), "{line:?}");
        }
    }
    for like_the_reference in ["plain", "plain.gz", "UPPER.JSON"] {
        let to = path_in(&folder, like_the_reference);
        assert_eq!(printed(&run(&["convert", &from, &to])), "");
        assert!(original.is_close(&load(&to), Tolerance::EXACT), "{like_the_reference}");
    }
    for picture in ["p.html", "p.SVG", "p.png", "p.tex"] {
        let picture = path_in(&folder, picture);
        let (line, code) = complaint(&run(&["convert", &from, &picture]));
        assert!(line.contains("draw pictures with --viz-path") && code == 1, "{line}");
        assert!(!Path::new(&picture).exists());
    }
    let rows = fs::read_to_string(path_in(&folder, "t.csv")).unwrap().lines().count() - 1;
    // 5 source tokens for each of 5 steps, and the target before each: 1 to 5 tokens.
    assert_eq!(rows, 5 * 5 + (1 + 2 + 3 + 4 + 5));

    let half = path_in(&folder, "half.json");
    printed(&run(&["convert", &from, &half, "--scores-precision", "float16"]));
    let rounded = load(&half);
    assert!(!original.is_close(&rounded, Tolerance::EXACT));
    assert!(original.is_close(&rounded, Tolerance { relative: 2f32.powi(-11), absolute: 1e-7 }));
}

#[test]
fn parts_of_a_file_are_picked() {
    let folder = tempfile::tempdir().unwrap();
    let whole = load(fixture("core/coarse_many.json"));
    let large = path_in(&folder, "large.safetensors");
    printed(&run(&["convert", &fixture("core/coarse_many.json"), &large]));
    for from in [large, fixture("core/coarse_many.json")] {
        let part = path_in(&folder, "part.json");
        printed(&run(&["convert", &from, &part, "--sequences", "1", "--steps", "1:3"]));
        let part = load(&part);
        assert_eq!(part.sequences.len(), 1);
        assert!(part.sequences[0].is_close(&whole.sequences[1].slice_steps(1..3).unwrap(), Tolerance::EXACT));
        assert_eq!(part.info.to_map()["input_texts"], serde_json::json!(["Die müde 1"]));
        let (line, code) = complaint(&run(&["show", &from, "--sequences", "2"]));
        assert!(line.contains("there is no sequence 2; it has 2, counted from 0") && code == 1, "{line}");
        let (line, _) = complaint(&run(&["show", &from, "--steps", "3:9"]));
        assert!(line.contains("steps 3..9 do not lie in the 5 attributed ones"), "{line}");
    }
    assert_eq!(run(&["show", &fixture("core/coarse.json"), "--steps", "2"]).status.code(), Some(2));
}

#[test]
fn split_files_merge_again() {
    let folder = tempfile::tempdir().unwrap();
    let whole = load(fixture("core/coarse_many.json"));
    printed(&run(&[
        "convert",
        &fixture("core/coarse_many.json"),
        &path_in(&folder, "part.json.gz"),
        "--split-sequences",
    ]));
    let parts = ["part_0.json.gz", "part_1.json.gz"].map(|name| path_in(&folder, name));
    let merged = printed(&run(&["merge", &parts[0], &parts[1], "-o", "-"]));
    let merged = AttributionResult::read(merged.as_bytes(), &LoadOptions::default()).unwrap();
    assert!(whole.is_close(&merged, Tolerance::EXACT));
    let other = path_in(&folder, "other.json");
    let mut changed = whole.clone();
    changed.info.model_name = Some("large".into());
    changed.save(&other).unwrap();
    let (line, code) = complaint(&run(&["merge", &parts[0], &other, "-o", &path_in(&folder, "no.json")]));
    assert!(line.contains("`model_name` is \"tiny\" in the first, \"large\" in number 2") && code == 1, "{line}");
    assert!(!folder.path().join("no.json").exists());
}

fn only(result: AttributionResult) -> SequenceAttribution {
    result.sequences.into_iter().next().unwrap()
}

#[test]
fn aggregators_have_the_names_and_arguments_of_the_reference() {
    let folder = tempfile::tempdir().unwrap();
    let out = path_in(&folder, "out.json");
    let scores = |function| Scores::new(function).scaling(Scaling::None);
    let cases: [(&str, &[&str], Pipeline); 8] = [
        ("granular.json", &[], Pipeline::default_for(&AttributionKind::Granular)),
        (
            "granular.json",
            &["--attribution-aggregators", "vnorm", "--aggregator-kwargs", r#"{"vnorm_ord": 1}"#],
            Pipeline::new().then(scores(AggregationFunction::VectorNorm { order: 1.0 })),
        ),
        (
            "granular.json",
            &["--attribution-aggregators", "absmax", "subwords:sum", "--normalize-attributions"],
            Pipeline::new()
                .then(scores(AggregationFunction::AbsMax).scaling(Scaling::Normalize))
                .then(Subwords::new().merging(AggregationFunction::Sum)),
        ),
        (
            "granular_decoder_only.json",
            &["--attribution-aggregators", "mean", "--attribution-selectors", "-1", "--rescale-attributions"],
            Pipeline::new()
                .then(scores(AggregationFunction::Mean).select(Selection::One(-1)).scaling(Scaling::Rescale)),
        ),
        (
            "layers_heads.json",
            &["--attribution-aggregators", "max", "scores:sum", "--attribution-selectors", "0,1", "1:3"],
            Pipeline::new()
                .then(scores(AggregationFunction::Max).select(Selection::List(vec![0, 1])))
                .then(scores(AggregationFunction::Sum).select(Selection::Span(1, 3))),
        ),
        // The last selector serves for the aggregators that have none.
        (
            "layers_heads.json",
            &["--attribution-aggregators", "max", "sum", "--attribution-selectors", "0,1"],
            Pipeline::new()
                .then(scores(AggregationFunction::Max).select(Selection::List(vec![0, 1])))
                .then(scores(AggregationFunction::Sum).select(Selection::List(vec![0, 1]))),
        ),
        (
            "coarse.json",
            &[
                "--attribution-aggregators",
                "spans",
                "--aggregator-kwargs",
                r#"{"source_spans": [0, 2], "target_spans": [[1, 3]]}"#,
            ],
            Pipeline::new().then(
                inseq_core::aggregators::Spans::new().source(std::iter::once(0..2)).target(std::iter::once(1..3)),
            ),
        ),
        (
            "coarse.json",
            &[
                "--attribution-aggregators",
                "split",
                "--aggregator-kwargs",
                r#"{"split_pattern": "▁", "split_mode": "start"}"#,
            ],
            Pipeline::new().then(
                inseq_core::aggregators::Split::new("▁").unwrap().mode(inseq_core::aggregators::SplitMode::Start),
            ),
        ),
    ];
    for (name, flags, pipeline) in cases {
        let file = fixture(&format!("core/{name}"));
        let line: Vec<&str> = ["aggregate", &file, "-o", &out].into_iter().chain(flags.iter().copied()).collect();
        assert_eq!(printed(&run(&line)), "", "{line:?}");
        let expected = only(load(&file).aggregate_with(&pipeline).unwrap());
        let found = only(load(&out));
        assert!(expected.is_close(&found, Tolerance::EXACT), "{line:?}");
    }
    for (flags, expected) in [
        (&["--attribution-aggregators", "median"][..], "unknown aggregator `median`; choose from scores"),
        (&["--attribution-aggregators", "mean", "--attribution-selectors", "4"], "index 4 is out of range"),
        (&["--attribution-aggregators", "mean", "--attribution-selectors", "x"], "\"x\" selects nothing"),
        (&["--attribution-aggregators", "mean", "--attribution-selectors", "1", "2"], "2 are given for 1 aggregators"),
        (&["--attribution-selectors", "1"], "name them with --attribution-aggregators"),
        (&["--attribution-aggregators", "split"], "needs `split_pattern`"),
        (&["--attribution-aggregators", "pair"], "use `inseq diff`"),
        (&["--attribution-aggregators", "mean", "--aggregator-kwargs", r#"{"special_chars": "Ġ"}"#], "special_chars"),
    ] {
        let file = fixture("core/granular.json");
        let line: Vec<&str> = ["aggregate", &file, "-o", &out].into_iter().chain(flags.iter().copied()).collect();
        let (line, code) = complaint(&run(&line));
        assert!(line.contains(expected) && code == 1, "{line}\ninstead of\n{expected}");
    }
}

#[test]
fn a_difference_is_the_second_less_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let (to, out) = (path_in(&folder, "to.json"), path_in(&folder, "out.json"));
    let mut changed = load(fixture("core/coarse.json"));
    let sequence = &mut changed.sequences[0];
    sequence.source[1].text = "▁alte".into();
    sequence.source_attributions = sequence.source_attributions.take().map(|scores| scores * 3.0);
    changed.save(&to).unwrap();
    let map = printed(&run(&["diff", &fixture("core/coarse.json"), &to, "-o", &out]));
    assert!(map.contains("▁müde → ▁alte"), "{map}");
    let (found, original) = (only(load(&out)), only(load(fixture("core/coarse.json"))));
    let expected = original.source_attributions.map(|scores| &scores * 3.0 - &scores);
    assert_eq!(found.source_attributions, expected);
    let json = printed(&with_input(&["diff", "-", &to, "-o", "-"], &fs::read(fixture("core/coarse.json")).unwrap()));
    assert!(AttributionResult::read(json.as_bytes(), &LoadOptions::default()).is_ok());
    let (line, code) = complaint(&run(&["diff", &to, &fixture("core/coarse_many.json")]));
    assert!(line.contains("1 and 2 texts") && code == 1, "{line}");
}

#[test]
fn what_a_file_holds_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let large = path_in(&folder, "large.safetensors");
    printed(&run(&["convert", &fixture("core/granular.json"), &large, "--scores-precision", "float16"]));
    let said = printed(&run(&["info", &fixture("core/granular.json"), &large]));
    for part in [
        "model_name",
        "tiny",
        "saliency",
        "Die müde 0",
        "5 source, 6 target, of which 1..6 are attributed",
        "source_attributions [5, 5, 4], target_attributions [6, 5, 4], entropy, probability",
        "source_attributions [5, 5, 4] F16, target_attributions [6, 5, 4] F16, entropy, probability",
    ] {
        assert!(said.contains(part), "{part} in:\n{said}");
    }
    assert!(complaint(&run(&["info", &path_in(&folder, "nothing.json")])).0.contains("nothing.json"));
    let broken = path_in(&folder, "broken.safetensors");
    fs::write(&broken, &fs::read(&large).unwrap()[..200]).unwrap();
    assert!(complaint(&run(&["info", &broken])).0.contains("broken.safetensors: header: is not safetensors"));
}

#[test]
fn every_command_has_examples() {
    for command in ["show", "aggregate", "convert", "diff", "merge", "info"] {
        let help = printed(&inseq(&[command, "--help"]).output().unwrap());
        assert!(help.contains("Example") && help.contains(&format!("inseq {command} ")), "{command}:\n{help}");
    }
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_result() {
    let folder = tempfile::tempdir().unwrap();
    let json = fs::read_to_string(fixture("core/granular.json")).unwrap();
    let expected = load(fixture("core/granular.json"));
    let [marked, wide] = ["marked.json", "wide.json"].map(|name| path_in(&folder, name));
    fs::write(&marked, format!("\u{feff}{json}")).unwrap();
    assert!(expected.is_close(&load(&marked), Tolerance::EXACT));
    printed(&run(&["info", &marked]));
    fs::write(&wide, format!("\u{feff}{json}").encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>()).unwrap();
    let (said, code) = complaint(&run(&["show", &wide]));
    assert!(said.contains("wide.json: file: is UTF-16") && said.contains("UTF-8") && code == 1, "{said}");
}

#[test]
fn a_result_without_texts_is_not_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let [empty, svg, page] = ["empty.json", "a.svg", "a.html"].map(|name| path_in(&folder, name));
    AttributionResult::default().save(&empty).unwrap();
    for more in [&[][..], &["--viz-path", &svg], &["--viz-path", &page], &["--view", "granular"]] {
        let (said, code) = complaint(&run(&[&["show", &empty], more].concat()));
        assert!(said.contains("nothing to draw: the result has no texts") && code == 1, "{said}");
    }
    assert!(!Path::new(&svg).exists() && !Path::new(&page).exists());
}
