//! Data and results in stores: read as from a folder, and what is said where that fails.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, Int64Array, RecordBatch, StringArray};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use object_store::PutMode;
use object_store::memory::InMemory;
use parquet::arrow::ArrowWriter;
use serde::{Deserialize, Serialize};

use super::object::BLOCK;
use super::{Bucket, Object, s3_server};
use crate::{Columns, Dataset, Manifest, Results, Source};

/// What a process of its own is asked to do: settings of stores are variables of a process.
#[derive(Debug, Serialize, Deserialize)]
enum Task {
    Read(Source),
    Create(String),
}

/// The texts of rows, or the error.
type Answer = Result<Vec<String>, String>;

const TASKS: &str = "INSEQ_TEST_TASKS";

fn texts(source: &Source) -> Answer {
    let read = || -> crate::Result<Vec<String>> {
        let dataset = Dataset::open(source, &Columns::new("text"))?;
        // Two parts, as a run reads them.
        let middle = dataset.len() / 2;
        let rows = dataset.rows(0..middle)?.chain(dataset.rows(middle..dataset.len())?);
        let files =
            dataset.files(&[])?.into_iter().map(|file| format!("{} of {} bytes", file.hash.is_empty(), file.bytes));
        let texts = rows.map(|row| Ok(format!("{:?}", row?.texts))).collect::<crate::Result<Vec<_>>>()?;
        Ok(texts.into_iter().chain(files).collect())
    };
    read().map_err(|error| error.to_string())
}

/// The process that other tests start: runs the tasks that its environment lists. Alone, it tests nothing.
#[test]
#[ignore = "a child process of other tests"]
fn worker() {
    let tasks: Vec<Task> = serde_json::from_str(&std::env::var(TASKS).unwrap()).unwrap();
    let answers = tasks.iter().map(|task| match task {
        Task::Read(source) => texts(source),
        Task::Create(address) => {
            let manifest = Manifest { rows: 3, part_rows: 2, ..Manifest::default() };
            let created = Results::create_or_resume(address.as_ref(), &manifest);
            created.map(|results| vec![results.place().display().to_string()]).map_err(|error| error.to_string())
        }
    });
    let answers: Vec<Answer> = answers.collect();
    println!("\nANSWERS {}", serde_json::to_string(&answers).unwrap());
}

/// The answers of a process with some variables.
fn ask(tasks: &[Task], variables: &[(&str, &str)]) -> Vec<Answer> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "remote::tests::worker", "--ignored", "--nocapture"]);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
        command.env_remove(name);
    }
    let output = command.env(TASKS, serde_json::to_string(tasks).unwrap()).envs(variables.iter().copied()).output();
    let output = String::from_utf8(output.unwrap().stdout).unwrap();
    let answers = output.lines().find_map(|line| line.strip_prefix("ANSWERS ")).unwrap_or_else(|| panic!("{output}"));
    serde_json::from_str(answers).unwrap()
}

/// The variables for a server of this machine.
fn with_keys(endpoint: &str) -> Vec<(&str, &str)> {
    vec![
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ]
}

fn parquet(columns: &[(&str, ArrayRef)]) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns.iter().cloned()).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

/// Data files of every format, by their names in a folder.
fn files() -> Vec<(&'static str, Vec<u8>)> {
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..50));
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values((0..50).map(|row| format!("text {row} é"))));
    let columns = [("number", numbers), ("text", texts)];
    let batch = RecordBatch::try_from_iter(columns.iter().cloned()).unwrap();
    let mut arrow = arrow_ipc::writer::FileWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    arrow.write(&batch).unwrap();
    let arrow = arrow.into_inner().unwrap();
    let lines: String = (0..50).map(|row| format!("{{\"text\": \"text {row}\"}}\n")).collect();
    let mut zipped = GzEncoder::new(Vec::new(), Compression::default());
    zipped.write_all(lines.as_bytes()).unwrap();
    vec![
        ("a.parquet", parquet(&columns)),
        ("b.arrow", arrow),
        ("c.jsonl", lines.clone().into()),
        ("d.jsonl.gz", zipped.finish().unwrap()),
        ("e.csv", b"id,text\n1,one\n2,\"two\nlines\"\n3,\n".to_vec()),
        ("f.txt", b"\xef\xbb\xbffirst\nsecond\r\nthird".to_vec()),
        ("splits/train.jsonl", lines.clone().into()),
        ("splits/test-1.jsonl", b"{\"text\": \"tested\"}\n".to_vec()),
        ("splits/test-2.jsonl", b"{\"text\": \"again\"}\n".to_vec()),
    ]
}

