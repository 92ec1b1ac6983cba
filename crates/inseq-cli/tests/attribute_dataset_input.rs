//! `inseq attribute-dataset`: bad data, each with its message; and the same run from another folder.
#![cfg(feature = "demo")]

mod program;

use std::path::{Path, PathBuf};
use std::process::Command;

use inseq_datasets::Results;
use program::{complaint, fixture, inseq, path_in, printed, run};

fn write(folder: &tempfile::TempDir, name: &str, bytes: impl AsRef<[u8]>) -> String {
    let path = path_in(folder, name);
    std::fs::create_dir_all(Path::new(&path).parent().unwrap()).unwrap();
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn data_that_cannot_be_read_end_the_run_before_it_begins() {
    let folder = tempfile::tempdir().unwrap();
    let results = path_in(&folder, "results");
    let parquet = std::fs::read(fixture("datasets/groups.parquet")).unwrap();
    let truncated = write(&folder, "truncated.parquet", &parquet[..1000]);
    let quote = write(&folder, "quote.csv", "text,n\none,1\n\"two,2\n");
    write(&folder, "mixed/a.jsonl", "{\"text\": \"one\", \"id\": 1}\n");
    write(&folder, "mixed/b.jsonl", "{\"text\": \"two\", \"id\": \"x\"}\n");
    write(&folder, "columns/a.csv", "text\none\n");
    write(&folder, "columns/b.csv", "other\ntwo\n");
    write(&folder, "kinds/a.csv", "text\none\n");
    write(&folder, "kinds/b.jsonl", "{\"text\": \"two\"}\n");
    let [mixed, columns, kinds] = ["mixed", "columns", "kinds"].map(|name| path_in(&folder, name));
    let good = write(&folder, "good.csv", "text,id\none,1\n");
    for (data, more, expected) in [
        (&truncated, &[][..], "truncated.parquet: the file is damaged or truncated: "),
        (&quote, &[], "quote.csv: not valid CSV: the quote in the record that starts in line 3 is never closed"),
        (&mixed, &["--id-field", "id"], "column `id` differs between files: integers in "),
        (&columns, &[], "columns/b.csv: no column `text`; it has `other`"),
        (&kinds, &[], "the files are of several kinds (1 of CSV, 1 of JSON)"),
        (&good, &["--split", "valid"], "no split `valid`; the dataset has `train`"),
        (&good, &["--id-field", "ids"], "no column `ids`; it has `text`, `id` (did you mean `id`?)"),
        (&good, &["--config", "other"], "is the data already; leave"),
    ] {
        let line = ["attribute-dataset", "-d", data, "-in", "text", "-o", &results];
        let (said, code) = complaint(&run(&[&line[..], more].concat()));
        assert!(said.contains(expected) && code == 1, "{data} {more:?}: {said}");
    }
    assert!(!Path::new(&results).exists(), "nothing is written");
}

#[test]
fn a_row_that_is_not_utf_8_has_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let data = write(&folder, "a.jsonl", b"{\"text\": \"The nurse was late.\"}\n{\"text\": \"a\xffb\"}\n");
    let results = path_in(&folder, "results");
    let said = printed(&run(&["attribute-dataset", "-d", &data, "-in", "text", "-o", &results]));
    assert!(said.contains("complete: 2 rows, 1 with an error"), "{said}");
    let line = ["attribute-dataset", "-d", &data, "-in", "text", "-o", &path_in(&folder, "strict"), "--strict"];
    let (said, code) = complaint(&run(&line));
    assert_eq!((said.as_str(), code), ("error: row 1: column `text`: byte 12 of 15 is not UTF-8", 1));
}

