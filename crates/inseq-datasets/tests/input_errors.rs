//! What is wrong with a dataset is said: in a message for a file, and in the row for a row.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{Int64Array, RecordBatch, StringArray};
use arrow_schema::{Field, Schema};
use inseq_datasets::{Columns, Dataset, Result, Row, Source};
use parquet::arrow::ArrowWriter;
use tempfile::TempDir;

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, file: &str) -> String {
        self.0.path().join(file).to_string_lossy().into_owned()
    }

    fn write(&self, file: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = PathBuf::from(self.path(file));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        self.path(file)
    }

    fn parquet(&self, file: &str, batch: &RecordBatch) -> String {
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
        writer.write(batch).unwrap();
        writer.close().unwrap();
        self.write(file, bytes)
    }

    /// The message for a source, with `/` for the folder.
    fn message(&self, source: &Source) -> String {
        let columns = Columns::new("text");
        let error = Dataset::open(source, &columns)
            .and_then(|dataset| dataset.rows(0..dataset.len())?.collect::<Result<Vec<_>>>());
        error.unwrap_err().to_string().replace(self.0.path().to_str().unwrap(), "")
    }

    fn rows(&self, path: &str) -> Vec<Row> {
        let dataset = Dataset::open(&Source::new(path), &Columns::new("text")).unwrap();
        dataset.rows(0..dataset.len()).unwrap().map(|row| row.unwrap()).collect()
    }
}

fn column(name: &str, array: arrow_array::ArrayRef) -> RecordBatch {
    let schema = Schema::new(vec![Field::new(name, array.data_type().clone(), true)]);
    RecordBatch::try_new(Arc::new(schema), vec![array]).unwrap()
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/datasets").join(name)).unwrap()
}

#[test]
fn a_missing_column_names_those_that_there_are() {
    let folder = Folder::new();
    for (file, bytes, expected) in [
        ("a.csv", "id,texts\n1,one\n", "/a.csv: no column `text`; it has `id`, `texts` (did you mean `texts`?)"),
        ("a.jsonl", "{\"x\": 1}\n{\"y\": 2}\n", "/a.jsonl: no column `text`; it has `x`, `y`"),
        ("a.json", "[{\"Text\": \"a\"}]", "/a.json: no column `text`; it has `Text` (did you mean `Text`?)"),
    ] {
        assert_eq!(folder.message(&Source::new(folder.write(file, bytes))), expected);
    }
    let path = folder.parquet("a.parquet", &column("sentence", Arc::new(StringArray::from(vec!["a"]))));
    assert_eq!(folder.message(&Source::new(path)), "/a.parquet: no column `text`; it has `sentence`");
    let path = folder.write("b.txt", "one\n");
    let error = Dataset::open(&Source::new(path), &Columns::new("text").generated("target")).unwrap_err();
    assert!(error.to_string().ends_with("no column `target`; it has `text`"), "{error}");
}

#[test]
fn columns_of_other_types_are_refused_by_name_and_type() {
    let folder = Folder::new();
    let path = folder.parquet("a.parquet", &column("text", Arc::new(Int64Array::from(vec![1]))));
    assert_eq!(
        folder.message(&Source::new(path)),
        "/a.parquet: column `text` holds values of the type Int64; expected strings"
    );
    let path = folder.write("a.jsonl", "{\"text\": null}\n{\"text\": 1.5}\n");
    assert_eq!(
        folder.message(&Source::new(path)),
        "/a.jsonl: column `text` holds a floating-point number (in row 1); expected strings"
    );
}

#[test]
fn files_that_differ_are_an_error() {
    let folder = Folder::new();
    folder.parquet("p/a.parquet", &column("text", Arc::new(StringArray::from(vec!["a"]))));
    folder.parquet("p/b.parquet", &column("text", Arc::new(Int64Array::from(vec![1]))));
    folder.parquet("p/c.parquet", &column("id", Arc::new(Int64Array::from(vec![1]))));
    let message = |files: [&str; 2]| folder.message(&Source::new("parquet").dir(folder.path("p")).files(files));
    assert_eq!(
        message(["a.parquet", "b.parquet"]),
        "/p/b.parquet: column `text` holds values of the type Int64; expected strings"
    );
    assert_eq!(message(["a.parquet", "c.parquet"]), "/p/c.parquet: no column `text`; it has `id`");
    // An id may be either, and then the same in all files.
    folder.write("a.jsonl", "{\"text\": \"a\", \"id\": 1}\n");
    folder.write("b.jsonl", "{\"text\": \"a\", \"id\": null}\n");
    folder.write("c.jsonl", "{\"text\": \"a\", \"id\": \"x\"}\n");
    let files = ["a.jsonl", "b.jsonl", "c.jsonl"].map(|file| folder.path(file));
    let error =
        Dataset::open(&Source::new("json").files(files), &Columns::new("text").id("id")).unwrap_err().to_string();
    let error = error.replace(folder.0.path().to_str().unwrap(), "");
    assert_eq!(error, "column `id` differs between files: integers in /a.jsonl, and strings in /c.jsonl");
}

