//! Fetching from a hub: a small server on this machine answers as the hub does.
#![cfg(all(feature = "hub", feature = "flex"))]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use burn::tensor::DType;
use inseq_models::checkpoint::{HubOptions, Repository, Weights};
use inseq_models::tokenizer::Tokenizer;
use inseq_models::{architectures, device};
use tempfile::TempDir;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What the server has, and what it was asked.
#[derive(Default)]
struct State {
    files: BTreeMap<&'static str, Vec<u8>>,
    /// Files that are kept apart, behind a redirect to another address, as the hub keeps weights.
    large: Vec<&'static str>,
    /// The status of every answer, where it is not the usual one.
    status: Option<u16>,
    /// Bytes after which a body breaks off, each taken once.
    breaks: Vec<usize>,
    /// Method, path, and the values of the headers `Authorization` and `Range`.
    requests: Vec<(String, String, String)>,
}

struct Hub {
    address: String,
    state: Arc<Mutex<State>>,
}

impl Hub {
    fn start(files: &[(&'static str, &[u8])]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let files = files.iter().map(|(name, bytes)| (*name, bytes.to_vec())).collect();
        let state = Arc::new(Mutex::new(State { files, large: vec!["model.safetensors"], ..State::default() }));
        let (shared, base) = (state.clone(), address.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let _ = answer(stream, &shared, &base);
            }
        });
        Self { address, state }
    }

    fn requests(&self) -> Vec<String> {
        self.state.lock().unwrap().requests.iter().map(|(path, ..)| path.clone()).collect()
    }
}

fn answer(mut stream: TcpStream, state: &Mutex<State>, base: &str) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_string();
    let (mut range, mut authorization) = (String::new(), String::new());
    loop {
        line.clear();
        if reader.read_line(&mut line)? <= 2 {
            break;
        }
        let Some((name, value)) = line.split_once(':') else { continue };
        match name.to_ascii_lowercase().as_str() {
            "range" => range = value.trim().into(),
            "authorization" => authorization = value.trim().into(),
            _ => {}
        }
    }
    let mut state = state.lock().unwrap();
    state.requests.push((path.clone(), authorization, range.clone()));
    let head = |status: u16, more: &str, length: usize| {
        format!("HTTP/1.1 {status} x\r\nConnection: close\r\nContent-Length: {length}\r\n{more}\r\n")
    };
    if let Some(status) = state.status {
        return stream.write_all(head(status, "", 0).as_bytes());
    }
    let revision = path.strip_prefix("/api/models/org/tiny/revision/");
    if let Some(revision) = revision {
        if !["main", "v1", COMMIT].contains(&revision) {
            return stream.write_all(head(404, "X-Error-Code: RevisionNotFound\r\n", 0).as_bytes());
        }
        let siblings: Vec<_> = state.files.keys().map(|name| serde_json::json!({ "rfilename": name })).collect();
        let body = serde_json::json!({ "sha": COMMIT, "siblings": siblings }).to_string();
        let head = head(200, "Content-Type: application/json\r\n", body.len());
        return stream.write_all((head + &body).as_bytes());
    }
    let asked = path.strip_prefix(&format!("/org/tiny/resolve/{COMMIT}/"));
    let stored = path.strip_prefix("/large/");
    let found = asked.or(stored).and_then(|name| state.files.get(name).map(|bytes| (name.to_string(), bytes.clone())));
    let Some((name, bytes)) = found else {
        return stream.write_all(head(404, "", 0).as_bytes());
    };
    let etag = format!("{:040x}", bytes.iter().fold(name.len(), |sum, &b| sum * 31 % 99_991 + usize::from(b)));
    if asked.is_some() && state.large.contains(&name.as_str()) {
        let more = format!("Location: {base}/large/{name}\r\nX-Linked-Etag: \"{etag}\"\r\nX-Repo-Commit: {COMMIT}\r\n");
        return stream.write_all(head(302, &more, 0).as_bytes());
    }
    let (start, end) = range.trim_start_matches("bytes=").split_once('-').unwrap_or(("0", ""));
    let start: usize = start.parse().unwrap_or(0);
    let end = end.parse().map_or(bytes.len(), |end: usize| (end + 1).min(bytes.len()));
    let more = format!(
        "ETag: \"{etag}\"\r\nX-Repo-Commit: {COMMIT}\r\nContent-Range: bytes {start}-{}/{}\r\n",
        end.max(1) - 1,
        bytes.len()
    );
    let part = &bytes[start..end];
    stream.write_all(head(206, &more, part.len()).as_bytes())?;
    let whole = part.len() > 1;
    let sent = if whole { state.breaks.pop().unwrap_or(part.len()).min(part.len()) } else { part.len() };
    stream.write_all(&part[..sent])
}

