//! Rows of files, folders and splits, beside what the `datasets` library reads.

use std::path::{Path, PathBuf};

use inseq_datasets::{Columns, Dataset, Result, Source};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tempfile::TempDir;

/// The texts of rows; the reasons where they have none.
type Texts = Vec<std::result::Result<String, String>>;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/datasets")
}

fn golden<T: DeserializeOwned>(name: &str) -> Vec<T> {
    serde_json::from_slice(&std::fs::read(fixtures().join(name)).unwrap()).unwrap()
}

fn write(folder: &TempDir, file: &str, bytes: impl AsRef<[u8]>) -> String {
    let path = folder.path().join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, bytes).unwrap();
    path.to_string_lossy().into_owned()
}

fn texts(source: &Source, column: &str) -> Result<Texts> {
    let dataset = Dataset::open(source, &Columns::new(column))?;
    let rows = dataset.rows(0..dataset.len())?;
    let texts: Texts = rows.map(|row| Ok(row?.texts.map(|(input, _)| input))).collect::<Result<_>>()?;
    assert_eq!(texts.len() as u64, dataset.len());
    Ok(texts)
}

#[derive(Deserialize)]
struct SplitCase {
    train: usize,
    test: usize,
    split: String,
    parts: Option<Vec<(String, usize, usize)>>,
}

#[test]
fn splits_are_those_of_the_datasets_library() {
    let folder = tempfile::tempdir().unwrap();
    let cases: Vec<SplitCase> = golden("splits.json");
    assert!(cases.len() > 1000);
    for SplitCase { train, test, split, parts } in cases {
        let lines = |name: &str, count| (0..count).map(|i| format!("{name}{i}\n")).collect::<String>();
        for (name, count) in [("train", train), ("test", test)] {
            let file = format!("{train}-{test}/{name}.txt");
            if !folder.path().join(&file).exists() {
                write(&folder, &file, lines(name, count));
            }
        }
        let source = Source::new(folder.path().join(format!("{train}-{test}")).to_string_lossy()).split(&split);
        let found = texts(&source, "text");
        match parts {
            None => assert!(found.is_err(), "`{split}` of {train} and {test} is refused by the library"),
            Some(parts) => {
                let expected: Vec<String> =
                    parts.iter().flat_map(|(name, from, to)| (*from..*to).map(move |i| format!("{name}{i}"))).collect();
                let found: Vec<String> = found.unwrap().into_iter().map(|text| text.unwrap()).collect();
                assert_eq!(found, expected, "`{split}` of {train} and {test}");
            }
        }
    }
}

#[derive(Deserialize)]
struct LayoutCase {
    name: String,
    path: String,
    call: Map<String, Value>,
    files: Vec<String>,
    splits: indexmap::IndexMap<String, Option<Vec<String>>>,
}

#[test]
fn layouts_are_those_of_the_datasets_library() {
    for LayoutCase { name, path, mut call, files, splits } in golden("layouts.json") {
        let folder = tempfile::tempdir().unwrap();
        for file in &files {
            write(&folder, file, format!("{file}\n"));
        }
        let base = folder.path().to_string_lossy().into_owned();
        for (split, expected) in splits {
            let is_folder = path == ".";
            let mut source = Source::new(if is_folder { &base } else { &path }).split(&split);
            // The library looks relative to the working directory, or to the folder.
            source.dir = match call.remove("data_dir") {
                Some(dir) => {
                    let dir = dir.as_str().unwrap().to_owned();
                    call.insert("data_dir".into(), dir.clone().into());
                    Some(if is_folder { dir } else { format!("{base}/{dir}") })
                }
                None if is_folder => None,
                None => Some(base.clone()),
            };
            source.kwargs = call.clone();
            source.kwargs.remove("data_dir");
            let found =
                texts(&source, "text").map(|texts| texts.into_iter().map(|text| text.unwrap()).collect::<Vec<_>>());
            match expected {
                None => assert!(found.is_err(), "{name}, {split}: {found:?}"),
                Some(expected) => assert_eq!(found.unwrap(), expected, "{name}, {split}"),
            }
        }
    }
}

#[derive(Deserialize)]
struct CardCase {
    name: String,
    files: indexmap::IndexMap<String, String>,
    calls: Vec<CardCall>,
}

#[derive(Deserialize)]
struct CardCall {
    call: Map<String, Value>,
    splits: indexmap::IndexMap<String, Option<Vec<String>>>,
}

#[test]
fn configurations_of_cards_are_those_of_the_datasets_library() {
    let cases: Vec<CardCase> = golden("cards.json");
    assert!(cases.len() > 20);
    for CardCase { name, files, calls } in cases {
        let folder = tempfile::tempdir().unwrap();
        for (file, content) in &files {
            write(&folder, file, content);
        }
        for CardCall { mut call, splits } in calls {
            let mut source = Source::new(folder.path().to_string_lossy());
            let mut named = |argument: &str| call.remove(argument).map(|value| value.as_str().unwrap().to_owned());
            (source.config, source.dir) = (named("name"), named("data_dir"));
            source.kwargs = call;
            for (split, expected) in splits {
                let source = source.clone().split(&split);
                let found =
                    texts(&source, "text").map(|texts| texts.into_iter().map(|text| text.unwrap()).collect::<Vec<_>>());
                match expected {
                    None => assert!(found.is_err(), "{name}, {source:?}: {found:?}"),
                    Some(expected) => assert_eq!(found.unwrap(), expected, "{name}, {source:?}"),
                }
            }
        }
    }
}

