//! Files that do not hold what their names or the arguments say.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, ListArray, RecordBatch, StringArray, StructArray};
use arrow_schema::{DataType, Field, Schema};
use inseq_datasets::{Columns, Dataset, Result, Source};
use parquet::arrow::ArrowWriter;
use tempfile::TempDir;

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/datasets").join(name)).unwrap()
}

fn write(folder: &TempDir, file: &str, bytes: impl AsRef<[u8]>) -> String {
    let path = folder.path().join(file);
    std::fs::write(&path, bytes).unwrap();
    path.to_string_lossy().into_owned()
}

/// The message for a source, with `/` for the folder.
fn message(folder: &TempDir, source: &Source) -> String {
    let read = Dataset::open(source, &Columns::new("text"))
        .and_then(|dataset| dataset.rows(0..dataset.len())?.collect::<Result<Vec<_>>>());
    read.unwrap_err().to_string().replace(folder.path().to_str().unwrap(), "")
}

#[test]
fn a_file_of_another_format_is_said_to_be_one() {
    let folder = tempfile::tempdir().unwrap();
    let (parquet, arrow) = (fixture("plain.parquet"), fixture("file.arrow"));
    for (file, bytes, read_as, found) in [
        ("a.csv", parquet.as_slice(), "text", "Parquet"),
        ("a.jsonl", &parquet, "text", "Parquet"),
        ("a.txt", &arrow, "text", "Arrow"),
        ("a.arrow", &parquet, "Arrow", "Parquet"),
        ("a.parquet", &arrow, "Parquet", "Arrow"),
        ("b.parquet", b"{\"text\": \"a\"}\n", "Parquet", "JSON"),
        ("c.parquet", b"text,n\none,1\n", "Parquet", "CSV"),
        ("b.arrow", b"one\ntwo\n", "Arrow", "text"),
    ] {
        let path = write(&folder, file, bytes);
        let expected =
            format!("/{file}: the file is read as {read_as}, but it holds {found}; choose its format, such as");
        let said = message(&folder, &Source::new(path));
        assert!(said.starts_with(&expected), "{said}");
        assert!(said.contains(&format!("`--dataset_name {}", found.to_lowercase())), "{said}");
    }
}

#[test]
fn a_codec_that_is_not_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(&folder, "a.parquet", fixture("brotli.parquet"));
    let said = message(&folder, &Source::new(&path));
    assert!(
        said.starts_with("/a.parquet: column `text` is compressed by Brotli, which is not read here; write"),
        "{said}"
    );
    // A column that is not read may be compressed in any way.
    let dataset = Dataset::open(&Source::new(path), &Columns::new("plain")).unwrap();
    assert_eq!(dataset.len(), 3);
}

#[test]
fn another_separator_is_seen_in_the_header() {
    let folder = tempfile::tempdir().unwrap();
    for (file, text, separator) in [
        ("a.csv", "id;text\n1;one\n", ";"),
        ("b.csv", "\"id\"|\"text\"\n\"1\"|\"one\"\n", "|"),
        ("c.csv", "id\ttext\n1\tone\n", "\\t"),
        ("d.tsv", "id,text\n1,one\n", ","),
    ] {
        let path = write(&folder, file, text);
        let said = message(&folder, &Source::new(&path));
        let way_out = format!("give `--dataset_kwargs '{{\"delimiter\": \"{separator}\"}}'`");
        assert!(said.starts_with(&format!("/{file}: no column `text`; ")) && said.ends_with(&way_out), "{said}");
        // The way out is one.
        let kwargs = format!("{{\"delimiter\": \"{separator}\"}}");
        let source = Source::new(path).kwargs(serde_json::from_str(&kwargs).unwrap());
        assert_eq!(Dataset::open(&source, &Columns::new("text")).unwrap().len(), 1);
    }
    let said = message(&folder, &Source::new(write(&folder, "e.csv", "id;texts\n1;one\n")));
    assert!(said.contains("it has `id;texts`"), "{said}");
}

#[test]
fn a_file_is_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(&folder, "a.csv", "text\none\n");
    let expected = "/a.csv: a file where a folder is expected; name files with `--dataset_files`";
    assert_eq!(message(&folder, &Source::new("csv").dir(&file)), expected);
    assert_eq!(message(&folder, &Source::new("csv").dir(&file).files(["b.csv"])), expected);
    let root = folder.path().to_str().unwrap();
    assert_eq!(message(&folder, &Source::new(root).dir("a.csv")), expected);
}

#[test]
fn nested_values_are_no_texts() {
    let folder = tempfile::tempdir().unwrap();
    let way_out = "; expected strings; nested values are not read: write their parts into columns of their own";
    for (value, found) in [("[\"a\"]", "an array"), ("{\"fr\": \"a\"}", "an object")] {
        let path = write(&folder, "a.jsonl", format!("{{\"text\": {value}}}\n"));
        let said = message(&folder, &Source::new(path));
        assert_eq!(said, format!("/a.jsonl: column `text` holds {found} (in row 0){way_out}"));
    }
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["a"]));
    let parts = StructArray::from(vec![(Arc::new(Field::new("fr", DataType::Utf8, true)), texts)]);
    let numbers = ListArray::from_iter_primitive::<arrow_array::types::Int64Type, _, _>([Some([Some(1)])]);
    let columns: [ArrayRef; 2] = [Arc::new(parts), Arc::new(numbers)];
    for array in columns {
        let schema = Schema::new(vec![Field::new("text", array.data_type().clone(), true)]);
        let batch = RecordBatch::try_new(Arc::new(schema), vec![array]).unwrap();
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let said = message(&folder, &Source::new(write(&folder, "a.parquet", bytes)));
        assert!(
            said.starts_with("/a.parquet: column `text` holds values of the type ") && said.ends_with(way_out),
            "{said}"
        );
    }
}

#[test]
fn a_revision_has_an_effect_on_the_hub_only() {
    let folder = tempfile::tempdir().unwrap();
    let source = Source::new(write(&folder, "a.csv", "text\none\n"));
    let warnings = |source: &Source| Dataset::open(source, &Columns::new("text")).unwrap().warnings();
    assert_eq!(warnings(&source), [""; 0]);
    assert_eq!(
        warnings(&source.revision("main")),
        ["`--dataset_revision main` has no effect: the data are not of the hub"]
    );
}