#[test]
fn a_run_goes_on_from_another_folder_and_with_a_copy() {
    let folder = tempfile::tempdir().unwrap();
    let text = "{\"text\": \"the cat sat\"}\n{\"text\": \"snow\"}\n{\"text\": \"he was late\"}\n";
    write(&folder, "work/data.jsonl", text);
    std::fs::create_dir_all(path_in(&folder, "elsewhere")).unwrap();
    let [model, copy] = ["work/model", "copy"].map(|name| path_in(&folder, name));
    for target in [&model, &copy] {
        let copied = Command::new("cp").arg("-r").arg(fixture("architectures/gpt2")).arg(target).status().unwrap();
        assert!(copied.success());
    }
    let generation = ["--generation-kwargs", r#"{"max_new_tokens": 3}"#, "--part-rows", "1"];
    let attribute = |at: &str, data: &str, model: &str, results: &str, more: &[&str]| {
        let line = ["attribute-dataset", "-d", data, "-in", "text", "-m", model, "-o", results];
        inseq(&[&line[..], &generation, more].concat()).current_dir(path_in(&folder, at)).output().unwrap()
    };
    let said = printed(&attribute("work", "data.jsonl", "model", "results", &["--shard", "0/3"]));
    assert!(said.contains("results has 1 of 3 rows"), "{said}");
    let said =
        printed(&attribute("elsewhere", "../work/data.jsonl", "../work/model", "../work/results", &["--shard", "1/3"]));
    assert!(said.contains("has 2 of 3 rows"), "{said}");
    // Only what the model and the data are counts, not where they lie.
    let data = write(&folder, "other/data.jsonl", text);
    let said = printed(&attribute("elsewhere", &data, &copy, "../work/results", &[]));
    assert!(said.contains("is complete: 3 rows"), "{said}");
    let results = Results::open(path_in(&folder, "work/results").as_ref()).unwrap();
    assert_eq!(results.manifest().model.name, "model");

    // Other bytes are another run.
    let generated = PathBuf::from(&copy).join("generation_config.json");
    std::fs::write(&generated, std::fs::read_to_string(&generated).unwrap() + "\n").unwrap();
    let (said, code) = complaint(&attribute("elsewhere", &data, &copy, "../work/results", &[]));
    assert!(said.contains("results of another run: `model.hash` is ") && code == 1, "{said}");
    std::fs::write(&data, text.replace("snow", "rain")).unwrap();
    let (said, _) = complaint(&attribute("elsewhere", &data, &model, "../work/results", &[]));
    assert!(said.contains("results of another run: `files[0].hash` is "), "{said}");
    // The same bytes may be other rows.
    std::fs::write(&data, text).unwrap();
    let (said, _) = complaint(&attribute("elsewhere", &data, &model, "../work/results", &["--split", "train[:2]"]));
    assert!(said.contains("`source.split` is \"train\" there and \"train[:2]\" here"), "{said}");
}

#[test]
fn a_mistake_of_the_call_does_not_go_through_all_rows() {
    let folder = tempfile::tempdir().unwrap();
    let texts = ["The nurse was late.", "She was tired.", "The doors are white."];
    let lines: String = texts.iter().map(|text| format!("{{\"text\": \"{text}\"}}\n")).collect();
    let data = write(&folder, "a.jsonl", lines);
    let results = path_in(&folder, "results");
    for (flags, expected) in [
        (
            &["--attribution-aggregators", "scores", "--attribution-selectors", "999"][..],
            "none of the first 3 rows can be attributed, all for one reason: ",
        ),
        (&["-s", "7", "-e", "5"], "--end-pos (5) must lie after --start-pos (7); no text has such positions"),
        (&["-e", "0"], "--end-pos (0) must lie after --start-pos (the first position)"),
        (&["--viz-rows", "0", "--viz-path", "a.html"], "--viz-rows is 0; expected 1 or more"),
        (&["--view", "tokens"], "--view has no effect: the results of a folder are drawn into a file alone"),
    ] {
        let line = ["attribute-dataset", "-d", &data, "-in", "text", "-o", &results];
        let (said, code) = complaint(&run(&[&line[..], flags].concat()));
        assert!(said.contains(expected) && code == 1, "{flags:?}: {said}");
    }
    let inside = path_in(&folder, "results inside");
    let line = ["attribute-dataset", "-d", folder.path().to_str().unwrap(), "-in", "text", "-o", &inside];
    let (said, code) = complaint(&run(&line));
    assert!(said.contains("which is in the folder of the data") && code == 1, "{said}");
    let dry = ["attribute-dataset", "-d", &data, "-in", "text", "-o", &inside, "--dry-run"];
    printed(&run(&[&dry[..], &["--step-scores", "probability", "entropy"]].concat()));
}

#[test]
fn numbers_that_json_does_not_have_are_null() {
    let folder = tempfile::tempdir().unwrap();
    let data = write(
        &folder,
        "a.jsonl",
        "{\"x\": NaN, \"text\": \"The nurse was late.\"}\n{\"text\": \"a\", \"x\": Infinity}\n",
    );
    let said = printed(&run(&["attribute-dataset", "-d", &data, "-in", "text", "-o", &path_in(&folder, "results")]));
    assert!(said.contains("complete: 2 rows\n"), "{said}");
}

#[cfg(unix)]
#[test]
fn a_link_to_a_missing_data_file_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder, "data/a.jsonl", "{\"text\": \"The nurse was late.\"}\n");
    std::os::unix::fs::symlink("nowhere", folder.path().join("data/b.jsonl")).unwrap();
    let line =
        ["attribute-dataset", "-d", &path_in(&folder, "data"), "-in", "text", "-o", &path_in(&folder, "results")];
    let (said, code) = complaint(&run(&line));
    assert!(said.contains("b.jsonl: the link leads to a file that does not exist") && code == 1, "{said}");
}