#[test]
fn a_truncated_file_is_said_to_be_one() {
    let folder = Folder::new();
    for (file, cut) in
        [("groups.parquet", 100), ("groups.parquet", 2869 - 7), ("file.arrow", 900), ("stream.arrow", 1000)]
    {
        let path = folder.write(file, &fixture(file)[..cut]);
        let message = folder.message(&Source::new(path));
        assert!(message.starts_with(&format!("/{file}: the file is damaged or truncated: ")), "{cut}: {message}");
    }
    // A page in the middle is damaged, which shows only when it is read.
    let mut bytes = fixture("plain.parquet");
    bytes[4..400].fill(0xff);
    let path = folder.write("plain.parquet", bytes);
    assert!(folder.message(&Source::new(path)).starts_with("/plain.parquet: the file is damaged or truncated: "));
    let gz = fixture("lines.jsonl.gz");
    let path = folder.write("a.jsonl.gz", &gz[..30]);
    assert!(folder.message(&Source::new(path)).starts_with("/a.jsonl.gz: "));
    let path = folder.write("a.json", "[{\"text\": \"a\"}, {\"text\"");
    assert_eq!(
        folder.message(&Source::new(path)),
        "/a.json: not valid JSON behind row 1: the file ends inside of it; is it truncated?"
    );
}

#[test]
fn a_broken_csv_file_is_an_error_with_its_line() {
    let folder = Folder::new();
    let message = |text: &str| folder.message(&Source::new(folder.write("a.csv", text)));
    assert_eq!(
        message("text,n\none,1\n\"two,2\nthree,3\n"),
        "/a.csv: not valid CSV: the quote in the record that starts in line 3 is never closed"
    );
    assert!(message("text,n\none,1\ntwo,2,3\n").starts_with("/a.csv: line 3 has 3 fields, and there are 2 columns"));
    assert_eq!(message(""), "/a.csv: the file is empty; a CSV file starts with the names of its columns");
    assert!(message("text,n\n").contains("there are no rows in /a.csv"));
}

#[test]
fn a_bad_row_has_a_reason_and_the_others_have_their_texts() {
    let folder = Folder::new();
    let text = |row: &Row| row.texts.clone().map(|(text, _)| text);
    let ok = |text: &str| Ok::<String, String>(text.into());
    let bad = |reason: &str| Err::<String, String>(reason.into());
    let not_utf8 = "column `text`: byte 2 of 3 is not UTF-8";

    let rows = folder.rows(&folder.write("a.txt", b"one\na\xffb\ntwo\n"));
    assert_eq!(rows.iter().map(text).collect::<Vec<_>>(), [ok("one"), bad(not_utf8), ok("two")]);
    let rows = folder.rows(&folder.write("a.csv", b"text,n\none,1\na\xffb,2\ntwo,\xff\nNA,3\n"));
    assert_eq!(rows[..3].iter().map(text).collect::<Vec<_>>(), [ok("one"), bad(not_utf8), ok("two")]);
    assert!(
        text(&rows[3]).unwrap_err().contains("`NA`, which is null in a CSV file unless `keep_default_na` is false")
    );

    // Bytes that are declared to be text, as a careless writer leaves them.
    let path = folder.write("a.parquet", declared_as_strings(&[b"one", b"a\xffb", b"two"]));
    assert_eq!(folder.rows(&path).iter().map(text).collect::<Vec<_>>(), [ok("one"), bad(not_utf8), ok("two")]);

    let lines = b"{\"text\": \"one\"}\n{\"text\": \"a\xffb\"}\n{\"text\": 5}\n{\"text\": \"x\n[1]\n{}\n{\"text\": null}\n{\"text\": \"two\"}\n";
    let rows = folder.rows(&folder.write("a.jsonl", lines));
    let reasons: Vec<_> = rows.iter().map(|row| text(row).err().unwrap_or_default()).collect();
    assert_eq!((text(&rows[0]), text(&rows[7])), (ok("one"), ok("two")));
    assert_eq!(reasons[1], "column `text`: byte 12 of 15 is not UTF-8");
    assert_eq!(reasons[2], "column `text`: an integer, not a string");
    assert!(reasons[3].starts_with("column `text`: not a JSON object: EOF"), "{reasons:?}");
    assert!(reasons[4].starts_with("column `text`: not a JSON object: invalid type: sequence"), "{reasons:?}");
    assert_eq!((reasons[5].as_str(), reasons[6].as_str()), ("column `text`: null", "column `text`: null"));
}