#[derive(Deserialize)]
struct FormatCase {
    file: String,
    content: Option<String>,
    builder: Option<String>,
    arguments: Map<String, Value>,
    column: String,
    rows: Option<Vec<Value>>,
}

#[test]
fn formats_are_read_as_the_datasets_library_reads_them() {
    for case in golden::<FormatCase>("formats.json") {
        let FormatCase { file, content, builder, arguments, column, rows } = case;
        let folder = tempfile::tempdir().unwrap();
        let path = match &content {
            Some(content) => write(&folder, &file, content.chars().map(|c| c as u8).collect::<Vec<_>>()),
            None => fixtures().join(&file).to_string_lossy().into_owned(),
        };
        let mut source = match &builder {
            Some(builder) => Source::new(builder).files([path]),
            None => Source::new(path),
        };
        source.kwargs = arguments;
        let found = texts(&source, &column);
        let what = format!("{file} {content:?} {:?} {column}: {found:?}", source.kwargs);
        let Some(rows) = rows else {
            assert!(found.is_err(), "{what}");
            continue;
        };
        // Columns of numbers are texts in a CSV file, and refused in files with types.
        let is_csv = file.contains("csv");
        if rows.iter().any(Value::is_object) && !is_csv {
            assert!(found.is_err(), "{what}");
            continue;
        }
        let found = found.unwrap_or_else(|e| panic!("{what}: {e}"));
        assert_eq!(found.len(), rows.len(), "{what}");
        for (found, row) in found.iter().zip(&rows) {
            match row {
                Value::String(text) => assert_eq!(found.as_ref(), Ok(text), "{what}"),
                Value::Null => assert!(found.is_err(), "{what}"),
                _ => assert!(found.is_ok(), "{what}"),
            }
        }
    }
}

#[test]
fn every_range_of_rows_is_a_part_of_all_rows() {
    let folder = tempfile::tempdir().unwrap();
    let csv: String = (0..9).map(|i| format!("{i},\"text {i}\n\"\n")).collect();
    let lines: String = (0..9).map(|i| format!("{{\"id\": {i}, \"text\": \"text {i}\"}}\n")).collect();
    let mut sources: Vec<Source> = ["groups.parquet", "plain.parquet", "file.arrow", "stream.arrow"]
        .map(|file| fixtures().join(file).to_string_lossy().into_owned())
        .map(|file| Source::new(if file.ends_with("parquet") { "parquet" } else { "arrow" }).files([&file, &file]))
        .into();
    sources.push(Source::new(write(&folder, "a.csv", format!("id,text\n{csv}"))));
    sources.push(Source::new(write(&folder, "a.jsonl", &lines)));
    sources.push(Source::new(write(&folder, "a.json", format!("[{}]", lines.trim().replace('\n', ",")))));
    // Lines that end otherwise, lines of nothing, a byte order mark, lines before the table, and compressed files.
    sources.push(
        Source::new(write(
            &folder,
            "b.csv",
            format!("\u{feff}x\r\ny\r\nid,text\r\n{}\r\n", csv.replace('\n', "\r\n\r\n")),
        ))
        .kwarg("skiprows", 2),
    );
    sources.push(Source::new(write(&folder, "c.csv", &csv)).kwarg("column_names", vec!["id", "text"]));
    sources.push(Source::new(write(&folder, "b.jsonl", format!("\u{feff}\r\n{}", lines.replace('\n', "\r\n\r\n")))));
    sources.push(
        Source::new(write(
            &folder,
            "b.json",
            format!("{{\"a\": [1], \"d\": [{}], \"z\": 0}}", lines.trim().replace('\n', " ,\n")),
        ))
        .kwarg("field", "d"),
    );
    sources.push(Source::new(write(&folder, "c.json", lines.replace('{', "{\n"))));
    sources.push(Source::new(write(&folder, "c.jsonl.zst", zstd::encode_all(lines.as_bytes(), 1).unwrap())));
    for source in sources {
        let dataset = Dataset::open(&source, &Columns::new("text").id("id")).unwrap();
        let read = |range| dataset.rows(range).unwrap().map(|row| row.unwrap()).collect::<Vec<_>>();
        let all = read(0..dataset.len());
        assert!(all.len() >= 9 && all.iter().all(|row| row.id.is_some()));
        assert!(all.iter().enumerate().all(|(i, row)| row.number == i as u64));
        let row = |i: usize| (Some(i.to_string()), Ok((format!("text {i}"), None)));
        if source.name.contains('/') {
            assert_eq!(all.len(), 9, "{source:?}");
            assert!(
                all.iter().enumerate().all(|(i, found)| (
                    found.id.clone(),
                    found.texts.clone().map(|(text, g)| (text.trim().to_owned(), g))
                ) == row(i)),
                "{source:?}: {all:?}"
            );
        }
        for start in 0..all.len() {
            for end in start..=all.len() {
                assert_eq!(read(start as u64..end as u64), all[start..end], "{source:?} {start}..{end}");
            }
        }
        assert!(dataset.rows(0..dataset.len() + 1).unwrap_err().to_string().contains("and the split has"));
    }
}

