//! Datasets of a hub: a small server on this machine answers as the hub does.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use inseq_datasets::{Columns, Dataset, Result, Source};
use inseq_models::checkpoint::HubOptions;
use tempfile::TempDir;

const MAIN: &str = "0123456789abcdef0123456789abcdef01234567";
const EXPORT: &str = "89abcdef0123456789abcdef0123456789abcdef";
const EXPORT_BRANCH: &str = "refs%2Fconvert%2Fparquet";

/// The files of each commit, and the paths and tokens that were asked for.
struct Hub {
    address: String,
    asked: Arc<Mutex<Vec<(String, String)>>>,
}

impl Hub {
    fn start(main: &[(&str, &[u8])], export: &[(&str, &[u8])]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let owned = |files: &[(&str, &[u8])]| -> BTreeMap<String, Vec<u8>> {
            files.iter().map(|(name, bytes)| (name.to_string(), bytes.to_vec())).collect()
        };
        let commits = BTreeMap::from([(MAIN, owned(main)), (EXPORT, owned(export))]);
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let _ = answer(stream, &commits, &log);
            }
        });
        Self { address, asked }
    }

    fn options(&self, cache: &TempDir) -> HubOptions {
        HubOptions::default().endpoint(self.address.clone()).cache(cache.path().to_path_buf())
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().map(|(path, _)| path.clone()).collect()
    }
}

fn answer(
    mut stream: TcpStream,
    commits: &BTreeMap<&str, BTreeMap<String, Vec<u8>>>,
    log: &Mutex<Vec<(String, String)>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_string();
    let (mut range, mut token) = (String::new(), String::new());
    loop {
        line.clear();
        if reader.read_line(&mut line)? <= 2 {
            break;
        }
        match line.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.trim())) {
            Some((name, value)) if name == "range" => range = value.into(),
            Some((name, value)) if name == "authorization" => token = value.into(),
            _ => {}
        }
    }
    log.lock().unwrap().push((path.clone(), token));
    let head = |status: u16, more: &str, length: usize| {
        format!("HTTP/1.1 {status} x\r\nConnection: close\r\nContent-Length: {length}\r\n{more}\r\n")
    };
    if let Some(revision) = path.strip_prefix("/api/datasets/org/texts/revision/") {
        let commit = match revision {
            "main" | MAIN | "v1" => MAIN,
            EXPORT_BRANCH | EXPORT if !commits[EXPORT].is_empty() => EXPORT,
            _ => return stream.write_all(head(404, "", 0).as_bytes()),
        };
        let siblings: Vec<_> = commits[commit].keys().map(|name| serde_json::json!({ "rfilename": name })).collect();
        let body = serde_json::json!({ "sha": commit, "siblings": siblings }).to_string();
        return stream.write_all((head(200, "Content-Type: application/json\r\n", body.len()) + &body).as_bytes());
    }
    let found = path.strip_prefix("/datasets/org/texts/resolve/").and_then(|rest| {
        let (commit, name) = rest.split_once('/')?;
        Some((commit, commits.get(commit)?.get(name)?))
    });
    let Some((commit, bytes)) = found else {
        return stream.write_all(head(404, "", 0).as_bytes());
    };
    let etag = format!("{:040x}", bytes.iter().fold(1usize, |sum, &b| sum * 31 % 99_991 + usize::from(b)));
    let (start, end) = range.trim_start_matches("bytes=").split_once('-').unwrap_or(("0", ""));
    let start: usize = start.parse().unwrap_or(0);
    let end = end.parse().map_or(bytes.len(), |end: usize| (end + 1).min(bytes.len()));
    let last = end.max(1) - 1;
    let more = format!(
        "ETag: \"{etag}\"\r\nX-Repo-Commit: {commit}\r\nContent-Range: bytes {start}-{last}/{}\r\n",
        bytes.len()
    );
    stream.write_all(head(206, &more, end - start).as_bytes())?;
    stream.write_all(&bytes[start..end])
}

fn parquet(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/datasets").join(name)).unwrap()
}

fn texts(source: &Source, hub: &HubOptions) -> Result<Vec<String>> {
    let dataset = Dataset::open_with(source, &Columns::new("text"), hub)?;
    dataset.rows(0..dataset.len())?.map(|row| Ok(row?.texts.map_or_else(|reason| reason, |(text, _)| text))).collect()
}

const TEXTS: [&str; 7] = ["one", "zwei", "column `text`: null", "", "five", "sechs\n6", "siebén"];

#[test]
fn the_parquet_export_is_read_and_nothing_else_is_fetched() {
    let file = parquet("groups.parquet");
    let export: [(&str, &[u8]); 4] = [
        ("default/test/0000.parquet", &file),
        ("default/train/0001.parquet", &file),
        ("default/train/0000.parquet", &file),
        ("other/train/0000.parquet", b"not fetched"),
    ];
    let hub = Hub::start(&[("data.csv", b"text\nown\n")], &export);
    let cache = tempfile::tempdir().unwrap();
    let options = hub.options(&cache);
    let source = Source::new("org/texts").split("train[5:9]").token("secret");
    assert_eq!(texts(&source, &options).unwrap(), [TEXTS[5], TEXTS[6], TEXTS[0], TEXTS[1]]);
    assert!(hub.asked().iter().all(|path| !path.contains("test/") && !path.contains("other/") && !path.contains(MAIN)));
    assert!(hub.asked.lock().unwrap().iter().all(|(_, token)| token == "Bearer secret"));

    // Addresses, sizes and hashes of the files.
    let dataset = Dataset::open_with(&source, &Columns::new("text"), &options).unwrap();
    let first = &dataset.files(&[]).unwrap()[0];
    assert_eq!(first.path, format!("hf://datasets/org/texts@{EXPORT}/default/train/0000.parquet"));
    assert_eq!((first.bytes, first.hash.len()), (file.len() as u64, 40));

    // Python's layout, and the same without the hub.
    assert!(cache.path().join("datasets--org--texts/refs/refs/convert/parquet").is_file());
    let offline = options.clone().offline(true).endpoint("http://127.0.0.1:9");
    let asked = hub.asked().len();
    assert_eq!(texts(&source, &offline).unwrap().len(), 4);
    assert_eq!(hub.asked().len(), asked);
    // A split that was not fetched does not look like one that is not there, or like a whole one.
    let message = texts(&Source::new("org/texts").split("test"), &offline).unwrap_err().to_string();
    assert!(message.contains("`default/test/0000.parquet` is not in the cache"), "{message}");
    let message = texts(&Source::new("org/none"), &offline).unwrap_err().to_string();
    assert!(message.contains("org/none: not in the cache") && message.contains("HF_HUB_OFFLINE"), "{message}");
}