/// A Parquet file with a column of bytes that is declared to hold strings.
fn declared_as_strings(values: &[&[u8]]) -> Vec<u8> {
    use parquet::data_type::{ByteArray, ByteArrayType};
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;

    let schema = Arc::new(parse_message_type("message schema { OPTIONAL BYTE_ARRAY text (UTF8); }").unwrap());
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let levels = vec![1; values.len()];
    let values: Vec<ByteArray> = values.iter().map(|value| value.to_vec().into()).collect();
    column.typed::<ByteArrayType>().write_batch(&values, Some(&levels), None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    bytes
}

#[test]
fn a_dataset_that_is_not_there_is_said_to_be_missing() {
    let folder = Folder::new();
    folder.write("mixed/a.csv", "text\na\n");
    folder.write("mixed/b.jsonl", "{\"text\": \"a\"}\n");
    folder.write("mixed/c.csv", "text\na\n");
    folder.write("none/a.dat", "text\n");
    folder.write("one.txt", "text\n");
    folder.write("one.dat", "text\n");
    folder.write("one.zip", "PK\x03\x04....");
    let message = |source: Source| folder.message(&source);
    assert_eq!(
        message(Source::new(folder.path("mixed"))),
        "/mixed: the files are of several kinds (2 of CSV, 1 of JSON); choose one, such as `--dataset_name csv --dataset_files ...`"
    );
    assert!(
        message(Source::new(folder.path("none")))
            .starts_with("/none: the folder has no data files; expected .arrow, .csv")
    );
    assert!(
        message(Source::new("json").dir(folder.path("none")))
            .contains("no data files; expected .jsonl, .json, .ndjson")
    );
    assert!(
        message(Source::new("json")).contains("name them with `--dataset_files`, or their folder with `--dataset_dir`")
    );
    assert!(
        message(Source::new(folder.path("nowhere.csv")))
            .contains("it is no file, no folder, none of the builders `arrow`")
    );
    // Not asked for on the hub, whose datasets are not named like files.
    assert!(message(Source::new("nowhere.jsonl.gz")).starts_with("no dataset `nowhere.jsonl.gz`: it is no file"));
    assert_eq!(message(Source::new("text").files([folder.path("x.txt")])), "/x.txt: there is no such file");
    assert_eq!(message(Source::new("text").files([folder.path("*.md")])), "/*.md: no file matches the pattern");
    assert!(
        message(Source::new("text").files([folder.path("mixed")]))
            .starts_with("/mixed: a folder where a file is expected")
    );
    assert!(
        message(Source::new(folder.path("one.dat")))
            .starts_with("/one.dat: its ending says no format; expected .arrow")
    );
    assert_eq!(
        message(Source::new("text").files([folder.path("one.zip")])),
        "/one.zip: the file is a zip archive; unpack it"
    );
    assert!(message(Source::new(folder.path("one.txt")).files(["a.txt"])).contains("is the data already"));
    assert_eq!(message(Source::new(folder.path("one.txt")).split("test")), "no split `test`; the dataset has `train`");
    folder.write("empty.txt", "");
    assert_eq!(message(Source::new(folder.path("empty.txt"))), "split `train`: there are no rows in /empty.txt");
    folder.write("empty.parquet", "");
    assert_eq!(
        message(Source::new(folder.path("empty.parquet"))),
        "/empty.parquet: the file is empty; expected a Parquet file"
    );
    folder.write("notes.jsonl", "hello\nworld\n");
    assert!(
        message(Source::new(folder.path("notes.jsonl")))
            .starts_with("/notes.jsonl: row 0: not a JSON object: expected value")
    );
}

#[test]
fn what_is_wrong_with_a_card_is_said() {
    let folder = Folder::new();
    folder.write("d/a.csv", "text\na\n");
    let message = |configs: &str, config: Option<&str>| {
        folder.write("d/README.md", format!("---\nlicense: mit\n{configs}---\n"));
        let mut source = Source::new(folder.path("d"));
        source.config = config.map(Into::into);
        folder.message(&source)
    };
    let several = "configs:\n- config_name: german\n  data_files: a.csv\n- config_name: french\n  data_files: a.csv\n";
    for (configs, config, expected) in [
        (several, None, "/d: it has several configurations; choose one with `--dataset_config`: `german`, `french`"),
        (several, Some("germn"), "/d: no configuration `germn`; it has `german`, `french` (did you mean `german`?)"),
        ("configs: {}\n", None, "/d: `configs` of the card: it must be a list"),
        ("configs: [3]\n", None, "/d: `configs` of the card: 3 is no configuration"),
        (
            "configs:\n- data_files: a.csv\n",
            None,
            "/d: `configs` of the card: `config_name` is missing in {\"data_files\":\"a.csv\"}",
        ),
        (
            "configs:\n- config_name: a\n  data_files: ../other.csv\n",
            None,
            "/d: `configs` of the card: configuration `a`: `../other.csv` leads out of the dataset",
        ),
        (
            "configs:\n- config_name: a\n  data_dir: /etc\n",
            None,
            "/d: `configs` of the card: configuration `a`: `/etc` leads out of the dataset",
        ),
        (
            "configs:\n- config_name: a\n  data_files: [{split: held-out, path: a.csv}]\n",
            None,
            "/d: `configs` of the card: configuration `a`: `held-out` cannot be the name of a split",
        ),
        (
            "configs:\n- config_name: a\n  data_files: a.csv\n  sep: 3\n",
            None,
            "`configs` of the card: `sep` is 3; expected a string",
        ),
        (
            "configs:\n- config_name: a\n  data_files: a.csv\n  usecols: [text]\n",
            None,
            "`configs` of the card: `usecols` has no effect on CSV files here: texts are read as they are; leave it out",
        ),
    ] {
        assert_eq!(message(configs, config), expected);
    }
    assert!(message("configs: [\n", None).starts_with("/d: README.md: its YAML cannot be read: "));
    assert!(message("- a\n", None).starts_with("/d: README.md: its YAML "));
    let entry = message("configs:\n- config_name: a\n  data_files:\n  - split: train\n", None);
    assert!(entry.contains("configuration `a`: `data_files` is [{\"split\":\"train\"}]; expected a path"), "{entry}");
}

#[test]
fn arguments_without_a_meaning_are_refused() {
    let folder = Folder::new();
    let csv = folder.write("a.csv", "text\na\n");
    let message = |name: &str, value: serde_json::Value| folder.message(&Source::new(&csv).kwarg(name, value));
    let json = |text: &str| serde_json::from_str(text).unwrap();
    assert!(
        message("delimeter", json("\";\""))
            .contains("`delimeter` is not an argument for CSV files here; expected data_files, sep")
    );
    assert!(message("delimeter", json("\";\"")).ends_with("(did you mean `delimiter`?)"));
    assert!(message("delimiter", json("\"ab\"")).contains("`delimiter` is \"ab\"; expected one ASCII character"));
    assert!(message("nrows", json("-1")).contains("`nrows` is -1; expected a number of lines"));
    assert!(message("field", json("\"data\"")).contains("`field` is not an argument for CSV files"));
    assert!(message("usecols", json("[0]")).contains("has no effect on CSV files here"));
    assert!(message("encoding", json("\"utf-16\"")).contains("the encoding `utf-16` is not read"));
    assert!(message("split", json("\"train\"")).contains("`split` has a flag of its own"));
    assert!(
        message("data_files", json("5")).contains("`data_files` is 5; expected a path, a list of paths, an object")
    );
    let twice = Source::new("csv").files([&csv]).kwarg("data_files", json("\"a.csv\""));
    assert!(folder.message(&twice).contains("data files are given twice"));
    for name in ["num_proc", "keep_in_memory", "cache_dir"] {
        let source = Source::new(&csv).kwarg(name, json("1"));
        assert!(Dataset::open(&source, &Columns::new("text")).is_ok());
    }
}

#[cfg(not(feature = "cloud"))]
#[test]
fn an_address_needs_a_feature_that_is_named() {
    use inseq_datasets::{Columns, Dataset, Manifest, Results, Source};
    let columns = Columns::new("text");
    for source in [
        Source::new("s3://bucket/a.jsonl"),
        Source::new("gs://bucket/folder/"),
        Source::new("json").files(["az://container/*.jsonl"]),
        Source::new("json").dir("https://example.org/data"),
    ] {
        let error = Dataset::open(&source, &columns).unwrap_err().to_string();
        assert!(error.contains("built without the feature `cloud`") && error.contains("--features cloud"), "{error}");
    }
    let error =
        Results::create_or_resume("s3://bucket/results".as_ref(), &Manifest::default()).unwrap_err().to_string();
    assert!(error.starts_with("s3://bucket/results") && error.contains("the feature `cloud`"), "{error}");
}

#[cfg(not(feature = "sql"))]
#[test]
fn an_expression_needs_a_feature_that_is_named() {
    use inseq_datasets::{Columns, Dataset, Source};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    std::fs::write(&path, "text,lang\na,fr\n").unwrap();
    let source = Source::new(path.to_string_lossy());
    for (source, column) in [(source.clone().filter("lang = 'fr'"), "text"), (source, "upper(text)")] {
        let error = Dataset::open(&source, &Columns::new(column)).unwrap_err().to_string();
        assert!(error.contains("built without the feature `sql`") && error.contains("--features sql"), "{error}");
    }
}