fn options(hub: &Hub, cache: &TempDir) -> HubOptions {
    HubOptions::default().endpoint(hub.address.clone()).cache(cache.path().to_path_buf()).token("secret")
}

fn read(repository: &Repository, file: &str) -> Option<Vec<u8>> {
    repository.read(file).unwrap().map(|bytes| bytes.into_owned())
}

const CONFIG: (&str, &[u8]) = ("config.json", br#"{"model_type":"marian"}"#);

/// A weights file of one tensor of bytes, `w`.
fn safetensors(bytes: &[u8]) -> Vec<u8> {
    let tensor = serde_json::json!({ "dtype": "U8", "shape": [bytes.len()], "data_offsets": [0, bytes.len()] });
    let header = serde_json::json!({ "w": tensor }).to_string();
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), bytes].concat()
}

/// Opens a model with its weights, and gives the tensor `w`.
fn fetch(name: &str, options: &HubOptions) -> inseq_models::Result<Vec<u8>> {
    let weights = Weights::open(&Repository::open(name, options)?)?;
    Ok(weights.tensor("w")?.data.into_owned())
}

#[test]
fn fetches_what_a_model_needs_and_nothing_else() {
    let bytes = vec![7u8; 100_000];
    let weights = safetensors(&bytes);
    let hub = Hub::start(&[
        CONFIG,
        ("source.spm", b"spm"),
        ("vocab.json", b"{}"),
        ("model.safetensors", &weights),
        ("pytorch_model.bin", b"not fetched"),
        ("tf_model.h5", b"not fetched"),
        ("README.md", b"not fetched"),
    ]);
    let cache = tempfile::tempdir().unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let report = seen.clone();
    let options = options(&hub, &cache).progress(Arc::new(move |file, arrived, total| {
        report.lock().unwrap().push((file.to_string(), arrived, total))
    }));
    let repository = Repository::open("org/tiny", &options).unwrap();
    assert_eq!(hub.requests().len(), 1, "the names of the files are asked for, and no file");
    assert_eq!(read(&repository, "config.json").unwrap(), CONFIG.1);
    assert_eq!(read(&repository, "tokenizer.json"), None);
    assert_eq!(*Weights::open(&repository).unwrap().tensor("w").unwrap().data, bytes);
    assert!(!hub.requests().iter().any(|path| path.contains("tf_model") || path.contains("pytorch_model")));

    // Python's layout.
    let folder = cache.path().join("models--org--tiny");
    assert_eq!(std::fs::read_to_string(folder.join("refs/main")).unwrap(), COMMIT);
    assert!(!folder.join("refs").join(COMMIT).exists());
    let link = folder.join("snapshots").join(COMMIT).join("model.safetensors");
    assert!(link.symlink_metadata().unwrap().is_symlink());
    assert!(link.canonicalize().unwrap().starts_with(folder.join("blobs").canonicalize().unwrap()));

    // The progress of each file ends at its size.
    let seen = seen.lock().unwrap();
    let last = seen.iter().rev().find(|(file, ..)| file == "model.safetensors").unwrap();
    assert_eq!((last.1, last.2), (weights.len() as u64, weights.len() as u64));
    // The token goes to the hub.
    let state = hub.state.lock().unwrap();
    assert!(
        state
            .requests
            .iter()
            .filter(|(path, ..)| !path.starts_with("/large"))
            .all(|(_, token, _)| token == "Bearer secret")
    );
}