#[test]
fn ids_are_strings_or_integers() {
    let folder = tempfile::tempdir().unwrap();
    let ids = |path: String, id: &str| -> Vec<Option<String>> {
        let dataset = Dataset::open(&Source::new(path), &Columns::new("text").id(id)).unwrap();
        dataset.rows(0..dataset.len()).unwrap().map(|row| row.unwrap().id).collect()
    };
    let parquet = fixtures().join("large.parquet").to_string_lossy().into_owned();
    assert_eq!(ids(parquet.clone(), "id")[..2], [Some("100".into()), Some("101".into())]);
    assert_eq!(ids(parquet, "name")[..2], [Some("a".into()), Some("b".into())]);
    let lines = "{\"id\": -1, \"text\": \"a\"}\n{\"id\": \"x\", \"text\": \"a\"}\n{\"text\": \"a\"}\n{\"id\": 18446744073709551615, \"text\": \"a\"}\n";
    assert_eq!(
        ids(write(&folder, "a.jsonl", lines), "id"),
        [Some("-1".into()), Some("x".into()), None, Some(u64::MAX.to_string())]
    );
    assert_eq!(ids(write(&folder, "a.csv", "id,text\n007,a\n"), "id"), [Some("007".into())]);
}

#[test]
fn generated_texts_come_from_their_column() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(&folder, "a.csv", "de,en\neins,one\nzwei,\n,three\n");
    let dataset = Dataset::open(&Source::new(path), &Columns::new("de").generated("en")).unwrap();
    let rows: Vec<_> = dataset.rows(0..3).unwrap().map(|row| row.unwrap().texts).collect();
    assert_eq!(rows[0], Ok(("eins".into(), Some("one".into()))));
    assert_eq!(rows[1], Err("column `en`: null".into()));
    assert_eq!(rows[2], Err("column `de`: null".into()));
}

#[test]
fn files_have_their_size_and_hash() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(&folder, "a.txt", "one\n");
    let dataset = Dataset::open(&Source::new(&path), &Columns::new("text")).unwrap();
    let hash = blake3::hash(b"one\n").to_hex().to_string();
    let files = dataset.files(&[]).unwrap();
    let file = &files[0];
    assert_eq!((file.path.as_str(), file.bytes, file.hash.as_str()), (path.as_str(), 4, hash.as_str()));
    let saved = serde_json::to_string(&files).unwrap();
    assert_eq!(serde_json::from_str::<Vec<inseq_datasets::DataFile>>(&saved).unwrap(), files);

    // A file that has not changed is not read again, so the hash is the one that is known.
    let mut known = [file.clone()];
    known[0].hash = "known".into();
    assert_eq!(dataset.files(&known).unwrap(), known);
    // One with another time of change, or another size, is.
    let earlier = std::fs::metadata(&path).unwrap().modified().unwrap() - std::time::Duration::from_secs(1);
    std::fs::File::options().append(true).open(&path).unwrap().set_modified(earlier).unwrap();
    assert_eq!(dataset.files(&known).unwrap()[0].hash, hash);
    let mut larger = dataset.files(&[]).unwrap();
    larger[0].bytes = 5;
    assert_eq!(dataset.files(&larger).unwrap()[0].bytes, 4);
}

#[test]
fn long_files_are_read_from_the_middle() {
    let folder = tempfile::tempdir().unwrap();
    let rows = 5000;
    let files = [
        write(&folder, "a.txt", (0..rows).map(|i| format!("{i}{}", ["\n", "\r\n", "\r"][i % 3])).collect::<String>()),
        write(&folder, "a.csv", format!("text\n{}", (0..rows).map(|i| format!("\"{i}\"\n")).collect::<String>())),
        write(&folder, "a.jsonl", (0..rows).map(|i| format!("{{\"text\": \"{i}\"}}\n")).collect::<String>()),
        write(
            &folder,
            "a.json",
            format!("[{}]", (0..rows).map(|i| format!("{{\"text\": \"{i}\"}}")).collect::<Vec<_>>().join(",")),
        ),
    ];
    for file in files {
        let dataset = Dataset::open(&Source::new(&file), &Columns::new("text")).unwrap();
        assert_eq!(dataset.len(), rows as u64);
        for start in (0..rows - 3).step_by(17) {
            let found: Vec<_> = dataset
                .rows(start as u64..start as u64 + 3)
                .unwrap()
                .map(|row| row.unwrap().texts.unwrap().0)
                .collect();
            assert_eq!(found, [start, start + 1, start + 2].map(|i| i.to_string()), "{file}");
        }
    }
}