#[test]
fn every_format_is_read_from_a_store_as_from_a_folder() {
    let Some(place) = s3_server::folder() else { return };
    let (port, inside) = place.split_once('/').unwrap();
    let (bucket, _) = s3_server::open(&place);
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("splits")).unwrap();
    for (name, bytes) in files() {
        std::fs::write(folder.path().join(name), &bytes).unwrap();
        bucket.put(&format!("{inside}/{name}"), bytes.into(), PutMode::Overwrite).unwrap();
    }
    let sources = |root: &str| -> Vec<Source> {
        let names = ["a.parquet", "b.arrow", "c.jsonl", "d.jsonl.gz", "e.csv", "f.txt"];
        let mut sources: Vec<Source> = names.iter().map(|name| Source::new(format!("{root}/{name}"))).collect();
        sources.push(Source::new("json").files([format!("{root}/c.jsonl"), format!("{root}/splits/train.jsonl")]));
        sources.push(Source::new("json").dir(root).files(["splits/train.jsonl"]));
        sources
    };
    let listed = |root: &str| {
        vec![
            Source::new(format!("{root}/*.jsonl*")),
            Source::new(format!("{root}/splits/test-?.jsonl")),
            Source::new(format!("{root}/splits/")).split("test+train[:3]"),
            Source::new(root).dir("splits").split("test"),
            Source::new("json").dir(format!("{root}/splits")).split("train[-2:]"),
        ]
    };
    let local = folder.path().display().to_string();
    let s3 = format!("s3://test/{inside}");
    let endpoint = format!("http://127.0.0.1:{port}");
    let web = format!("{endpoint}/test/{inside}");
    let all = |root: &str| [sources(root), listed(root)].concat();
    let expected: Vec<Answer> = all(&local).iter().map(texts).collect();
    assert!(expected.iter().all(Result::is_ok), "{expected:?}");
    let signed = Source::new(format!("{web}/f.txt?signature=x%2Fy"));
    assert_eq!(signed.without_queries().name, format!("{web}/f.txt"));
    let tasks: Vec<Task> = all(&s3).into_iter().chain(sources(&web)).map(Task::Read).collect();
    let found = ask(&tasks, &with_keys(&endpoint));
    assert_eq!(ask(&[Task::Read(signed)], &[]), [texts(&Source::new(format!("{local}/f.txt")))]);
    let again = sources(&local);
    for ((found, task), expected) in found.iter().zip(&tasks).zip(expected.iter().chain(&expected[..again.len()])) {
        assert_eq!(found, expected, "{task:?}");
    }
    assert_eq!(found.len(), tasks.len());
}

#[test]
fn only_the_columns_of_a_parquet_file_are_fetched() {
    let bucket = Bucket::of_test(Arc::new(InMemory::new()));
    let rows = 64;
    // Bytes that no compression makes smaller.
    let noise = |row: u64| {
        let mut bytes = vec![0; 1 << 20];
        blake3::Hasher::new().update(&row.to_le_bytes()).finalize_xof().fill(&mut bytes);
        bytes
    };
    let noise: Vec<Vec<u8>> = (0..rows).map(noise).collect();
    let noise: ArrayRef = Arc::new(BinaryArray::from_iter_values(noise));
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values((0..rows).map(|row| format!("text {row}"))));
    let bytes = parquet(&[("noise", noise), ("text", texts)]);
    let size = bytes.len() as u64;
    bucket.put("a.parquet", bytes.into(), PutMode::Overwrite).unwrap();
    let meta = bucket.head("a.parquet").unwrap().unwrap();
    let object = Object::new(&bucket, "a.parquet".into(), &meta);
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(object).unwrap();
    let mask = parquet::arrow::ProjectionMask::roots(reader.parquet_schema(), [1]);
    let batches = reader.with_projection(mask).build().unwrap().map(Result::unwrap);
    assert_eq!(batches.map(|batch| batch.num_rows()).sum::<usize>() as u64, rows);
    let fetched = bucket.blocks.count() * BLOCK;
    assert!(fetched <= 2 * BLOCK && size > 10 * BLOCK, "{fetched} of {size} bytes");
}

#[test]
fn a_large_file_is_written_in_parts() {
    let mut buckets = vec![(Bucket::of_test(Arc::new(InMemory::new())), "large".to_owned())];
    buckets.extend(s3_server::folder().map(|place| s3_server::open(&place)));
    for (bucket, name) in buckets {
        let mut bytes = vec![0; 20 << 20];
        blake3::Hasher::new().update(b"large").finalize_xof().fill(&mut bytes);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        std::io::Seek::rewind(&mut file).unwrap();
        bucket.upload(&name, &mut file).unwrap();
        let object = Object::new(&bucket, name.clone(), &bucket.head(&name).unwrap().unwrap());
        let mut found = Vec::new();
        object.reader().read_to_end(&mut found).unwrap();
        assert!(found == bytes, "{} bytes came back of {}", found.len(), bytes.len());
    }
}

#[test]
fn an_object_that_changes_while_it_is_read_is_an_error() {
    let bucket = Bucket::of_test(Arc::new(InMemory::new()));
    let put = |content: &'static [u8]| {
        bucket.put("a.txt", Bytes::from_static(content), PutMode::Overwrite).unwrap();
    };
    put(b"one");
    let object = Object::new(&bucket, "a.txt".into(), &bucket.head("a.txt").unwrap().unwrap());
    put(b"two");
    let error = object.reader().read_to_end(&mut Vec::new()).unwrap_err().to_string();
    assert!(error.contains("has changed since it was opened"), "{error}");
}