#[test]
fn a_second_time_asks_only_whether_the_model_has_changed() {
    let hub = Hub::start(&[CONFIG, ("model.safetensors", &safetensors(b"weights"))]);
    let cache = tempfile::tempdir().unwrap();
    let options = options(&hub, &cache);
    for name in ["org/tiny", "org/tiny@v1"] {
        let repository = Repository::open(name, &options).unwrap();
        assert_eq!(read(&repository, "config.json").unwrap(), CONFIG.1);
        Weights::open(&repository).unwrap();
    }
    let before = hub.requests().len();
    fetch("org/tiny@v1", &options).unwrap();
    assert_eq!(hub.requests()[before..], ["/api/models/org/tiny/revision/v1"]);
    let refs = cache.path().join("models--org--tiny/refs");
    assert_eq!(std::fs::read_to_string(refs.join("v1")).unwrap(), COMMIT);

    // From the cache alone: by a branch, a tag and a commit.
    let offline = options.offline(true);
    let before = hub.requests().len();
    for name in ["org/tiny", "org/tiny@v1", &format!("org/tiny@{COMMIT}")] {
        let repository = Repository::open(name, &offline).unwrap();
        assert_eq!(repository.name(), name);
        assert_eq!(fetch(name, &offline).unwrap(), b"weights");
    }
    assert_eq!(hub.requests().len(), before);
    let message = Repository::open("org/other", &offline).unwrap_err().to_string();
    assert!(message.starts_with("org/other: not in the cache") && message.contains("HF_HUB_OFFLINE"), "{message}");
}

#[test]
fn shards_are_those_that_the_index_names() {
    let index = br#"{"weight_map":{"w":"model-1.safetensors"}}"#;
    let two = br#"{"weight_map":{"w":"model-1.safetensors","v":"model-2.safetensors"}}"#;
    let shard = safetensors(b"1");
    let hub = Hub::start(&[
        CONFIG,
        ("model.safetensors.index.json", index),
        ("model-1.safetensors", &shard),
        ("model-3.safetensors", b"333"),
    ]);
    let cache = tempfile::tempdir().unwrap();
    assert_eq!(fetch("org/tiny", &options(&hub, &cache)).unwrap(), b"1");
    assert!(!hub.requests().iter().any(|path| path.contains("model-3")));

    let evil = br#"{"weight_map":{"a":"../../../evil"}}"#;
    let hub = Hub::start(&[CONFIG, ("model.safetensors.index.json", evil), ("../../../evil", b"x")]);
    let message = fetch("org/tiny", &options(&hub, &tempfile::tempdir().unwrap())).unwrap_err().to_string();
    assert!(message.contains("must lie inside the model's folder"), "{message}");
    // A shard that is missing is noticed before another is fetched.
    let hub = Hub::start(&[CONFIG, ("model.safetensors.index.json", two), ("model-1.safetensors", &shard)]);
    let message = fetch("org/tiny", &options(&hub, &tempfile::tempdir().unwrap())).unwrap_err().to_string();
    assert!(message.contains("model-2.safetensors") && message.contains("names this shard"), "{message}");
    assert!(!hub.requests().iter().any(|path| path.contains("model-1")));
}