#[test]
fn configurations_are_chosen_by_name() {
    let file = parquet("groups.parquet");
    let hub = Hub::start(&[], &[("de/train/0000.parquet", &file), ("fr/train/0000.parquet", &file)]);
    let cache = tempfile::tempdir().unwrap();
    let message = |source: Source| texts(&source, &hub.options(&cache)).unwrap_err().to_string();
    assert_eq!(texts(&Source::new("org/texts").config("fr"), &hub.options(&cache)).unwrap(), TEXTS);
    assert_eq!(
        message(Source::new("org/texts")),
        "org/texts: it has several configurations; choose one with `--dataset_config`: `de`, `fr`"
    );
    assert_eq!(message(Source::new("org/texts").config("es")), "org/texts: no configuration `es`; it has `de`, `fr`");
    assert_eq!(
        message(Source::new("org/texts").config("fr").split("valid")),
        "no split `valid`; the dataset has `train`"
    );
}

#[test]
fn a_card_says_the_files_and_the_default_of_its_configurations() {
    const CARD: &[u8] =
        b"---\nconfigs:\n- config_name: de\n  data_files: german.csv\n- config_name: fr\n  default: true\n  data_files:\n  - split: \
        test\n    path: french/*.csv\n  sep: ;\n---\n";
    let own: [(&str, &[u8]); 4] = [
        ("README.md", CARD),
        ("german.csv", b"text\neins\n"),
        ("french/a.csv", b"n;text\n1;un\n"),
        ("french/b.csv", b"n;text\n2;deux\n"),
    ];
    // Without an export, the card says which files there are.
    let hub = Hub::start(&own, &[]);
    let cache = tempfile::tempdir().unwrap();
    let options = hub.options(&cache);
    assert_eq!(texts(&Source::new("org/texts").split("test"), &options).unwrap(), ["un", "deux"]);
    assert!(!hub.asked().iter().any(|path| path.contains("german")), "only files of the split are fetched");
    assert_eq!(texts(&Source::new("org/texts").config("de"), &options).unwrap(), ["eins"]);
    let message = texts(&Source::new("org/texts").config("es"), &options).unwrap_err().to_string();
    assert!(message.ends_with("no configuration `es`; it has `de`, `fr`"), "{message}");
    // Of an export, it says which configuration is the default one.
    let file = parquet("groups.parquet");
    let export: [(&str, &[u8]); 2] = [("de/train/0000.parquet", b"not fetched"), ("fr/test/0000.parquet", &file)];
    let hub = Hub::start(&own, &export);
    let cache = tempfile::tempdir().unwrap();
    assert_eq!(texts(&Source::new("org/texts").split("test"), &hub.options(&cache)).unwrap(), TEXTS);
    assert!(!hub.asked().iter().any(|path| path.ends_with(".csv") || path.contains("de/train")));
}

#[test]
fn the_own_files_are_read_where_there_is_no_whole_export() {
    let file = parquet("groups.parquet");
    let own: [(&str, &[u8]); 5] = [
        ("README.md", b"---\nlicense: mit\n---\n"),
        ("data/train.csv", b"text\nown\n"),
        ("data/test.csv", b"text\ntest\n"),
        ("more/lines.csv", b"text\nmore\n"),
        (".gitattributes", b""),
    ];
    for export in [&[][..], &[("default/partial-train/0000.parquet", &file[..])]] {
        let hub = Hub::start(&own, export);
        let cache = tempfile::tempdir().unwrap();
        let texts = |source: Source| texts(&source, &hub.options(&cache));
        assert_eq!(texts(Source::new("org/texts")).unwrap(), ["own"]);
        assert_eq!(texts(Source::new("org/texts").split("test+train")).unwrap(), ["test", "own"]);
        assert_eq!(texts(Source::new("org/texts").dir("more")).unwrap(), ["more"]);
        assert_eq!(texts(Source::new("org/texts").files(["more/*.csv", "data/test.csv"])).unwrap(), ["more", "test"]);
        assert_eq!(texts(Source::new("org/texts").revision("v1")).unwrap(), ["own"]);
        for (source, expected) in [
            (Source::new("org/texts").revision("v9"), "no such dataset or no such revision"),
            (Source::new("org/unknown"), "has no such dataset; check the spelling"),
            (Source::new("org/texts").files(["nowhere.csv"]), "no file is or matches `nowhere.csv`"),
            (Source::new("org/texts").config("fr").revision("v1"), "no configuration `fr`; it has `default`"),
            (Source::new("org/te xts"), "nor the name of a dataset on the hub"),
        ] {
            let message = texts(source.clone()).unwrap_err().to_string();
            assert!(message.contains(expected), "{source:?}: {message}");
        }
    }
}