/// A server with a fixed answer, a status and a body, for each method and path. It runs until the process ends.
fn server(answer: fn(&str, &str) -> (&'static str, String)) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            let mut buffer = [0; 4096];
            while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                match stream.read(&mut buffer) {
                    Ok(0) | Err(_) => break,
                    Ok(count) => request.extend_from_slice(&buffer[..count]),
                }
            }
            let request = String::from_utf8_lossy(&request).into_owned();
            let mut words = request.split_whitespace();
            let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let (status, body) = answer(method, path);
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\nETag: \"x\"\r\nLast-Modified: Mon, 30 Nov 2026 10:00:00 GMT\r\n\
                 Connection: close\r\n\r\n",
                body.len()
            );
            let body = if method == "HEAD" { String::new() } else { body };
            // The client may be gone.
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
        }
    });
    address
}

const EMPTY_LIST: &str = "<ListBucketResult><Name>test</Name><IsTruncated>false</IsTruncated></ListBucketResult>";

#[test]
fn what_is_wrong_with_a_store_is_said_with_the_way_out() {
    let file = || Task::Read(Source::new("s3://test/a.jsonl"));
    let folder = || Task::Create("s3://test/results".into());
    let check = |tasks: &[Task], variables: &[(&str, &str)], expected: &[&str]| {
        for (answer, task) in ask(tasks, variables).into_iter().zip(tasks) {
            let error = answer.unwrap_err();
            for part in expected {
                assert!(error.contains(part), "{part} in {error} ({task:?})");
            }
        }
    };
    // Nobody listens at this port, neither for data nor for the credentials of a machine.
    let closed = "http://127.0.0.1:1";
    check(&[file(), folder()], &with_keys(closed), &["s3://test", "there is no answer", "check AWS_ENDPOINT_URL"]);
    check(
        &[file(), folder()],
        &[("AWS_METADATA_ENDPOINT", closed)],
        &["s3://test", "there are no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"],
    );
    check(
        &[file(), folder()],
        &[("AWS_ENDPOINT_URL", closed), ("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret")],
        &["allow it with AWS_ALLOW_HTTP=true"],
    );
    let read_only = server(|method, path| match method {
        "PUT" | "POST" => ("403 Forbidden", "<Error><Code>AccessDenied</Code></Error>".into()),
        "GET" if path.contains("list-type") => ("200 OK", EMPTY_LIST.into()),
        _ => ("404 Not Found", "<Error><Code>NoSuchKey</Code></Error>".into()),
    });
    check(&[folder()], &with_keys(&read_only), &["s3://test/results", "access is denied (AccessDenied)"]);
    check(&[file()], &with_keys(&read_only), &["s3://test/a.jsonl: there is no such file"]);
    let wrong_key = server(|_, _| ("403 Forbidden", "<Error><Code>InvalidAccessKeyId</Code></Error>".into()));
    check(
        &[folder()],
        &with_keys(&wrong_key),
        &["the credentials are refused (InvalidAccessKeyId); set AWS_ACCESS_KEY_ID"],
    );
    check(&[file()], &with_keys(&wrong_key), &["access is denied; check the credentials"]);
    let without_conditions = server(|method, path| match method {
        "GET" if path.contains("list-type") => ("200 OK", EMPTY_LIST.into()),
        "GET" => ("404 Not Found", "<Error><Code>NoSuchKey</Code></Error>".into()),
        _ => ("200 OK", String::new()),
    });
    check(
        &[folder()],
        &with_keys(&without_conditions),
        &["overwrites objects despite `If-None-Match`", "a local folder"],
    );
    check(
        &[Task::Create("https://example.org/results".into()), Task::Create("http://example.org/results".into())],
        &[],
        &["results cannot be kept on a web server", "s3://, gs:// or az://"],
    );
    check(&[Task::Read(Source::new("ftp://example.org/a.csv"))], &[], &["no dataset `ftp://example.org/a.csv`"]);
    if let Some(port) = s3_server::port() {
        let endpoint = format!("http://127.0.0.1:{port}");
        let nowhere = [
            Task::Read(Source::new("s3://nowhere/a.jsonl")),
            Task::Read(Source::new("s3://nowhere/folder/")),
            Task::Create("s3://nowhere/results".into()),
        ];
        check(&nowhere, &with_keys(&endpoint), &["s3://nowhere", "there is no such bucket; check its name"]);
        let web = format!("{endpoint}/test");
        check(
            &[Task::Read(Source::new(format!("{web}/*.jsonl"))), Task::Read(Source::new("json").dir(&web))],
            &[],
            &["a web server does not say which files it has"],
        );
        check(&[Task::Read(Source::new(format!("{web}/none.jsonl")))], &[], &["there is no such file"]);
    }
}