/// What is wrong with a model, and the files of it that were asked for.
fn refused(files: &[(&'static str, &[u8])]) -> (String, Vec<String>) {
    let hub = Hub::start(files);
    let cache = tempfile::tempdir().unwrap();
    let repository = Repository::open("org/tiny", &options(&hub, &cache)).unwrap();
    let loaded = architectures::load(&repository, &device::parse("flex").unwrap(), DType::F32);
    let names = hub.requests().into_iter().filter_map(|path| Some(path.rsplit_once(COMMIT)?.1[1..].to_string()));
    let mut names: Vec<String> = names.collect();
    names.dedup();
    (loaded.map(|_| ()).unwrap_err().to_string(), names)
}

#[test]
fn what_is_not_supported_is_refused_before_its_weights_are_fetched() {
    let weights: (&str, &[u8]) = ("model.safetensors", &safetensors(b"never fetched"));
    let tokenizer: (&str, &[u8]) = ("tokenizer.json", b"never fetched");
    let refused = |config: &str, more: &[(&'static str, &[u8])]| {
        refused(&[&[("config.json", config.as_bytes()), weights, tokenizer], more].concat())
    };
    let (message, asked) = refused(r#"{"model_type":"qwen2_moe"}"#, &[]);
    assert!(message.contains("`qwen2_moe`, a mixture of experts"), "{message}");
    assert_eq!(asked, ["config.json"]);
    let (message, asked) =
        refused(r#"{"model_type":"llama","quantization_config":{"quant_method":"gptq","bits":4}}"#, &[]);
    assert!(message.contains("quantized (GPTQ, 4 bits)"), "{message}");
    assert_eq!(asked, ["config.json"]);
    let (message, asked) =
        refused(r#"{"model_type":"llama"}"#, &[("quantize_config.json", br#"{"bits":3,"group_size":128}"#)]);
    assert!(message.starts_with("quantize_config.json: ") && message.contains("(GPTQ, 3 bits)"), "{message}");
    assert_eq!(asked, ["config.json", "quantize_config.json"]);
    // A field that does not fit is one more reason.
    let (message, asked) = refused(r#"{"model_type":"llama","hidden_size":"wide"}"#, &[]);
    assert!(message.starts_with("config.json: ") && message.contains("wide"), "{message}");
    assert_eq!(asked, ["config.json"]);
}

/// A tokenizer of another repository than the model's.
#[test]
fn a_tokenizer_is_fetched_without_weights() {
    let hub = Hub::start(&[("tokenizer.json", b"{}"), ("model.safetensors", b"never fetched")]);
    let cache = tempfile::tempdir().unwrap();
    let repository = Repository::open("org/tiny", &options(&hub, &cache)).unwrap();
    let message = Tokenizer::load(&repository).unwrap_err().to_string();
    assert!(message.contains("tokenizer.json"), "{message}");
    assert!(!hub.requests().iter().any(|path| path.contains("model.safetensors")));
}

#[test]
fn what_is_no_model_is_called_what_it_is() {
    let lora = br#"{"peft_type":"LORA","base_model_name_or_path":"org/base","task_type":"CAUSAL_LM"}"#;
    let (message, asked) = refused(&[("adapter_config.json", lora), ("adapter_model.safetensors", b"never fetched")]);
    assert!(message.contains("a LoRA adapter (adapter_config.json) of the model `org/base`"), "{message}");
    assert!(message.contains("merge_and_unload()"), "{message}");
    assert_eq!(asked, ["adapter_config.json"]);
    let (message, asked) = refused(&[("tiny.Q4_K_M.gguf", b"never fetched"), ("README.md", b"")]);
    assert!(message.contains("it holds weights for llama.cpp (GGUF): tiny.Q4_K_M.gguf; "), "{message}");
    assert!(asked.is_empty(), "{asked:?}");
}

#[test]
fn refusals_say_what_to_do() {
    let hub = Hub::start(&[CONFIG, ("tf_model.h5", b"x")]);
    let cache = tempfile::tempdir().unwrap();
    let message = |name: &str| Repository::open(name, &options(&hub, &cache)).unwrap_err().to_string();
    let unknown = message("org/unknown");
    assert!(
        unknown.starts_with("org/unknown: the hub (http://127.0.0.1") && unknown.contains("check the spelling"),
        "{unknown}"
    );
    assert!(message("org/tiny@nowhere").contains("no such model or no such revision"));
    let without = fetch("org/tiny", &options(&hub, &cache)).unwrap_err().to_string();
    assert!(without.contains("no weights found") && without.contains("TensorFlow weights: tf_model.h5"), "{without}");
    assert!(message("./org/unknown").contains("neither a folder nor the name of a model"));
    // A cache that has the model would do where the hub is out of order.
    let cache = tempfile::tempdir().unwrap();
    let message = |name: &str| Repository::open(name, &options(&hub, &cache)).unwrap_err().to_string();
    for (status, text) in [(401, "HF_TOKEN"), (403, "gated"), (429, "too many requests"), (500, "cannot be fetched")] {
        hub.state.lock().unwrap().status = Some(status);
        let message = message("org/tiny");
        assert!(message.contains(text), "{status}: {message}");
    }
}

#[test]
fn without_the_hub_the_cache_is_used() {
    let hub = Hub::start(&[CONFIG, ("model.safetensors", &safetensors(b"weights"))]);
    let cache = tempfile::tempdir().unwrap();
    fetch("org/tiny", &options(&hub, &cache)).unwrap();
    hub.state.lock().unwrap().status = Some(503);
    assert_eq!(fetch("org/tiny", &options(&hub, &cache)).unwrap(), b"weights");
    // A port where nobody listens.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nowhere = options(&hub, &cache).endpoint(format!("http://{nobody}"));
    assert_eq!(fetch("org/tiny", &nowhere).unwrap(), b"weights");
    let message = Repository::open("org/other", &nowhere).unwrap_err().to_string();
    assert!(message.contains("cannot be fetched") && message.contains("check the connection"), "{message}");
    // A model whose weights were never fetched.
    let cache = tempfile::tempdir().unwrap();
    hub.state.lock().unwrap().status = None;
    read(&Repository::open("org/tiny", &options(&hub, &cache)).unwrap(), "config.json").unwrap();
    let offline = options(&hub, &cache).offline(true);
    let message = fetch("org/tiny", &offline).unwrap_err().to_string();
    assert!(message.contains("only the cache was looked at"), "{message}");
    // A refusal is an answer: the cache does not hide it.
    hub.state.lock().unwrap().status = Some(403);
    assert!(Repository::open("org/tiny", &options(&hub, &cache)).is_err());
}

#[test]
fn a_download_that_breaks_off_is_taken_up_again() {
    let weights: Vec<u8> = (0..50_000u32).map(|i| (i % 251) as u8).collect();
    let hub = Hub::start(&[CONFIG, ("model.safetensors", &safetensors(&weights))]);
    // Popped from the end: config.json comes whole, the weights in three parts.
    hub.state.lock().unwrap().breaks = vec![20_000, 10_000, 1000];
    let cache = tempfile::tempdir().unwrap();
    assert_eq!(fetch("org/tiny", &options(&hub, &cache)).unwrap(), weights);
    let state = hub.state.lock().unwrap();
    assert!(state.requests.iter().any(|(path, _, range)| path.starts_with("/large") && range == "bytes=10000-"));
}

#[test]
fn a_local_folder_comes_before_the_hub() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let empty = Repository::open(path, &HubOptions::default()).unwrap();
    let message = empty.config().unwrap_err().to_string();
    assert!(message.contains("config.json: not found; a model folder holds"), "{message}");
    std::fs::write(folder.path().join(CONFIG.0), CONFIG.1).unwrap();
    let repository = Repository::open(path, &HubOptions::default()).unwrap();
    assert_eq!(repository.json("config.json").unwrap().unwrap()["model_type"], "marian");
    let file = Path::new(path).join("config.json");
    let message = Repository::open(file.to_str().unwrap(), &HubOptions::default()).unwrap_err().to_string();
    assert!(message.contains("is a file"), "{message}");
}
